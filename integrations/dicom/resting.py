"""Threads of an association that rest until there is something for them, and that say so truly.

An association's second thread looks for work a thousand times a second in pynetdicom. With some hundred associations,
most of them idle, that is all that a processor does.
"""

import queue
import threading
from collections.abc import Callable
from typing import Any

from pynetdicom.association import Association

_LONGEST_SECONDS = 1.0


class Checkpoint(threading.Event):
    """Takes the place of the event at which an association's second thread comes by in each round.

    Whoever sends a request clears it, waits until that thread `_is_paused` there, and then waits for the answer.
    pynetdicom's thread says that it goes on only after it has been let go: between the two a sender thinks that it
    rests, and it takes the answer from under the sender, who waits for nothing until its time runs out.
    """

    def __init__(self, association: Association) -> None:
        self._association = association
        super().__init__()
        self.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Let the thread pass once nobody can have taken it for resting."""
        while super().wait(timeout):
            self._association._is_paused = False
            if self.is_set():
                return True
            self._association._is_paused = True
        return False


class Resting(Checkpoint):
    """A checkpoint where the thread rests until `ring`, or until the network may have been idle for too long."""

    def __init__(self, association: Association) -> None:
        self._bell = threading.Event()
        super().__init__(association)

    def ring(self) -> None:
        """Say that there is something to look at."""
        self._bell.set()

    def set(self) -> None:
        """Let the thread go on; said too when the association is to end."""
        super().set()
        self._bell.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Rest, then wait as pynetdicom means it."""
        left = self._association.dul._idle_timer.remaining
        self._bell.wait(min(max(left, 0.0), _LONGEST_SECONDS))
        self._bell.clear()
        return super().wait(timeout)


class RingingQueue(queue.Queue[Any]):
    """A queue that says when something is put into it."""

    def __init__(self, ring: Callable[[], None]) -> None:
        super().__init__()
        self._ring = ring

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Put an item into the queue."""
        super().put(item, block, timeout)
        self._ring()
