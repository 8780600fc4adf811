"""The timers of an association (PS3.8, 9.1.5), by a clock that only goes forward."""

import time

from pynetdicom.timer import Timer


class SteadyTimer(Timer):
    """Takes the place of pynetdicom's, which goes by the time of day.

    Where that is set back, a peer that says nothing would keep its place among our associations for as long; where it
    is set forward, all associations would end at once.
    """

    @property
    def remaining(self) -> float:
        """Give the seconds until it expires; 1 where it never does."""
        if self.timeout is None:
            return 1
        if self._start_time is None:
            return self.timeout
        end = time.monotonic() if self._end_time is None else self._end_time
        return self.timeout - (end - self._start_time)

    def start(self) -> None:
        """Begin anew."""
        self._start_time, self._end_time = time.monotonic(), None

    def stop(self) -> None:
        """Stop."""
        self._end_time = time.monotonic()
