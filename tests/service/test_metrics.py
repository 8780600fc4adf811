"""The metrics: what Prometheus accepts, what they count, and that nothing a sender wrote is in them."""

import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine

from config.settings import Settings
from service.store.database import writing
from service.store.states import DeliveryState, ObjectState, RoleState, WorkState
from service.store.tables import CohortRun, Delivery, Document, Instance, Report, RoleRow, Study
from service.web.metrics import render_metrics
from tests.peers.dicom import program
from tests.service.rows import NOW, add_study

LATER = NOW + timedelta(seconds=20)


@pytest.fixture
def busy(engine: Engine) -> Engine:
    """Give a store with something of everything."""
    for number in (1, 2):
        add_study(engine, number)
    with writing(engine) as session:
        session.get_one(Report, 2).labels = WorkState.WAITING
        session.get_one(Study, 2).images = WorkState.QUEUED
        for state in (ObjectState.STORED, ObjectState.STORED, ObjectState.REFUSED):
            session.add(
                Instance(
                    sop_class_uid="1",
                    transfer_syntax_uid="1",
                    sha256="0",
                    file="f",
                    bytes=1,
                    received=NOW,
                    calling_ae="CANARYAE",
                    address="192.0.2.1",
                    state=state,
                    reason="CANARYREASON",
                )
            )
        session.add(
            Document(study_id=1, accepts="trial", inputs="0", sop_instance_uid="1", file="f", sha256="0", created=NOW)
        )
        session.flush()
        session.add(
            Delivery(document_id=1, destination="pacs", state=DeliveryState.REFUSED, next_attempt=NOW, answer="CANARY")
        )
        session.add(
            RoleRow(role="work", host="a", pid=1, state=RoleState.UP, started=NOW, beat=NOW, restarts=3, reason="")
        )
        session.add(CohortRun(cohort="all", started=NOW, folder="f", rows=1, manifest_sha256="0"))
    return engine


def metrics(engine: Engine, folder: Path) -> str:
    return render_metrics(engine, Settings(data=folder), LATER).decode()


def samples(text: str) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_prometheus_own_checker_finds_nothing_to_say(busy: Engine, tmp_path: Path) -> None:
    checked = subprocess.run(
        [program("promtool"), "check", "metrics"],
        input=metrics(busy, tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )

    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


@pytest.mark.parametrize(
    ("sample", "value"),
    [
        (("spinelabel_objects_total", "stored"), 2),
        (("spinelabel_objects_total", "refused"), 1),
        (("spinelabel_messages_total", "report"), 2),
        (("spinelabel_deliveries", "pacs", "refused"), 1),
        (("spinelabel_queue_length", "reports to label"), 1),
        (("spinelabel_queue_oldest_seconds", "reports to label"), 20),
        (("spinelabel_queue_length", "images to read"), 1),
        (("spinelabel_role_up", "a", "work"), 1),
        (("spinelabel_role_restarts_total", "a", "work"), 3),
        (("spinelabel_last_received_timestamp_seconds", "message"), NOW.timestamp()),
        (("spinelabel_cohort_exported_timestamp_seconds", "all"), NOW.timestamp()),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_metric_counts_what_it_says(busy: Engine, tmp_path: Path, sample: tuple[str, ...], value: float) -> None:
    assert samples(metrics(busy, tmp_path))[sample] == value


def test_no_patient_and_nothing_a_sender_wrote_is_in_a_metric(busy: Engine, tmp_path: Path) -> None:
    assert "CANARY" not in metrics(busy, tmp_path)


def test_ten_times_the_studies_give_no_more_series(busy: Engine, tmp_path: Path) -> None:
    before = samples(metrics(busy, tmp_path)).keys()
    for number in range(3, 21):
        add_study(busy, number)

    assert samples(metrics(busy, tmp_path)).keys() == before


def test_an_empty_store_has_metrics_too(engine: Engine, tmp_path: Path) -> None:
    assert samples(metrics(engine, tmp_path))[("spinelabel_queue_length", "deliveries")] == 0
