from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from config.settings import Settings
from service.store.database import writing
from service.store.states import MessageState, ObjectState
from service.store.tables import Instance, Message, Patient, Report, Study
from service.web.pages import make_pages
from tests.service.rows import NOW, add_study


@pytest.fixture
def page(engine: Engine, tmp_path: Path) -> TestClient:
    return TestClient(make_pages(Settings(data=tmp_path), engine))


def test_healthz_answers_while_the_database_does(page: TestClient) -> None:
    assert page.get("/healthz").json() == {"status": "ok"}


def test_the_page_lists_each_study_with_its_state(engine: Engine, page: TestClient) -> None:
    add_study(engine)

    content = page.get("/").text

    assert "CANARYACC1" in content
    assert "labels done" in content


def test_the_page_says_what_the_embedded_models_cannot_do(page: TestClient) -> None:
    assert "labels reports at chance" in page.get("/").text


def test_what_waits_for_a_person_is_listed_with_a_sentence(engine: Engine, page: TestClient) -> None:
    who = {"calling_ae": "X", "address": "a"}
    kept: dict[str, Any] = {"transfer_syntax_uid": "1", "sha256": "0", "file": "f", "bytes": 1, **who}
    with writing(engine) as session:
        session.add_all(
            [
                Instance(
                    sop_class_uid="1",
                    received=NOW,
                    state=ObjectState.REFUSED,
                    reason="no study UID",
                    **kept,
                ),
                Message(
                    received=NOW, peer="a", sha256="0", raw=b"x", state=MessageState.INCOMPLETE, reason="cut in half"
                ),
            ]
        )
        session.flush()
        session.add(
            Report(
                message_id=1,
                order_key="1",
                received=NOW,
                status="final",
                text="",
                pairing_reason="No study.",
            )
        )

    content = page.get("/").text

    for sentence in ("no study UID", "cut in half", "No study."):
        assert sentence in content


def test_what_a_sender_wrote_is_shown_as_text(engine: Engine, page: TestClient) -> None:
    with writing(engine) as session:
        session.add(Patient(name="<script>alert(1)</script>"))
        session.flush()
        session.add(Study(study_uid="1", patient_id=1, first_received=NOW))

    assert "<script>" not in page.get("/").text


def test_a_study_that_waits_for_a_person_is_among_what_does(engine: Engine, page: TestClient) -> None:
    add_study(engine)
    with writing(engine) as session:
        session.get_one(Study, 1).review_reason = "two patient IDs"

    waiting = page.get("/").text.split("Waiting for a person")[1]

    assert "two patient IDs" in waiting
