"""Whether a picture shows a spine at all."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from pipeline.images.detectors.network import GRID_MM, HEATS
from pipeline.images.detectors.peaks import Candidate

Signal = npt.NDArray[np.float32]

_FEWEST_DISCS = 3
_MEAN_HEAT = 0.4  # of the discs, and of the vertebrae between them


def picture_fault(chain: Sequence[Candidate], maps: Signal) -> str:
    """Say why a picture shows no spine from the side; empty where it does.

    Args:
        chain: discs from head to foot.
        maps: (slices, maps, rows, columns) as `predict_maps` gives them.
    """
    if len(chain) < _FEWEST_DISCS:
        return "no spine is seen from the side"
    bodies = maps[:, HEATS.index("vertebra")].max(axis=0)
    between = [_heat_at(bodies, np.add(a.place, b.place) / 2) for a, b in pairwise(chain)]
    if min(float(np.mean([disc.heat for disc in chain])), float(np.median(between))) < _MEAN_HEAT:
        return "no spine is seen from the side"
    return ""


def _heat_at(heat: Signal, place: npt.NDArray[np.float64]) -> float:
    row, column = (np.asarray(place) / GRID_MM).astype(int)
    around = heat[max(0, row - 2) : row + 3, max(0, column - 2) : column + 3]
    return float(around.max()) if around.size else 0.0
