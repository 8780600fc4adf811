"""Senders that keep their own record of what they were told is kept, and repeat what they were not told of."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from hl7.client import MLLPClient
from pydicom import dcmread

from config.settings import Peer
from integrations.dicom.sender import Delivered, send_objects


@dataclass
class Record:
    """What was sent: files by the SOP Instance UIDs that were answered with success, and messages answered with AA."""

    objects: dict[str, Path] = field(default_factory=dict)
    messages: list[bytes] = field(default_factory=list)
    repeated: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _under_way: dict[str, int] = field(default_factory=lambda: {"objects": 0, "messages": 0})

    def under_way(self) -> dict[str, int]:
        """Tell how many objects and messages are being sent at this moment."""
        with self._lock:
            return {kind: count for kind, count in self._under_way.items() if count}

    @contextmanager
    def sending(self, kind: str, count: int) -> Iterator[None]:
        """Count what is being sent within the block."""
        with self._lock:
            self._under_way[kind] += count
        try:
            yield
        finally:
            with self._lock:
                self._under_way[kind] -= count


def send_images(record: Record, paths: Sequence[Path], peer: Callable[[], Peer | None], until: float) -> None:
    """Send until all are acknowledged, as a PACS does."""
    left = list(paths)
    while left:
        assert time.monotonic() < until, f"{len(left)} objects were not taken in time"
        there = peer()
        if there is None:
            time.sleep(0.1)
            continue
        with record.sending("objects", len(left)):
            answers = send_objects(left, there, "TEST")
        for path, answer in zip(left, answers, strict=True):
            if isinstance(answer, Delivered):
                record.objects[str(dcmread(path, specific_tags=["SOPInstanceUID"]).SOPInstanceUID)] = path
        left = [path for path, answer in zip(left, answers, strict=True) if not isinstance(answer, Delivered)]
        record.repeated += len(left)
        time.sleep(0.1 if left else 0)


def send_message(record: Record, message: bytes, port: Callable[[], int | None], until: float) -> None:
    """Send until it is acknowledged, as an interface engine does; `message` is without its framing."""
    while True:
        assert time.monotonic() < until, "a message was not taken in time"
        there = port()
        if there is None:
            time.sleep(0.1)
            continue
        try:
            with record.sending("messages", 1), MLLPClient("127.0.0.1", there) as client:
                client.socket.settimeout(20)
                answer = client.send(b"\x0b" + message + b"\x1c\r")
        except OSError:
            answer = b""
        if b"\rMSA|AA" in answer:
            record.messages.append(message)
            return
        record.repeated += 1
        time.sleep(0.1)
