"""The trouble cases of HL7 feeds, as far as the store decides them."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import OperationalError
from sqlmodel import Session, col, func, select

from config.settings import Settings
from integrations.hl7.acks import Answer
from integrations.hl7.connection import IncompleteMessage, ReceivedMessage
from integrations.hl7.framing import CutShort, Deframer, Frame
from integrations.hl7.segments import split_messages
from pipeline.values import Finding, Provenance, Source, Standing, State
from service.listening import Listening
from service.log import configure_log
from service.store.database import reading, writing
from service.store.findings import Subject, record_findings
from service.store.states import MessageState, WorkState
from service.store.tables import FindingRow, Message, Report
from tests.integrations.hl7.cases import FOLDER, SITE, Case, comparable, load_cases, message_of

CASES = load_cases()


@pytest.fixture
def listening(engine: Engine, tmp_path: Path) -> Listening:
    return Listening(engine, Settings(data=tmp_path, hl7=SITE), configure_log("listen"))


def receive_all(listening: Listening, name: str) -> list[Answer]:
    content = (FOLDER / name).read_bytes()
    deframer = Deframer(limit=len(content))
    frames = [*deframer.feed(content), *deframer.finish(CutShort.CLOSED)]
    messages = [raw for frame in frames if isinstance(frame, Frame) for raw in split_messages(frame.content)]
    return [listening.receive(ReceivedMessage(raw, "127.0.0.1", datetime.now(UTC))) for raw in messages]


def current(session: Session, expected: dict[str, Any]) -> Report:
    by_key = (
        Report.accession == expected["accession"]
        if expected.get("accession")
        else Report.study_uid == expected["study_uid"]
    )
    return session.exec(select(Report).where(by_key, col(Report.superseded_by).is_(None))).one()


def assert_stored(engine: Engine, expected: dict[str, Any]) -> None:
    with reading(engine) as session:
        report = current(session, expected)
        versions = session.exec(
            select(func.count()).select_from(Report).where(Report.order_key == report.order_key)
        ).one()
    way = expected.get("text_compare")
    assert report.status == expected.get("status", report.status)
    assert (report.labels == WorkState.WAITING) == expected.get("labelled", report.labels == WorkState.WAITING)
    assert versions == expected.get("versions", versions)
    assert comparable(report.text, way) == comparable(expected.get("text", report.text), way)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.id} {case.kind}")
def test_what_a_feed_sends_ends_as_the_right_current_reports(case: Case, listening: Listening) -> None:
    for step in case.steps:
        receive_all(listening, step["send"])
        for expected in step.get("state", []):
            assert_stored(listening.engine, expected)
    for expected in case.expect["reports"]:
        assert_stored(listening.engine, expected)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.id} {case.kind}")
def test_every_message_is_in_the_log_with_its_bytes_and_its_answer(case: Case, listening: Listening) -> None:
    answers = [answer for step in case.steps for answer in receive_all(listening, step["send"])]

    with reading(listening.engine) as session:
        rows = session.exec(select(Message).order_by(col(Message.id))).all()
    assert [row.ack for row in rows] == [b"".join(answer.messages()) for answer in answers]
    assert all(row.raw for row in rows)


def test_a_message_sent_again_byte_for_byte_is_processed_once(listening: Listening) -> None:
    receive_all(listening, "d23-1.hl7")
    receive_all(listening, "d23-1.hl7")

    with reading(listening.engine) as session:
        states = session.exec(select(Message.state).order_by(col(Message.id))).all()
        assert list(states) == [MessageState.REPORT, MessageState.REPEATED]
        assert len(session.exec(select(Report)).all()) == 1


def test_a_withdrawal_takes_the_findings_out_of_what_is_current(listening: Listening) -> None:
    receive_all(listening, "d22-1.hl7")
    label(listening.engine)

    receive_all(listening, "d22-2.hl7")

    with reading(listening.engine) as session:
        assert [row.superseded is None for row in session.exec(select(FindingRow))] == [False]


def test_a_report_that_cannot_be_filed_is_kept_and_its_sender_is_told(
    listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> list[str]:
        raise ZeroDivisionError

    monkeypatch.setattr("service.listening.file_usual_messages", fail)

    (answer,) = receive_all(listening, "d01.hl7")

    assert answer.application is not None
    assert answer.application.code == "AE"
    with reading(listening.engine) as session:
        (row,) = session.exec(select(Message))
    assert (row.state, bool(row.raw)) == (MessageState.REFUSED, True)


def test_a_message_for_which_the_disk_has_no_room_is_left_with_its_sender_though_there_is_room_a_moment_later(
    listening: Listening,
) -> None:
    def take_room(connection: Any, _record: object) -> None:
        connection.execute("pragma max_page_count = 1")

    def give_room(connection: Connection) -> None:
        connection.exec_driver_sql("pragma max_page_count = 1000000")

    listening.engine.dispose()
    event.listen(listening.engine, "connect", take_room)
    event.listen(listening.engine, "rollback", give_room)
    long = message_of("d01.hl7").replace(b"\rOBX", b"\rNTE|1||" + b"x" * 100_000 + b"\rOBX", 1)
    received = ReceivedMessage(long, "127.0.0.1", datetime.now(UTC))

    with pytest.raises(OperationalError, match="full"):
        listening.receive(received)

    with reading(listening.engine) as session:
        assert session.exec(select(Message)).all() == []
    taken = listening.receive(received).application
    assert taken is not None
    assert taken.code == "AA"


def test_a_message_cut_in_half_is_kept_with_the_reason(listening: Listening) -> None:
    listening.keep_incomplete(IncompleteMessage(b"MSH|^~", "127.0.0.1", datetime.now(UTC), "the connection closed"))

    with reading(listening.engine) as session:
        (row,) = session.exec(select(Message))
    assert (row.raw, row.state, row.reason, row.ack) == (
        b"MSH|^~",
        MessageState.INCOMPLETE,
        "The connection closed. It was not acknowledged; its sender repeats it.",
        None,
    )


def label(engine: Engine) -> None:
    provenance = Provenance("m@sha256:0", None, "direct/1", "1", None, "0", "spinelabel")
    finding = Finding(
        "cancer", None, Source.REPORT, State.PRESENT, True, 0.9, 2.2, (1.0, -1.2), 0.5, Standing.UNCALIBRATED, "", None,
        None, provenance,
    )  # fmt: skip
    with writing(engine) as session:
        record_findings(session, Subject(report_id=1), [finding], work="label-1-0", now=datetime.now(UTC))
