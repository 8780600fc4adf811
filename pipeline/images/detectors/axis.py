"""The second cervical vertebra, above which a spine has no discs."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pipeline.images.detectors.network import GRID_MM, HEATS
from pipeline.images.detectors.peaks import Candidate

Signal = npt.NDArray[np.float32]

_AXIS = 0.4  # least heat of C2
_REACH_MM = 32.0  # from the middle of C2 to the disc below it


def drop_above_axis(chain: Sequence[Candidate], maps: Signal) -> tuple[Candidate, ...]:
    """Leave out what was taken for discs at the dens and above it."""
    place = _axis_place(maps)
    if place is None:
        return tuple(chain)
    return tuple(disc for disc in chain if disc.place[0] > place[0])


def begins_below_axis(chain: Sequence[Candidate], maps: Signal) -> bool:
    """Tell whether C2 is seen just above the first disc."""
    place = _axis_place(maps)
    return bool(chain) and place is not None and float(np.hypot(*np.subtract(chain[0].place, place))) < _REACH_MM


def _axis_place(maps: Signal) -> tuple[float, float] | None:
    """Middle of C2 as (row, column) in mm; None where it is not seen."""
    heat = maps[:, HEATS.index("C2")].max(axis=0)
    row, column = np.unravel_index(int(heat.argmax()), heat.shape)
    if heat[row, column] <= _AXIS:
        return None
    return float(row * GRID_MM + 0.5), float(column * GRID_MM + 0.5)
