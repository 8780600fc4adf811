"""Waiting with a deadline, instead of sleeping."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(check: Callable[[], T | None], what: str, seconds: float = 30) -> T:
    """Call `check` until it gives something true, and give that back; a failure shows what was last seen."""
    deadline = time.monotonic() + seconds
    seen: T | None = None
    while time.monotonic() < deadline:
        seen = check()
        if seen:
            return seen
        time.sleep(0.05)
    raise AssertionError(f"waited {seconds} s for {what}; last seen: {seen!r}")
