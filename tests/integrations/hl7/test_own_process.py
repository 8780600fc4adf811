"""The listener in a process of its own, killed while it takes messages."""

import multiprocessing
from multiprocessing.connection import Connection
from pathlib import Path

from tests.integrations.hl7.cases import SITE, message_of
from tests.integrations.hl7.mllp import Sender, Service, fields_of, listening

MESSAGE = message_of("d01.hl7")


def listen(folder: Path, port: Connection) -> None:
    with listening(Service(SITE, folder)) as listener:
        port.send(listener.port)
        port.recv()  # for ever: this process is killed


def test_what_was_accepted_before_a_kill_is_on_disk(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=listen, args=(tmp_path, theirs))
    process.start()
    accepted: list[str] = []
    try:
        assert ours.poll(60), "the listener did not start"
        with Sender(ours.recv()) as sender:
            for number in range(60):
                sender.send(b"\x0b" + MESSAGE.replace(b"NM0001A", b"K%d" % number) + b"\x1c\r")
            accepted += [fields_of(sender.answer())["MSA"][2] for _ in range(20)]
            process.kill()
            process.join()
            accepted += rest(sender)
    finally:
        process.kill()

    stored = {file.read_bytes().split(b"|")[9].decode() for file in tmp_path.iterdir() if file.stat().st_size}
    assert len(accepted) >= 20
    assert set(accepted) <= stored


def rest(sender: Sender) -> list[str]:
    """The acknowledgements that were under way when the listener died."""
    found: list[str] = []
    try:
        while answer := sender.answer():
            found.append(fields_of(answer)["MSA"][2])
    except (ConnectionError, AssertionError):
        pass  # cut off inside one
    return found
