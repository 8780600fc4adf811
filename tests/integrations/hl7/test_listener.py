import socket
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest
from hl7.client import MLLPClient, mllp_send
from structlog.testing import capture_logs

from config.settings import Hl7Settings
from integrations.hl7.connection import ListenerLimits
from integrations.hl7.errors import ListenerUnavailable, UnusableHl7Setting
from tests.integrations.hl7.cases import FOLDER, SITE, message_of
from tests.integrations.hl7.mllp import Sender, Service, fields_of, listening
from tests.waiting import wait_until

MESSAGE = message_of("d01.hl7")
FRAME = b"\x0b" + MESSAGE + b"\x1c\r"


def test_the_client_of_hl7_sends_a_message_and_reads_its_acknowledgement(tmp_path: Path) -> None:
    service = Service(SITE, tmp_path)
    with listening(service) as listener, MLLPClient("127.0.0.1", listener.port) as client:
        answer = client.send_message(MESSAGE)

    assert b"MSA|AA|NM0001A" in answer
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [MESSAGE]


def test_mllp_send_delivers_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "message.hl7"
    file.write_bytes(MESSAGE)
    service = Service(SITE)
    with listening(service) as listener:
        monkeypatch.setattr(
            "sys.argv", ["mllp_send", "--loose", "--quiet", f"--port={listener.port}", f"--file={file}", "127.0.0.1"]
        )
        mllp_send()

    assert len(service.stored) == 1
    assert service.stored[0].startswith(b"MSH|^~\\&|PELORUS")


def test_a_frame_split_at_each_byte_is_one_message() -> None:
    service = Service(SITE)
    with listening(service) as listener:
        for place in range(1, len(FRAME), 7):
            with Sender(listener.port) as sender:
                sender.send(FRAME[:place])
                sender.send(FRAME[place:])
                assert fields_of(sender.answer())["MSA"][1:] == ["AA", "NM0001A"]
        with Sender(listener.port) as sender:
            for place in range(len(FRAME)):
                sender.send(FRAME[place : place + 1])
            assert fields_of(sender.answer())["MSA"][1:] == ["AA", "NM0001A"]

    assert set(service.stored) == {MESSAGE}


def test_nothing_is_answered_before_the_message_is_stored() -> None:
    service = Service(SITE)
    service.gate.clear()
    with listening(service) as listener, Sender(listener.port) as sender:
        sender.send(FRAME)
        silent = sender.silent_for(0.3)
        service.gate.set()
        answer = sender.answer()

    assert silent
    assert fields_of(answer)["MSA"][1] == "AA"


def test_a_slow_message_does_not_hold_up_other_connections() -> None:
    service = Service(SITE)
    service.gate.clear()
    with listening(service) as listener, Sender(listener.port) as slow, Sender(listener.port) as other:
        slow.send(FRAME)
        assert service.entered.wait(10)
        held, service.gate = service.gate, threading.Event()
        service.gate.set()
        other.send(FRAME)
        answered = other.answer()
        still_held = service.stored == [MESSAGE]
        held.set()

    assert fields_of(answered)["MSA"][1] == "AA"
    assert still_held


def test_a_message_that_cannot_be_stored_is_refused_and_the_connection_goes_on() -> None:
    service = Service(SITE, fails=True)
    with capture_logs() as logs, listening(service) as listener, Sender(listener.port) as sender:
        sender.send(FRAME)
        refused = fields_of(sender.answer())
        service.fails = False
        sender.send(FRAME)
        accepted = fields_of(sender.answer())

    assert refused["MSA"][1:] == ["AR", "NM0001A"]
    assert refused["ERR"][3].startswith("207")
    assert accepted["MSA"][1] == "AA"
    assert any(entry["event"] == "hl7 message not stored" and entry["reason"] == "OSError" for entry in logs)


def test_bytes_that_can_be_neither_stored_nor_answered_close_the_connection() -> None:
    with listening(Service(SITE, fails=True)) as listener, Sender(listener.port) as sender:
        sender.send(b"\x0bno header\x1c\r")

        assert sender.answer() == b""


def test_bytes_without_a_header_are_stored_and_refused() -> None:
    service = Service(SITE)
    with listening(service) as listener, Sender(listener.port) as sender:
        sender.send(b"\x0bno header\x1c\r" + FRAME)
        refused, accepted = fields_of(sender.answer()), fields_of(sender.answer())

    assert (refused["MSA"][1], refused["MSA"][2]) == ("AR", "")
    assert accepted["MSA"][1] == "AA"
    assert service.stored[0] == b"no header"


def test_a_message_cut_by_a_closed_connection_is_kept_and_never_accepted() -> None:
    service = Service(SITE)
    with listening(service) as listener, Sender(listener.port) as sender:
        sender.send(FRAME[:200])
        sender.half_close()

        assert sender.answer() == b""
        wait_until(lambda: service.incomplete, "the half message to be kept")
        assert listener.counts.incomplete == 1

    assert service.stored == []
    assert service.incomplete[0].raw == FRAME[1:200]
    assert "ended inside" in service.incomplete[0].reason


def test_a_half_closed_connection_gets_its_answers() -> None:
    with listening(Service(SITE)) as listener, Sender(listener.port) as sender:
        sender.send(FRAME + FRAME[:-1])
        sender.half_close()

        assert [fields_of(sender.answer())["MSA"][1] for _ in range(2)] == ["AA", "AA"]
        assert sender.answer() == b""


def test_a_frame_that_takes_too_long_is_given_up() -> None:
    service = Service(SITE)
    with listening(service, ListenerLimits(frame_seconds=0.2)) as listener, Sender(listener.port) as sender:
        sender.send(FRAME[:200])

        assert sender.answer() == b""

    assert "took longer" in service.incomplete[0].reason


def test_a_connection_may_rest_between_frames() -> None:
    with listening(Service(SITE), ListenerLimits(frame_seconds=0.1)) as listener, Sender(listener.port) as sender:
        for _ in range(2):
            sender.send(FRAME)
            assert fields_of(sender.answer())["MSA"][1] == "AA"
            assert sender.silent_for(0.3)


def test_a_frame_over_the_limit_is_refused_and_the_next_one_taken() -> None:
    service = Service(SITE)
    with listening(service, ListenerLimits(frame_bytes=2000)) as listener, Sender(listener.port) as sender:
        sender.send(b"\x0b" + MESSAGE + b"x" * 200_000 + b"\x1c\r" + FRAME)
        refused, accepted = fields_of(sender.answer()), fields_of(sender.answer())

    assert refused["MSA"][1:] == ["AE", "NM0001A"]
    assert accepted["MSA"][1] == "AA"
    assert [len(each.raw) for each in service.incomplete] == [2000]


def test_a_frame_of_several_messages_gets_an_answer_for_each() -> None:
    second = message_of("d02.hl7")
    service = Service(SITE)
    with listening(service) as listener, Sender(listener.port) as sender:
        sender.send(b"\x0bFHS|^~\\&|A\rBHS|^~\\&|A\r" + MESSAGE + second + b"BTS|2\rFTS|1\r\x1c\r")
        answers = [fields_of(sender.answer())["MSA"] for _ in range(2)]

    assert answers == [["MSA", "AA", "NM0001A"], ["MSA", "AA", "NM0002A"]]
    assert b"".join(service.stored).endswith(b"FTS|1\r")


def test_stopping_lets_the_message_at_hand_be_stored_and_answered() -> None:
    service = Service(SITE)
    service.gate.clear()
    with listening(service) as listener, Sender(listener.port) as sender, Sender(listener.port) as idle:
        sender.send(FRAME)
        assert service.entered.wait(10)
        stopping = threading.Thread(target=listener.stop)
        stopping.start()
        assert idle.answer() == b""
        service.gate.set()
        stopping.join(10)

        assert fields_of(sender.answer())["MSA"][1] == "AA"
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", listener.port), timeout=2)


def test_stopping_keeps_what_came_of_a_frame() -> None:
    service = Service(SITE)
    with listening(service) as listener, Sender(listener.port) as sender:
        sender.send(FRAME + FRAME[:200])
        sender.answer()
        listener.stop()

    assert [each.raw for each in service.incomplete] == [FRAME[1:200]]


def test_connections_over_the_limit_are_closed_at_once() -> None:
    with listening(Service(SITE), ListenerLimits(connections=1)) as listener, Sender(listener.port) as first:
        first.send(FRAME)
        first.answer()
        with Sender(listener.port) as second:
            assert second.answer() == b""


def test_idle_and_slow_connections_take_no_place_of_a_message() -> None:
    limits = ListenerLimits(messages=1)
    with listening(Service(SITE), limits) as listener, ExitStack() as others, Sender(listener.port) as sender:
        for sent in (b"", FRAME[:-1]) * 40:
            others.enter_context(Sender(listener.port)).send(sent)

        sender.send(FRAME)

        assert b"|AA|" in sender.answer()


def test_an_address_in_use_says_what_to_do() -> None:
    with listening(Service(SITE)) as listener:
        taken = SITE.model_copy(update={"port": listener.port})
        with pytest.raises(ListenerUnavailable, match=r"Free the port"), listening(Service(taken)):
            pass


@pytest.mark.parametrize(
    ("change", "key"),
    [
        pytest.param({"charset": "EBCDIC"}, "hl7.charset", id="an unknown character set"),
        pytest.param({"accession_from": ("order number",)}, "hl7.accession_from", id="no field"),
    ],
)
def test_settings_that_hl7_does_not_know_stop_the_start(change: dict[str, object], key: str) -> None:
    settings = Hl7Settings(port=0).model_copy(update=change)

    with pytest.raises(UnusableHl7Setting, match=key), listening(Service(settings)):
        pass


def test_no_log_line_holds_what_a_message_says() -> None:
    service = Service(SITE)
    with capture_logs() as logs, listening(service) as listener:
        for file in sorted(FOLDER.glob("*.hl7")):
            with Sender(listener.port) as sender:
                sender.send(file.read_bytes() + FRAME[:200])
                sender.half_close()
                while sender.answer():
                    pass
        service.fails = True
        with Sender(listener.port) as sender:
            sender.send(FRAME)
            sender.answer()

    written = repr(logs)
    assert "hl7 message incomplete" in written
    for secret in ("Quillfeather", "4471855", "NM7730801", "protrusion", "Ravensdale"):
        assert secret not in written
