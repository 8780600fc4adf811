"""A modality and an interface engine that send without end, one thing after the other, and keep their accounts."""

import random
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Protocol

from pydicom.dataset import Dataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

from tests.faults.accounts import Account, Thing
from tests.integrations.dicom.sending import Sent, associate
from tests.integrations.hl7.mllp import Sender, fields_of
from tests.peers.daemon import Daemon, framed
from tests.peers.scripted import ScriptedClient
from tests.service.messages import group, oru

CUT = "cut"
"""What a sender knows whose connection ended before an answer came, or was not let in."""
PATIENCE_SECONDS = 90
"""How long a sender waits for an answer before it calls that silence."""
OBJECT_SENDERS, MESSAGE_SENDERS = 3, 2


def objects(chance: random.Random, largest: int = 200_000) -> Iterator[Sent]:
    """Give images that are no two alike, five to a study, of any size up to about `largest` bytes."""
    while True:
        study, series = _uid(chance), _uid(chance)
        for number in range(5):
            yield _image(chance, study, series, number, largest)


def messages(chance: random.Random, largest: int = 50_000) -> Iterator[bytes]:
    """Give reports that are no two alike, of any length up to about `largest` bytes, without framing."""
    while True:
        number = f"{chance.getrandbits(60)}"
        lines = (f"Line {line} {chance.getrandbits(200)}." for line in range(chance.randrange(largest // 80)))
        text = "\\.br\\".join(lines)
        yield oru(number, group(f"FINDINGS: {text} IMPRESSION: None.", obr18=f"A{number}"), patient=f"P{number}")


def fork(chance: random.Random) -> random.Random:
    """Give chance of its own to a sender, so that what it sends does not hang on what others do."""
    return random.Random(chance.getrandbits(64))  # noqa: S311  # which bytes, not secrets


class Sending(Protocol):
    """Sends one thing after the other, on one connection as long as that lives, then on the next."""

    def send(self, thing: Thing, between: Callable[[], object] | None = None) -> str:
        """Send a thing and give what the sender is told; `between` is called in its middle.

        Raises:
            TimeoutError: the connection stays open and nothing is said.
        """

    def close(self) -> None:
        """Hang up."""


class ObjectSender:
    """Sends objects; it is told a status, as in `A700`, or `CUT`."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._client: ScriptedClient | None = None

    def send(self, thing: Thing, between: Callable[[], object] | None = None) -> str:
        """Send an object; see `Sending`."""
        assert isinstance(thing, Sent)
        pdus = thing.pdus()
        half = len(pdus) // 2 if between else 0
        try:
            client = self._client = self._client or associate(self._port, thing, patience_seconds=PATIENCE_SECONDS)
            if between:
                client.send(b"".join(pdus[:half]))
                between()
            return f"{client.store(pdus[half:]).Status:04X}"
        except TimeoutError:
            raise
        except (OSError, AssertionError):  # it was not let in, or its association was aborted
            self.close()
            return CUT

    def close(self) -> None:
        """Hang up."""
        if self._client is not None:
            self._client.close()
            self._client = None


class MessageSender:
    """Sends messages; it is told the code of an acknowledgement, as in `AA`, or `CUT`."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._sender: Sender | None = None

    def send(self, thing: Thing, between: Callable[[], object] | None = None) -> str:
        """Send a message; see `Sending`."""
        assert isinstance(thing, bytes)
        frame = framed(thing)
        half = len(frame) // 2 if between else 0
        answer = b""
        try:
            sender = self._sender = self._sender or Sender(self._port, patience_seconds=PATIENCE_SECONDS)
            if between:
                sender.send(frame[:half])
                between()
            sender.send(frame[half:])
            answer = sender.answer()
        except TimeoutError:
            raise
        except (OSError, AssertionError):
            pass
        if answer:
            return fields_of(answer)["MSA"][1]
        self.close()
        return CUT

    def close(self) -> None:
        """Hang up."""
        if self._sender is not None:
            self._sender.close()
            self._sender = None


def line(daemon: Daemon, role: str, chance: random.Random) -> tuple[Sending, Iterator[Thing]]:
    """Give a sender to `receive` or `listen`, and what it may send."""
    if role == "receive":
        return ObjectSender(daemon.port(role)), objects(fork(chance))
    return MessageSender(daemon.port(role)), messages(fork(chance))


@dataclass(frozen=True)
class Traffic:
    """Senders that send at this moment, and what each was told so far.

    From `is_void` on nothing that they are told counts, since it comes from a machine that ought to be dead.
    """

    accounts: list[Account]
    stop: threading.Event
    is_void: threading.Event

    @property
    def taken(self) -> int:
        """How many things were taken."""
        return sum(len(account.taken) for account in self.accounts)


@contextmanager
def sending(daemon: Daemon, chance: random.Random) -> Iterator[Traffic]:
    """Send from several places at once until the end; `together(traffic.accounts)` is complete only then."""
    roles = ("receive",) * OBJECT_SENDERS + ("listen",) * MESSAGE_SENDERS
    lines = [line(daemon, role, chance) for role in roles]
    traffic = Traffic([Account() for _ in lines], threading.Event(), threading.Event())
    with ThreadPoolExecutor(len(lines)) as threads:
        running = [
            threads.submit(_send_on, sender, things, account, traffic)
            for (sender, things), account in zip(lines, traffic.accounts, strict=True)
        ]
        try:
            yield traffic
        finally:
            traffic.stop.set()
        for each in running:
            each.result()


def send_again(daemon: Daemon, things: Iterable[Thing]) -> Account:
    """Send what was left, one thing after the other, and give what was said of it."""
    account = Account()
    to_receive, to_listen = ObjectSender(daemon.port("receive")), MessageSender(daemon.port("listen"))
    for thing in things:
        account.note(thing, (to_receive if isinstance(thing, Sent) else to_listen).send(thing))
    to_receive.close()
    to_listen.close()
    return account


def _send_on(sender: Sending, things: Iterable[Thing], account: Account, traffic: Traffic) -> None:
    for thing in things:
        if traffic.stop.is_set():
            break
        told = sender.send(thing)
        account.note(thing, f"{told} in vain" if traffic.is_void.is_set() else told)
        if told == CUT:
            traffic.stop.wait(0.05)
    sender.close()


def _image(chance: random.Random, study: str, series: str, number: int, largest: int) -> Sent:
    image = Dataset()
    image.SOPClassUID, image.SOPInstanceUID = MRImageStorage, _uid(chance)
    image.StudyInstanceUID, image.SeriesInstanceUID = study, series
    image.Modality, image.InstanceNumber, image.PatientID = "MR", number, f"P{study[-12:]}"
    image.PatientName, image.AccessionNumber = "Drawn^Nobody", study[-16:]
    image.add_new(0x7FE00010, "OB", chance.randbytes(2 * chance.randrange(1, largest // 2)))
    written = BytesIO()
    dcmwrite(written, image, implicit_vr=False, little_endian=True)
    return Sent(written.getvalue(), MRImageStorage, image.SOPInstanceUID, ExplicitVRLittleEndian)


def _uid(chance: random.Random) -> str:
    return f"2.25.{chance.getrandbits(110)}"
