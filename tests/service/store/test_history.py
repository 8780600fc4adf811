"""The history of states: complete, in order, and in the transaction of what it tells."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Engine
from sqlmodel import col, select

from service.store.database import open_database, reading, writing
from service.store.states import DeliveryState, WorkState
from service.store.tables import Change, Delivery, Document, Report, Study
from tests.service.rows import NOW, add_study


def changes(engine: Engine, kind: str) -> list[tuple[str, str]]:
    with reading(engine) as session:
        rows = session.exec(select(Change).where(Change.kind == kind).order_by(col(Change.id)))
        return [(row.state, row.reason) for row in rows]


def test_each_change_of_a_state_is_kept_with_its_reason(engine: Engine) -> None:
    add_study(engine)
    for state, reason in ((WorkState.QUEUED, ""), (WorkState.FAILED, "no sagittal T2")):
        with writing(engine) as session:
            study = session.get_one(Study, 1)
            study.images, study.images_reason = state, reason

    assert changes(engine, "images") == [("done", ""), ("queued", ""), ("failed", "no sagittal T2")]


def test_a_new_answer_of_a_peer_is_a_change_though_the_state_is_the_same(engine: Engine) -> None:
    add_study(engine)
    with writing(engine) as session:
        session.add(
            Document(study_id=1, accepts="trial", inputs="0", sop_instance_uid="1", file="f", sha256="0", created=NOW)
        )
        session.flush()
        session.add(Delivery(document_id=1, destination="pacs", next_attempt=NOW))
    for answer in ("no answer", "A700H out of resources"):
        with writing(engine) as session:
            session.get_one(Delivery, 1).answer = answer

    assert changes(engine, "delivery") == [
        (DeliveryState.WAITING, answer) for answer in ("", "no answer", "A700H out of resources")
    ]


def test_what_is_rolled_back_leaves_no_change(engine: Engine) -> None:
    add_study(engine)
    before = changes(engine, "labels")

    with suppress(ZeroDivisionError), writing(engine) as session:
        session.get_one(Report, 1).labels = WorkState.FAILED
        session.flush()
        raise ZeroDivisionError

    assert changes(engine, "labels") == before


def test_whoever_asked_hears_of_a_change_once_it_is_committed(engine: Engine, tmp_path: Path) -> None:
    add_study(engine)
    heard: list[Mapping[str, Any]] = []
    with writing(open_database(tmp_path, heard.append)) as session:
        session.get_one(Report, 1).labels = WorkState.QUEUED
        session.flush()
        assert heard == []

    assert [(change["kind"], change["subject"], change["state"]) for change in heard] == [("labels", 1, "queued")]
