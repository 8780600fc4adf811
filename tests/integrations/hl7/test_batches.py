from pathlib import Path

import pytest

from config.sender_settings import SenderSettings
from integrations.hl7.batches import read_batch
from integrations.hl7.segments import split_messages
from tests.integrations.hl7.cases import SITE, message_of
from tests.integrations.hl7.mllp import Sender, Service, fields_of, listening

FIRST, SECOND = message_of("d01.hl7"), message_of("d06.hl7") + b"\r"
HEAD = b"FHS|^~\\&|PELORUS|NORTHMOOR\rBHS|^~\\&|PELORUS|NORTHMOOR|US|HERE|2026||||B77\r"


def batch(counted: bytes = b"2", files: bytes = b"1") -> bytes:
    return HEAD + FIRST + SECOND + b"BTS|" + counted + b"\rFTS|" + files + b"\r"


def notes_on(content: bytes) -> list[str]:
    messages = split_messages(content)
    return [note for place in range(len(messages)) for note in read_batch(messages).notes_on(place)]


def test_each_message_of_a_batch_is_stored_and_answered_in_one_stream() -> None:
    service = Service(SITE)
    with listening(service) as listener, Sender(listener.port) as sender:
        sender.send(b"\x0b" + batch() + b"\x1c\r")
        codes = [fields_of(sender.answer())["MSA"][1:3] for _ in range(2)]

    assert codes == [["AA", "NM0001A"], ["AA", "NM0006A"]]
    assert b"".join(service.stored) == batch()


def test_a_sender_that_wants_one_gets_a_batch_of_acknowledgements() -> None:
    site = SITE.model_copy(update={"senders": {"PELORUS": SenderSettings(batch_acks="batch")}})
    with listening(Service(site)) as listener, Sender(listener.port) as sender:
        sender.send(b"\x0b" + batch() + b"\x1c\r")
        answer = sender.answer()
        assert sender.silent_for(0.2)

    lines = answer.decode().split("\r")
    assert [line[:3] for line in lines if line] == ["BHS", "MSH", "MSA", "MSH", "MSA", "BTS"]
    top = lines[0].split("|")
    assert (top[2:6], top[11]) == (["US", "HERE", "PELORUS", "NORTHMOOR"], "B77")
    assert lines[-2] == "BTS|2"


@pytest.mark.parametrize(
    ("counted", "note"),
    [
        (b"2", "batch: BTS-1 counts the 2 messages that were received"),
        (b"5", "batch: BTS-1 counts 5 messages, and 2 were received. Ask the sender for the rest"),
        (b"", "batch: BTS-1 counts nothing; 2 messages were received"),
        (b"two", "batch: BTS-1 is no number; 2 messages were received"),
    ],
)
def test_the_count_of_a_batch_is_compared_with_what_came(counted: bytes, note: str) -> None:
    assert notes_on(batch(counted))[0] == note


def test_the_count_of_batches_in_a_file_is_compared_too() -> None:
    assert notes_on(batch(files=b"3"))[1].startswith("batch: FTS-1 counts 3 batches, and 1 were received")


def test_a_batch_without_a_message_is_refused_as_a_whole() -> None:
    service = Service(SITE)
    with listening(service) as listener, Sender(listener.port) as sender:
        sender.send(b"\x0b" + HEAD + b"BTS|0\rFTS|1\r\x1c\r")

        assert fields_of(sender.answer())["MSA"] == ["MSA", "AR", ""]
    assert len(service.stored) == 1


def test_a_message_without_an_envelope_has_nothing_to_note(tmp_path: Path) -> None:
    assert notes_on(FIRST) == []
