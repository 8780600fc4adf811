"""Pairings on the database: found, corrected by what arrives later, decided by a person."""

from pathlib import Path

import pytest
from sqlalchemy import Engine, event
from sqlmodel import select

from config.settings import Settings
from service.candidates import pair_waiting_reports
from service.decisions import pair_by_hand, undo_pairing
from service.errors import UnknownItem
from service.listening import Listening
from service.log import configure_log
from service.store.database import reading, writing
from service.store.states import WorkState
from service.store.tables import Pairing, Patient, Report, Study, row_id
from service.web.open_items import list_open_items
from service.web.timeline import study_timeline
from tests.service.messages import group, oru, receive
from tests.service.rows import NOW


@pytest.fixture
def listening(engine: Engine, tmp_path: Path) -> Listening:
    return Listening(engine, Settings(data=tmp_path), configure_log("listen"))


def add_study(engine: Engine, accession: str, patient: str = "4711", date: str = "20260302") -> int:
    """Write a study as the receiver does, which looks for reports that wait for it."""
    with writing(engine) as session:
        known = session.exec(select(Patient).where(Patient.identifier == patient)).one_or_none()
        person = known or Patient(identifier=patient)
        session.add(person)
        session.flush()
        study = Study(
            study_uid=f"1.2.{accession or patient}.{date}",
            patient_id=row_id(person),
            accession=accession,
            study_date=date,
            study_time="120000",
            description="MR LUMBAR SPINE",
            first_received=NOW,
        )
        session.add(study)
        session.flush()
        pair_waiting_reports(session, study, Settings(), NOW)
        return row_id(study)


def paired(engine: Engine, report_id: int = 1) -> list[tuple[int, str]]:
    with reading(engine) as session:
        rows = session.exec(select(Pairing).where(Pairing.report_id == report_id)).all()
        return [(row.study_id, row.how) for row in rows]


def document(engine: Engine, study_id: int) -> WorkState:
    with reading(engine) as session:
        return session.get_one(Study, study_id).document


@pytest.mark.parametrize("study_first", [True, False], ids=["the study first", "the report first"])
def test_a_report_finds_its_study_whichever_comes_first(
    engine: Engine, listening: Listening, *, study_first: bool
) -> None:
    message = oru("1", group("Stenosis.", obr18="A1", obr25="F"))
    if study_first:
        add_study(engine, "A1")
    receive(listening, message)
    if not study_first:
        add_study(engine, "A1")

    assert paired(engine) == [(1, "accession number")]
    assert document(engine, 1) == WorkState.WAITING


def test_a_better_match_that_arrives_later_takes_the_report_over(engine: Engine, listening: Listening) -> None:
    first = add_study(engine, "")
    receive(listening, oru("1", group("Stenosis.", obr7="20260302130000", obr18="A1", obr25="F")))
    assert paired(engine) == [(first, "patient, procedure and time")]

    second = add_study(engine, "A1", date="20260303")

    assert paired(engine) == [(second, "accession number")]
    assert document(engine, first) == WorkState.WAITING  # its structured report must lose the report's findings


def test_a_second_candidate_sends_a_report_to_a_person(engine: Engine, listening: Listening) -> None:
    add_study(engine, "")
    receive(listening, oru("1", group("Stenosis.", obr7="20260302130000", obr25="F")))

    add_study(engine, "", date="20260303")

    assert paired(engine) == []
    with reading(engine) as session:
        assert "2 studies fit" in session.get_one(Report, 1).pairing_reason


def test_another_order_number_pairs_only_where_no_accession_number_does(engine: Engine, listening: Listening) -> None:
    add_study(engine, "P1", patient="4712")
    right = add_study(engine, "A1")

    receive(listening, oru("1", group("Stenosis.", obr18="A1", obr2="P1", obr25="F")))

    assert paired(engine) == [(right, "accession number")]


def test_a_person_moves_a_report_and_the_next_version_stays_there(engine: Engine, listening: Listening) -> None:
    add_study(engine, "A1")
    chosen = add_study(engine, "A2")
    receive(listening, oru("1", group("Stenosis.", obr18="A1", obr22="20260302110000", obr25="F")))
    with writing(engine) as session:
        pair_by_hand(session, 1, "A2", NOW)

    receive(listening, oru("2", group("No stenosis.", obr18="A1", obr22="20260302120000", obr25="C")))

    assert paired(engine, 1) == paired(engine, 2) == [(chosen, "by hand")]


@pytest.mark.parametrize(
    ("report", "study"),
    [
        pytest.param(1, "", id="an empty name, which some studies have too"),
        pytest.param(1, "NONE", id="no such study"),
        pytest.param(9, "A1", id="no such report"),
    ],
)
def test_what_cannot_be_paired_is_said(engine: Engine, listening: Listening, report: int, study: str) -> None:
    add_study(engine, "A1")
    add_study(engine, "", patient="4713")
    receive(listening, oru("1", group("Stenosis.", obr18="A1", obr25="F")))

    with writing(engine) as session, pytest.raises(UnknownItem):
        pair_by_hand(session, report, study, NOW)


def test_what_a_person_paired_can_be_taken_back(engine: Engine, listening: Listening) -> None:
    right = add_study(engine, "A1")
    wrong = add_study(engine, "A2")
    receive(listening, oru("1", group("Stenosis.", obr18="A1", obr25="F")))
    with writing(engine) as session:
        pair_by_hand(session, 1, "A2", NOW)
    before = results(engine, right), results(engine, wrong)

    with writing(engine) as session:
        said = undo_pairing(session, 1, Settings(), NOW)

    assert said == "paired: accession number fits one study"
    assert paired(engine) == [(right, "accession number")]
    # The structured reports of both are written anew, each with the earlier one as its predecessor.
    assert (results(engine, right), results(engine, wrong)) == (before[0] + 1, before[1] + 1)


def test_what_a_person_took_apart_no_rule_pairs_again_and_a_person_may(engine: Engine, listening: Listening) -> None:
    study = add_study(engine, "A1")
    receive(listening, oru("1", group("Stenosis.", obr18="A1", obr22="20260302110000", obr25="F")))
    with writing(engine) as session:
        said = undo_pairing(session, 1, Settings(), NOW)
    receive(listening, oru("2", group("No stenosis.", obr18="A1", obr22="20260302120000", obr25="C")))
    with writing(engine) as session:
        pair_waiting_reports(session, session.get_one(Study, study), Settings(), NOW)

    assert "a person has parted this report from its study" in said
    assert paired(engine, 1) == paired(engine, 2) == []
    with reading(engine) as session:
        open_items = {item.what: item.reason for item in list_open_items(session).items}
        events = [event.what for event in study_timeline(session, study)]
    assert "parted this report" in open_items["report 2"]
    assert "Report 2 is kept apart from the study, as a person said" in events
    with writing(engine) as session, pytest.raises(UnknownItem, match="nothing to undo"):
        undo_pairing(session, 2, Settings(), NOW)

    with writing(engine) as session:
        pair_by_hand(session, 2, "A1", NOW)
    assert paired(engine, 2) == [(study, "by hand")]
    with writing(engine) as session:
        undo_pairing(session, 2, Settings(), NOW)
    assert paired(engine, 2) == []


def test_one_of_several_studies_is_taken_from_a_report(engine: Engine, listening: Listening) -> None:
    add_study(engine, "A1")
    other = add_study(engine, "A2")
    receive(listening, oru("1", group("", obr18="A1")[:1], group("Stenosis.", obr18="A2", obr25="F")))
    assert len(paired(engine)) == 2

    with writing(engine) as session:
        undo_pairing(session, 1, Settings(), NOW, "A1")

    assert paired(engine) == [(other, "accession number")]


def test_a_person_who_confirms_a_pairing_decides_it(engine: Engine, listening: Listening) -> None:
    study = add_study(engine, "A1")
    receive(listening, oru("1", group("Stenosis.", obr18="A1", obr25="F")))

    with writing(engine) as session:
        pair_by_hand(session, 1, "A1", NOW)

    assert paired(engine) == [(study, "by hand")]


def test_a_study_that_comes_to_hundreds_of_reports_of_its_patient_asks_few_questions(
    engine: Engine, listening: Listening
) -> None:
    fields = {"obr7": "20260302130000", "obr25": "F"}
    receive(listening, *(oru(str(n), group("Stenosis.", obr18=f"B{n}", **fields)) for n in range(300)))
    receive(listening, *(oru(f"x{n}", group("Stenosis.", **fields)) for n in range(20)))
    asked = 0

    @event.listens_for(engine, "before_cursor_execute")
    def count(*_: object) -> None:
        nonlocal asked
        asked += 1

    add_study(engine, "A1")  # reports with another accession number are not about it and are left alone
    event.remove(engine, "before_cursor_execute", count)

    assert asked < 60
    with reading(engine) as session:
        assert len(session.exec(select(Pairing)).all()) == 20


def results(engine: Engine, study_id: int) -> int:
    with reading(engine) as session:
        return session.get_one(Study, study_id).results
