"""From a wrong merge to the corrected structured report: what a merge brought together comes apart again."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from integrations.hl7.connection import ReceivedMessage
from service.cli import load_commands
from service.listening import Listening
from tests.service.messages import group, oru
from tests.service.test_identity_changes import merge
from tests.service.test_late_halves import BOTH, LOG, QUIET, Hospital


@pytest.fixture
def hospital(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hospital:
    return Hospital(engine, tmp_path, monkeypatch)


def test_a_structured_report_that_rested_on_a_wrong_merge_is_corrected_with_its_predecessor(
    hospital: Hospital, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = hospital.images[0]
    listening = Listening(engine, hospital.settings, LOG)

    def receive(message: bytes) -> None:
        listening.receive(ReceivedMessage(message, "127.0.0.1", datetime.now(UTC)))

    hospital.send_images(0, 1)
    order = group("Canal stenosis.", obr7=f"{image.StudyDate}{str(image.StudyTime)[:4]}", obr25="F")
    receive(oru("R", order, patient="OTHER"))
    receive(merge("OTHER", str(image.PatientID)))
    hospital.let_pass(QUIET)
    assert hospital.written() == [BOTH]

    monkeypatch.setenv("SPINELABEL__data", str(tmp_path))
    done = CliRunner().invoke(load_commands(), ["patient", "unmerge", "OTHER"])
    hospital.let_pass(timedelta(seconds=1))

    assert done.exit_code == 0, done.output
    assert hospital.written() == [BOTH, {"image"}]
    assert hospital.predecessors() == [None, hospital.uids()[0]]
