"""What is said of an error that nobody foresaw: its class and place, and nothing that it holds."""

import traceback
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROOMS = ("config", "pipeline", "integrations", "service")


def unexpected(error: BaseException) -> str:
    """Name the class of an error, what the system calls it, and the last place of our own code that it came through.

    Neither its text nor a traceback is shown: either could hold a patient's data.
    """
    system = f", {error.strerror}" if isinstance(error, OSError) and error.strerror else ""
    return f"{type(error).__name__}{system} at {_place(error)}"


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if any(Path(frame.filename).is_relative_to(ROOT / room) for room in ROOMS)]
    if not ours:
        return "an unknown place"
    last = ours[-1]
    return f"{Path(last.filename).relative_to(ROOT)}:{last.lineno}"
