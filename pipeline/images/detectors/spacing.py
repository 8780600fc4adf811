"""Whether the distances of discs pass over one, told without the picture."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

_LONG_STEP = 1.5  # a step this many times its neighbours' may pass over a disc


def long_step(places: Sequence[tuple[float, float]]) -> str:
    """Say where two of these discs, (row, column) in mm from head to foot, are too far apart; empty where none are."""
    steps = measure_steps(places)
    return next((describe_long_step(i, len(places)) for i in range(len(steps)) if is_long(steps, i)), "")


def measure_steps(places: Sequence[tuple[float, float]]) -> list[float]:
    """Give the distance of each disc but the last to the next one, in mm."""
    return [float(np.hypot(*np.subtract(lower, upper))) for upper, lower in pairwise(places)]


def is_long(steps: Sequence[float], index: int) -> bool:
    """Tell whether a step is much longer than those beside it."""
    beside = [steps[k] for k in (index - 2, index - 1, index + 1, index + 2) if 0 <= k < len(steps)]
    return bool(beside) and steps[index] > _LONG_STEP * float(np.median(beside))


def describe_long_step(index: int, count: int) -> str:
    """Say which step of so many discs is too long."""
    return f"the distance is too long {between_discs(index, count)}"


def between_discs(index: int, count: int) -> str:
    """Say where a step lies among so many discs, counted from below as people do."""
    return f"between the discs {count - index} and {count - index - 1} from below"
