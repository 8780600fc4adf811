"""Which version of a report is current after what a feed sent."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import col, select

from config.settings import Hl7Settings, Settings
from service.listening import Listening
from service.log import configure_log
from service.store.database import reading
from service.store.tables import Report
from tests.service.messages import group, oru, receive


@pytest.fixture
def listening(engine: Engine, tmp_path: Path) -> Listening:
    return Listening(engine, Settings(data=tmp_path), configure_log("listen"))


def current(engine: Engine) -> list[tuple[str, str]]:
    with reading(engine) as session:
        found = session.exec(select(Report).where(col(Report.superseded_by).is_(None)).order_by(col(Report.id)))
        return [(report.status, report.text) for report in found]


def test_a_report_that_comes_back_after_its_withdrawal_is_current_again(engine: Engine, listening: Listening) -> None:
    receive(
        listening,
        oru("1", group("Stenosis.", obr18="A1", obr22="20260302110000", obr25="F")),
        oru("2", group("Wrong patient.", obr18="A1", obr22="20260302120000", obr25="X")),
        oru("3", group("Stenosis.", obr18="A1", obr22="20260302130000", obr25="F")),
    )

    assert current(engine) == [("final", "Stenosis.")]


def test_two_reports_under_one_number_in_one_message_are_both_kept(engine: Engine, listening: Listening) -> None:
    lumbar = group("Lumbar: stenosis.", obr18="A1", obr3="F1", obr25="F")
    thoracic = group("Thoracic: normal.", obr18="A1", obr3="F2", obr25="F")

    receive(listening, oru("1", lumbar, thoracic))

    assert current(engine) == [("final", "Lumbar: stenosis."), ("final", "Thoracic: normal.")]


def test_an_older_version_keeps_its_own_text_in_the_history(engine: Engine, listening: Listening) -> None:
    receive(
        listening,
        oru("1", group("Corrected.", obr18="A1", obr22="20260302120000", obr25="C")),
        oru("2", group("First.", obr18="A1", obr22="20260302110000", obr25="F")),
    )

    assert current(engine) == [("corrected", "Corrected.")]
    with reading(engine) as session:
        assert [report.text for report in session.exec(select(Report))] == ["Corrected.", "First."]


def test_a_message_that_was_refused_is_taken_when_it_can_be(engine: Engine, listening: Listening) -> None:
    message = oru("1", group("Stenosis.", obr4="MRLS", obr19="A1", obr25="F"), patient="")
    corrected = replace(
        listening, settings=listening.settings.model_copy(update={"hl7": Hl7Settings(accession_from=("OBR-19",))})
    )

    assert receive(listening, message) == ["AE"]
    assert receive(corrected, message) == ["AA"]
    assert current(engine) == [("final", "Stenosis.")]
