"""Merges, updates and partings of patients, as the store files studies and reports afterwards."""

import dataclasses
import zlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import col, select

from config.settings import Hl7Settings, Settings
from integrations.hl7.acks import Answer
from integrations.hl7.connection import ReceivedMessage
from service.candidates import pair_waiting_reports
from service.errors import UnknownItem
from service.identities import patient_of
from service.identity_changes import Telling, unmerge
from service.listening import Listening
from service.log import configure_log
from service.pairing import Person
from service.store.database import reading, writing
from service.store.states import PairingState, WorkState
from service.store.tables import Change, Message, Pairing, Patient, Report, Study, row_id
from service.two_patients import TWO_PATIENTS, note_further_patient
from service.web.search import search
from tests.service.messages import group, oru, receive
from tests.service.rows import NOW

SAID = Person("A", "", "Marsh^Ada", "19610704", "F")


@pytest.fixture
def listening(engine: Engine, tmp_path: Path) -> Listening:
    return Listening(engine, Settings(data=tmp_path), configure_log("listen"))


def adt(event: str, *segments: str, at: str = "") -> bytes:
    control = zlib.crc32(repr((event, at, segments)).encode())
    head = f"MSH|^~\\&|HIS|X|||20260302120000||ADT^{event}|{control}|P|2.5"
    return "".join(f"{segment}\r" for segment in (head, f"EVN|{event}|{at}", *segments)).encode()


def merge(old: str, new: str, event: str = "A40", at: str = "") -> bytes:
    return adt(event, f"PID|||{new}^^^^MR", f"MRG|{old}^^^^MR", at=at)


def add_study(
    engine: Engine, said: Person = SAID, accession: str = "", date: str = "20260302", settings: Settings | None = None
) -> int:
    """Write a study as the receiver does."""
    with writing(engine) as session:
        patient = patient_of(session, said, None)
        study = Study(
            study_uid=f"1.2.{len(session.exec(select(Study)).all())}",
            patient_id=patient.merged_into or row_id(patient),
            sent_patient_id=row_id(patient),
            patient_identifier=said.identifier,
            patient_authority=said.authority,
            patient_name=said.name,
            birth_date=said.birth_date,
            sex=said.sex,
            accession=accession,
            study_date=date,
            study_time="120000",
            first_received=NOW,
            document=WorkState.DONE,
        )
        session.add(study)
        session.flush()
        pair_waiting_reports(session, study, settings or Settings(), NOW)
        return row_id(study)


def report_of(patient: str, control: str = "R") -> bytes:
    return oru(
        control, group("Stenosis.", obr3=f"F{control}^FILLER", obr7="20260302130000", obr25="F"), patient=patient
    )


def current_number(engine: Engine, study_id: int) -> str | None:
    with reading(engine) as session:
        return session.get_one(Patient, session.get_one(Study, study_id).patient_id).identifier


def pairings(engine: Engine) -> list[tuple[int, int]]:
    with reading(engine) as session:
        return [(row.report_id, row.study_id) for row in session.exec(select(Pairing).order_by(col(Pairing.id)))]


@pytest.mark.parametrize("event", ["A18", "A30", "A34", "A36", "A40", "A46", "A47"])
def test_a_merge_files_studies_and_reports_under_the_new_number_and_keeps_what_was_sent(
    event: str, engine: Engine, listening: Listening
) -> None:
    study = add_study(engine)
    receive(listening, report_of("A"))

    assert receive(listening, merge("A", "B", event)) == ["AA"]

    with reading(engine) as session:
        row, report = session.get_one(Study, study), session.get_one(Report, 1)
        number = session.get_one(Patient, row.patient_id).identifier
    assert number == "B"
    assert (row.patient_identifier, row.patient_name, report.patient_identifier) == ("A", "Marsh^Ada", "A")
    assert report.patient_id == row.patient_id


def test_a_merge_of_unknown_patients_holds_for_what_comes_later(engine: Engine, listening: Listening) -> None:
    receive(listening, merge("A", "B"))
    study = add_study(engine)
    receive(listening, report_of("B"))

    assert current_number(engine, study) == "B"
    assert pairings(engine) == [(1, study)]


@pytest.mark.parametrize(
    ("steps", "current"),
    [
        pytest.param([("A", "B", "01"), ("B", "C", "02")], "C", id="a chain"),
        pytest.param([("B", "C", "02"), ("A", "B", "01")], "C", id="a chain in the other order"),
        pytest.param([("A", "B", "01"), ("B", "A", "02")], "A", id="a merge back"),
        pytest.param([("B", "A", "02"), ("A", "B", "01")], "A", id="a merge back that comes first"),
        pytest.param([("A", "B", "01"), ("B", "C", "02"), ("C", "A", "03")], "A", id="a circle"),
        pytest.param([("A", "B", "01"), ("B", "C", "02"), ("B", "A", "03")], "A", id="a merge back out of a chain"),
        pytest.param([("A", "B", "01"), ("A", "C", "02")], "C", id="merged again into another"),
    ],
)
def test_merges_count_in_the_order_in_which_they_happened(
    steps: list[tuple[str, str, str]], current: str, engine: Engine, listening: Listening
) -> None:
    study = add_study(engine)

    receive(listening, *(merge(old, new, at=f"202603{day}") for old, new, day in steps))
    receive(listening, *(merge(old, new, at=f"202603{day}0000") for old, new, day in steps))  # all of it repeated

    assert current_number(engine, study) == current


def test_a_merge_into_itself_is_refused_at_mrg_1(engine: Engine, listening: Listening) -> None:
    answer: Answer = listening.receive(ReceivedMessage(merge("A", "A"), "127.0.0.1", datetime.now(UTC)))

    assert answer.application is not None
    assert answer.application.fault is not None
    assert (answer.application.code, str(answer.application.fault.place)) == ("AE", "MRG-1")


def test_every_number_finds_everything_of_the_patient(engine: Engine, listening: Listening) -> None:
    first, second = add_study(engine), add_study(engine, Person("B"), accession="ACC")
    receive(listening, oru("R", group("Stenosis.", obr3="F1", obr25="F"), patient="A"))

    receive(listening, merge("A", "B"))

    with reading(engine) as session:
        found = [search(session, number) for number in ("A", "B")]
    for each in found:
        assert {study.id for study, _ in each.studies} == {first, second}
        assert [message.control_id for message in each.messages] == ["R"]


@pytest.mark.parametrize("how", ["A37", "A37 the other way round", "a person"])
def test_a_wrong_merge_that_is_undone_leaves_everything_where_it_was(
    how: str, engine: Engine, listening: Listening
) -> None:
    study = add_study(engine)
    receive(listening, report_of("B"))
    assert pairings(engine) == []
    receive(listening, merge("A", "B"))
    assert pairings(engine) == [(1, study)]
    with reading(engine) as session:
        results = session.get_one(Study, study).results

    if how == "a person":
        with writing(engine) as session:
            said = unmerge(Telling(session, Settings(), datetime.now(UTC)), "A")
        assert said == "identity: concerns 1 studies and 1 reports"
    else:
        pair = ["PID|||A^^^^MR", "PID|||B^^^^MR"]
        receive(listening, adt("A37", *(pair if how == "A37" else reversed(pair))))

    with reading(engine) as session:
        row, report = session.get_one(Study, study), session.get_one(Report, 1)
        changes = session.exec(select(Change.state, Change.reason).where(Change.kind == "identity")).all()
    assert pairings(engine) == []
    assert current_number(engine, study) == "A"
    assert report.pairing == PairingState.UNPAIRED
    assert (row.document, row.results) == (WorkState.WAITING, results + 1)  # its structured report is corrected
    by = "by a person" if how == "a person" else "by message 3"
    assert list(changes) == [("merged", "by message 2"), ("parted", by)]


def test_unlinking_what_is_not_merged_changes_nothing_and_is_noted(engine: Engine, listening: Listening) -> None:
    add_study(engine)

    assert receive(listening, adt("A37", "PID|||A^^^^MR", "PID|||B^^^^MR")) == ["AA"]

    with reading(engine) as session:
        (message,) = session.exec(select(Message))
    assert any("nothing to unlink" in note for note in message.notes)


@pytest.mark.parametrize("number", ["A", "NONE", ""])
def test_a_number_that_is_not_merged_cannot_be_unmerged(number: str, engine: Engine) -> None:
    add_study(engine)

    with writing(engine) as session, pytest.raises(UnknownItem, match="spinelabel patient show"):
        unmerge(Telling(session, Settings(), NOW), number)


@pytest.mark.parametrize("event", ["A24", "A41", "A43", "A44", "A45", "A01"])
def test_events_that_do_not_touch_us_are_acknowledged_and_noted(
    event: str, engine: Engine, listening: Listening
) -> None:
    study = add_study(engine)

    assert receive(listening, adt(event, "PID|||B^^^^MR", "MRG|A^^^^MR")) == ["AA"]

    with reading(engine) as session:
        (message,) = session.exec(select(Message))
    assert "type: kept and acknowledged, not used" in message.notes
    assert current_number(engine, study) == "A"


@pytest.mark.parametrize(
    ("pid", "known"),
    [
        pytest.param("PID|||A^^^^MR||Hill^Ada^Maria||19610705|O", ("Hill^Ada^Maria", "19610705", "O"), id="new"),
        pytest.param("PID|||A^^^^MR", ("Marsh^Ada", "19610704", "F"), id="empty leaves as it is"),
        pytest.param('PID|||A^^^^MR||""||""|""', ("", "", ""), id="null clears"),
        pytest.param('PID|||A^^^^MR||Hill^Ada||""', ("Hill^Ada", "", "F"), id="each by itself"),
    ],
)
def test_an_update_changes_what_is_known_and_not_what_the_study_said(
    pid: str, known: tuple[str, str, str], engine: Engine, listening: Listening
) -> None:
    study = add_study(engine)

    receive(listening, adt("A08", pid))

    with reading(engine) as session:
        row = session.get_one(Study, study)
        patient = session.get_one(Patient, row.patient_id)
    assert (patient.name, patient.birth_date, patient.sex) == known
    assert (row.patient_name, row.birth_date, row.sex) == ("Marsh^Ada", "19610704", "F")


def test_an_update_that_is_older_than_what_is_known_changes_nothing(engine: Engine, listening: Listening) -> None:
    study = add_study(engine)

    receive(listening, adt("A08", "PID|||A^^^^MR||Hill^Ada", at="20260302"))
    receive(listening, adt("A08", "PID|||A^^^^MR||Marsh^Ada", at="20260301"))

    with reading(engine) as session:
        patient = session.get_one(Patient, session.get_one(Study, study).patient_id)
    assert patient.name == "Hill^Ada"


def test_a_new_name_takes_a_report_out_of_review_once_the_hospital_told_both(
    engine: Engine, listening: Listening
) -> None:
    study = add_study(engine, accession="A1")
    message = oru("R", group("Stenosis.", obr18="A1", obr25="F"), patient="A")
    receive(listening, message.replace(b"|A^^^^MR\r", b"|A^^^^MR||Hill^Ada\r"))
    assert pairings(engine) == []

    receive(listening, adt("A08", "PID|||A^^^^MR||Marsh^Ada", at="20260301"))
    assert pairings(engine) == []
    receive(listening, adt("A08", "PID|||A^^^^MR||Hill^Ada", at="20260302"))

    assert pairings(engine) == [(1, study)]


def test_a_merge_tells_how_the_patient_was_called_before(engine: Engine, listening: Listening) -> None:
    study = add_study(engine, accession="A1")
    message = oru("R", group("Stenosis.", obr18="A1", obr25="F"), patient="B")
    receive(listening, message.replace(b"|B^^^^MR\r", b"|B^^^^MR||Hill^Ada\r"))
    assert pairings(engine) == []

    receive(listening, adt("A40", "PID|||B^^^^MR||Hill^Ada", "MRG|A^^^^MR||||||Marsh^Ada"))

    assert pairings(engine) == [(1, study)]


@pytest.mark.parametrize("accepted", [False, True])
def test_a_study_of_two_numbers_waits_for_a_person_only_while_they_are_two_patients(
    engine: Engine, listening: Listening, *, accepted: bool
) -> None:
    study = add_study(engine)
    with writing(engine) as session:
        note_further_patient(session, session.get_one(Study, study), patient_of(session, Person("B"), None))

    def reason() -> str:
        with reading(engine) as session:
            return session.get_one(Study, study).review_reason

    assert reason() == TWO_PATIENTS
    receive(listening, merge("A", "B"))
    assert reason() == ""
    if accepted:
        from service.second_tries import accept_study

        with writing(engine) as session:
            accept_study(session, "1.2.0")
    receive(listening, adt("A37", "PID|||A^^^^MR", "PID|||B^^^^MR"))
    assert reason() == ("" if accepted else TWO_PATIENTS)


@pytest.mark.parametrize(
    ("own", "numbers", "same"),
    [
        pytest.param(None, ["", "X"], True, id="the first authority that is heard of"),
        pytest.param(None, ["X", ""], True, id="the only authority that is known"),
        pytest.param(None, ["X", "Y"], False, id="two authorities"),
        pytest.param(None, ["X", "Y", ""], False, id="none of two"),
        pytest.param("X", ["", "X"], True, id="our own"),
        pytest.param("X", ["", "Y"], False, id="not ours"),
    ],
)
def test_a_number_without_an_authority_is_of_the_one_that_gave_it_out(
    own: str | None, numbers: list[str], engine: Engine, *, same: bool
) -> None:
    with writing(engine) as session:
        rows = [row_id(patient_of(session, Person("A", authority), own)) for authority in numbers]

    assert (rows[-1] in rows[:-1]) == same


def test_a_merge_reaches_studies_that_name_no_authority(engine: Engine, tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, hl7=Hl7Settings(authority="X"))
    study = add_study(engine)

    listening = Listening(engine, settings, configure_log("listen"))
    receive(listening, adt("A40", "PID|||B^^^X^MR", "MRG|A^^^X^MR"))

    assert current_number(engine, study) == "B"


def test_the_notes_of_a_change_name_no_patient(engine: Engine, listening: Listening) -> None:
    add_study(engine, dataclasses.replace(SAID, identifier="CANARYA"))
    receive(listening, merge("CANARYA", "CANARYB"))

    with reading(engine) as session:
        (message,) = session.exec(select(Message))
        changes = session.exec(select(Change)).all()
    assert "CANARY" not in " ".join(message.notes)
    assert not any("CANARY" in change.reason for change in changes)
