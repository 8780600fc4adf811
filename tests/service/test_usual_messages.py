"""The usual message is filed by plain statements; in the store is then what mapped rows would have put there."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session, SQLModel

from config.rule_settings import DropPrefix, RuleSettings
from config.settings import Hl7Settings, Settings
from integrations.hl7.acks import Stamp, acknowledge
from integrations.hl7.connection import ReceivedMessage
from integrations.hl7.framing import CutShort, Deframer, Frame
from integrations.hl7.oru import read_message
from integrations.hl7.segments import split_messages
from service import listening as listening_module
from service.listening import Arrived, Listening, file_together
from service.log import configure_log
from service.store.database import open_database, reading, writing
from service.store.tables import Patient, Study, row_id
from service.store.upgrade import upgrade_database
from service.usual_messages import file_usual_messages
from tests.integrations.hl7.cases import FOLDER, SITE, load_cases
from tests.service.messages import group, oru

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
RULES = RuleSettings(accession=("ignore_leading_zeros", DropPrefix(drop_prefix="RAD-")))
ADMITTED = b"MSH|^~\\&|RIS|X|SPINELABEL||20260302120000||ADT^A08|adt|P|2.5\rPID|||4711^^^X^MR||Told^Name\r"
TABLES = ("message", "patient", "report", "order_number", "pairing", "known_as")


def feed_of_the_cases() -> list[bytes]:
    sent = []
    for name in (step["send"] for case in load_cases() for step in case.steps):
        content = (FOLDER / name).read_bytes()
        deframer = Deframer(limit=len(content))
        frames = [*deframer.feed(content), *deframer.finish(CutShort.CLOSED)]
        sent += [raw for frame in frames if isinstance(frame, Frame) for raw in split_messages(frame.content)]
    return sent


def open_listening(folder: Path, hl7: Hl7Settings, rules: RuleSettings = RULES) -> Listening:
    upgrade_database(folder)
    return Listening(open_database(folder), Settings(data=folder, hl7=hl7, rules=rules), configure_log("listen"))


def received(raw: bytes) -> ReceivedMessage:
    return ReceivedMessage(raw, "127.0.0.1", NOW)


def contents(engine: Engine) -> dict[str, list[dict[str, Any]]]:
    """Give all rows but for random links, and the last state of everything whose states are watched."""
    rows: dict[str, list[dict[str, Any]]] = {}
    with reading(engine) as session:
        for name in TABLES:
            table = SQLModel.metadata.tables[name]
            found = session.connection().execute(table.select().order_by(table.c.id)).mappings()
            rows[name] = [{key: value for key, value in row.items() if key != "link"} for row in found]
        last = text("SELECT kind, subject, state, reason, max(id) FROM change GROUP BY kind, subject ORDER BY 1, 2")
        rows["change"] = [dict(row) | {"max(id)": 0} for row in session.connection().execute(last).mappings()]
    return rows


def arrived(raw: bytes, settings: Hl7Settings) -> Arrived:
    message = read_message(raw, settings)
    return Arrived(received(raw), message, acknowledge(message.header, message.fault, Stamp(NOW, lambda: "1")))


def add_patient(session: Session) -> int:
    patient = Patient(identifier="of the study")
    session.add(patient)
    session.flush()
    return row_id(patient)


def with_mapped_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening_module, "file_usual_messages", lambda *_: {})


def test_a_feed_of_all_the_cases_is_filed_as_by_mapped_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    feed = feed_of_the_cases()
    usual: list[int] = []

    def count(*asked: Any) -> dict[int, int]:
        filed = file_usual_messages(*asked)
        usual.append(len(filed))
        return filed

    monkeypatch.setattr(listening_module, "file_usual_messages", count)
    by_statements = open_listening(tmp_path / "statements", SITE)
    for raw in feed:
        by_statements.receive(received(raw))
    with_mapped_rows(monkeypatch)
    by_rows = open_listening(tmp_path / "rows", SITE)
    for raw in feed:
        by_rows.receive(received(raw))

    assert comparable(contents(by_statements.engine)) == comparable(contents(by_rows.engine))
    assert sum(usual) > len(feed) / 4


def comparable(rows: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """Leave out the acknowledgements, which hold a time and a number of their own."""
    return rows | {"message": [row | {"ack": None} for row in rows["message"]]}


def test_messages_that_come_at_one_time_are_filed_as_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nameless = oru("nameless", group("Of a patient without a name.", obr18="B0"), patient="4712")
    first = [oru("before", group("Of a known patient.", obr18="A0"), patient="4711"), ADMITTED, nameless]
    together = [
        oru("1", group("New.", obr18="RAD-0A1", obr3="F1^RIS"), patient="0815"),
        oru("2", group("Of a known patient.", obr18="A2"), patient="4711"),
        oru("3", group("Of nobody.", obr18="A3"), patient=""),
        oru("4", group("Without a number.", obr3="F4"), patient="99"),
        oru("5", group("Of the same new patient.", obr18="A5"), patient="0815"),
        oru("6", group("Corrected.", obr18="A3", obr25="C"), patient=""),
        oru("1", group("Under a control id that was used.", obr18="A7"), patient="100"),
        oru("7", group("Names them.", obr18="B7"), patient="4712").replace(b"4712^^^^MR", b"4712^^^^MR||A^B"),
        oru("8", group("One.", obr18="A8"), group("Another.", obr18="A9"), patient="101"),
    ]
    by_statements = open_listening(tmp_path / "statements", Hl7Settings(port=0, authority="X"))
    for raw in first:
        by_statements.receive(received(raw))
    with writing(by_statements.engine) as session:
        file_together(by_statements.settings, session, [arrived(raw, by_statements.settings.hl7) for raw in together])
    with_mapped_rows(monkeypatch)
    by_rows = open_listening(tmp_path / "rows", Hl7Settings(port=0, authority="X"))
    for raw in [*first, *together]:
        by_rows.receive(received(raw))

    assert comparable(contents(by_statements.engine)) == comparable(contents(by_rows.engine))


SHARED: dict[str, tuple[dict[str, Any], bytes]] = {
    "its accession number": ({"accession": "A1", "accession_key": "A1"}, oru("1", group("Text.", obr18="RAD-A1"))),
    "another of its numbers": ({"accession": "F1", "accession_key": "F1"}, oru("1", group("Text.", obr3="F1"))),
    "its study UID": ({"study_uid": "1.2.3"}, oru("1", [*group("Text.", obr3="F1"), "ZDS|1.2.3^X^Application^DICOM"])),
    "its patient identifier": ({"patient_identifier": "4711"}, oru("1", group("Text.", obr3="F1", obr7="20260301"))),
}


@pytest.mark.parametrize("shared", SHARED)
def test_a_message_of_a_study_that_is_there_is_left_to_mapped_rows(shared: str, tmp_path: Path) -> None:
    study, raw = SHARED[shared]
    listening = open_listening(tmp_path, Hl7Settings(port=0))
    with writing(listening.engine) as session:
        usual: dict[str, Any] = {"study_uid": "1.2.9", "patient_id": add_patient(session), "first_received": NOW}
        session.add(Study(**usual | study))
    message = arrived(raw, listening.settings.hl7)
    row = {"sender": "RIS|X", "control_id": "1", "received": NOW}

    with writing(listening.engine) as session:
        assert file_usual_messages(session, listening.settings, [row], [message.message]) == {}
