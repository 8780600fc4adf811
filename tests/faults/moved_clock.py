"""A role of the daemon whose clock is ahead: `python -m tests.faults.moved_clock FILE ROLE --config site.yaml`.

FILE holds by how many seconds; what it says counts from the next look at the clock on.
"""

import runpy
import sys
from datetime import datetime, timedelta
from pathlib import Path

from service.store import columns


def main() -> None:
    """Run the role with the clock moved, before any module takes the clock from `columns`."""
    ahead = Path(sys.argv.pop(1))
    now = columns.utc_now

    def moved_now() -> datetime:
        return now() + timedelta(seconds=float(ahead.read_text()))

    columns.utc_now = moved_now
    runpy.run_module("service.roles", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
