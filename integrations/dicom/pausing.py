"""Pausing the second thread of an association that we opened, while we ask something on it."""

import threading
import time

from pynetdicom.association import Association

_AGAIN_SECONDS = 0.0001


class PausePoint(threading.Event):
    """Takes the place of the event at which that thread is held up; once it is cleared, the thread does wait.

    pynetdicom's own may be passed in the very moment in which it is cleared. Then that thread takes the peer's answer
    away, and whoever asked waits for it in vain until the time runs out.
    """

    def __init__(self, association: Association) -> None:
        super().__init__()
        self._association = association
        self._passing = threading.Lock()
        self._is_waited_at = False
        self.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is set, and stay if it has been cleared again by then."""
        self._is_waited_at = True
        while True:
            super().wait(timeout)
            with self._passing:
                if self.is_set():
                    self._is_waited_at = False
                    return True

    def clear(self) -> None:
        """Hold the thread up; it waits, or has ended, when this returns."""
        with self._passing:
            super().clear()
        held = self._association
        while not self._is_waited_at and held.is_alive() and not held._kill and threading.current_thread() is not held:
            time.sleep(_AGAIN_SECONDS)
