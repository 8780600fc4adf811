from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import col, select

from config.sender_settings import SenderSettings
from config.settings import Hl7Settings, Settings
from integrations.hl7.connection import IncompleteMessage
from service.errors import UnknownItem
from service.listening import Listening
from service.log import configure_log
from service.reprocessing import Chosen, Reprocessed, choose, reprocess_messages
from service.store.database import reading
from service.store.states import MessageState
from service.store.tables import Message, Report
from tests.service.messages import group, oru, receive

UNIDENTIFIED = oru("C1", group("Normal.", obr25="F"), patient="").replace(b"OBX|", b"ZAC|A77\rOBX|")


def site(tmp_path: Path, **changes: object) -> Settings:
    return Settings(data=tmp_path, hl7=Hl7Settings.model_validate({"authority": "NORTHMOOR", **changes}))


def feed(engine: Engine, settings: Settings) -> Listening:
    return Listening(engine, settings, configure_log("listen"))


def again(engine: Engine, settings: Settings, *, dry_run: bool = False) -> list[Reprocessed]:
    return list(reprocess_messages(engine, settings, choose(engine, Chosen()), dry_run=dry_run))


def reports_of(engine: Engine) -> list[Report]:
    with reading(engine) as session:
        return list(session.exec(select(Report).order_by(col(Report.id))))


def test_a_refused_message_is_taken_once_the_settings_can_read_it(engine: Engine, tmp_path: Path) -> None:
    assert receive(feed(engine, site(tmp_path)), UNIDENTIFIED) == ["AE"]
    corrected = site(tmp_path, accession_from=("ZAC-1",))

    (preview,) = again(engine, corrected, dry_run=True)
    assert (preview.before, preview.after) == ("refused", "report")
    assert reports_of(engine) == []

    (done,) = again(engine, corrected)
    (repeated,) = again(engine, corrected)

    assert (done.after, repeated.what) == ("report", "nothing changes")
    (report,) = reports_of(engine)
    assert report.accession == "A77"
    with reading(engine) as session:
        row = session.exec(select(Message)).one()
    assert row.ack_code == "AE"
    assert "was refused" in row.notes[-1]


def test_a_message_that_is_still_at_fault_stays_refused_with_its_reason(engine: Engine, tmp_path: Path) -> None:
    receive(feed(engine, site(tmp_path)), UNIDENTIFIED)

    (done,) = again(engine, site(tmp_path))

    assert done.after == "refused"
    assert "no accession number" in done.what


def test_a_report_that_is_read_otherwise_becomes_a_new_version_once(engine: Engine, tmp_path: Path) -> None:
    receive(feed(engine, site(tmp_path)), oru("C1", group("Normal.", obr18="A1", obr25="A")))
    sender = SenderSettings.model_validate({"status": {"A": "final"}})
    settings = site(tmp_path, senders={"RIS|X": sender})

    (done,) = again(engine, settings)
    again(engine, settings)

    first, second = reports_of(engine)
    assert (first.status, first.superseded_by) == ("preliminary", second.id)
    assert (second.status, second.labels, second.version) == ("final", "waiting", 2)
    assert "changed: status" in done.what


def test_a_report_under_another_number_than_before_replaces_the_one_before(engine: Engine, tmp_path: Path) -> None:
    receive(feed(engine, site(tmp_path)), oru("C1", group("Normal.", obr18="A1", obr3="B1", obr25="F")))

    again(engine, site(tmp_path, accession_from=("OBR-3",)))

    assert [(report.accession, report.superseded_by) for report in reports_of(engine)] == [("A1", 2), ("B1", None)]


@pytest.mark.parametrize(
    ("end", "after"), [(b"", MessageState.REPORT), (b"OBX|2|TX|", MessageState.INCOMPLETE)], ids=["whole", "cut"]
)
def test_a_message_without_its_end_is_taken_where_no_segment_is_cut(
    engine: Engine, tmp_path: Path, end: bytes, after: MessageState
) -> None:
    raw = oru("C1", group("Normal.", obr18="A1", obr25="F")) + end
    feed(engine, site(tmp_path)).keep_incomplete(IncompleteMessage(raw, "ris", datetime.now(UTC), "closed"))

    (done,) = again(engine, site(tmp_path))

    assert done.after == after


def test_what_its_sender_repeated_in_the_meantime_is_not_processed_twice(engine: Engine, tmp_path: Path) -> None:
    raw = oru("C1", group("Normal.", obr18="A1", obr25="F"))
    listening = feed(engine, site(tmp_path))
    listening.keep_incomplete(IncompleteMessage(raw, "ris", datetime.now(UTC), "closed"))
    receive(listening, raw)

    first, second = again(engine, site(tmp_path))

    assert (first.after, second.after) == (MessageState.REPEATED, MessageState.REPORT)
    assert len(reports_of(engine)) == 1


def test_messages_are_chosen_by_number_state_and_day(engine: Engine, tmp_path: Path) -> None:
    receive(feed(engine, site(tmp_path)), UNIDENTIFIED, oru("C2", group("Normal.", obr18="A1", obr25="F")))
    later = datetime(2100, 1, 1, tzinfo=UTC)

    assert choose(engine, Chosen(numbers=(2,))) == [2]
    assert choose(engine, Chosen(state=MessageState.REFUSED)) == [1]
    assert choose(engine, Chosen(until=later)) == [1, 2]
    assert choose(engine, Chosen(since=later)) == []
    with pytest.raises(UnknownItem, match="no message 9"):
        choose(engine, Chosen(numbers=(9,)))
