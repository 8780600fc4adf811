"""Whether a chain of discs passes over one."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.signal import find_peaks

from pipeline.images.detectors.network import GRID_MM, HEATS
from pipeline.images.detectors.peaks import Candidate
from pipeline.images.detectors.spacing import between_discs, describe_long_step, is_long, measure_steps

Signal = npt.NDArray[np.float32]

_BODY = 0.45  # least heat of a vertebra between two discs
_STANDS_OUT = 0.4  # by which it stands out from the heat between it and the next one
_SAMPLES_PER_MM = 1.0


def missing_disc(discs: Sequence[Candidate], maps: Signal) -> str:
    """Say where a disc seems to be missing from a chain, counted from below; empty where none is.

    A step between two discs may hold one vertebra only, and be about as long as its neighbours; a disc that was
    inferred is as good as missing, since names hang on its being there.
    """
    heat = maps[:, HEATS.index("vertebra")].max(axis=0)
    steps = measure_steps([disc.place for disc in discs])
    for i, (upper, lower) in enumerate(pairwise(discs)):
        place = between_discs(i, len(discs))
        if not upper.heat or not lower.heat:
            return f"a disc is not seen {place}"
        if _count_bodies(heat, upper, lower) > 1:
            return f"more than one vertebra is seen {place}"
        if is_long(steps, i):
            return describe_long_step(i, len(discs))
    return ""


def _count_bodies(heat: Signal, upper: Candidate, lower: Candidate) -> int:
    """Count the warm stretches of the vertebrae's heat along the way from one disc to the next."""
    count = max(2, int(np.hypot(*np.subtract(lower.place, upper.place)) * _SAMPLES_PER_MM))
    line = np.linspace(upper.place, lower.place, count)
    cells = np.clip(np.rint(line / GRID_MM).astype(int), 0, np.array(heat.shape) - 1)
    along = np.concatenate([[0.0], heat[cells[:, 0], cells[:, 1]], [0.0]])
    peaks, _ = find_peaks(along, height=_BODY, prominence=_STANDS_OUT)
    return len(peaks)
