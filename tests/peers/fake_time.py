"""Debian's libfaketime on our processes: the system's clock for them is set while they run."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

LIBRARIES = ("/usr/lib/*/faketime/libfaketimeMT.so.1",)

SLEEP = """
import select, time
time.sleep = lambda seconds: select.select([], [], [], seconds) and None
"""
"""What Python runs at its start: libfaketime 0.9.10 fails the call by which `sleep` waits for the steady clock."""


@dataclass(frozen=True)
class SetClock:
    """A clock that stands in a file; what is read from it changes within a second of `set`."""

    file: Path
    environment: Mapping[str, str]

    def set(self, ahead: timedelta) -> None:
        """Set the clock by so much ahead of ours, which may be less than nothing."""
        written = self.file.with_suffix(".new")
        written.write_text(f"{ahead.total_seconds():+.0f}s")
        written.replace(self.file)


def set_clock(folder: Path) -> SetClock:
    """Give a clock that is right so far; without libfaketime the test is skipped, but in CI it fails."""
    found = sorted(path for pattern in LIBRARIES for path in Path("/").glob(pattern[1:]))
    if not found and "CI" in os.environ:
        pytest.fail("faketime is not installed")
    if not found:
        pytest.skip("faketime is not installed")
    (folder / "start").mkdir()
    (folder / "start" / "sitecustomize.py").write_text(SLEEP)
    clock = SetClock(
        folder / "clock",
        {
            "LD_PRELOAD": str(found[0]),
            "FAKETIME_TIMESTAMP_FILE": str(folder / "clock"),
            "FAKETIME_CACHE_DURATION": "1",
            # As where the system's clock is set: the steady clock and the times of files are not.
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
            "PYTHONPATH": os.pathsep.join(filter(None, (str(folder / "start"), os.environ.get("PYTHONPATH")))),
        },
    )
    clock.set(timedelta())
    return clock
