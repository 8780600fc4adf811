"""Whether a picture shows a spine at all, with its back behind."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from pipeline.images.detectors.network import GRID_MM, HEATS, REGIONS, SHAPES
from pipeline.images.detectors.peaks import Candidate

Signal = npt.NDArray[np.float32]

_FEWEST_DISCS = 3
_MEAN_HEAT = 0.4  # of the discs, and of the vertebrae between them
_CANAL = 0.5
_CANAL_BEHIND = 0.1  # in half widths; it lies at 1.2 and more, and seldom as near as .6


def picture_fault(chain: Sequence[Candidate], maps: Signal) -> str:
    """Say why a picture shows no spine from the side as its header says; empty where it does.

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
    if _canal_behind(chain, maps) < _CANAL_BEHIND:
        return "the front of the spine is seen behind it, against its header"
    return ""


def _canal_behind(chain: Sequence[Candidate], maps: Signal) -> float:
    """How far behind the discs the canal lies, in half widths of a disc; the median of those beside which it is seen.

    The network takes the left for the front whatever it sees, so that only the canal tells.
    """
    canal = maps[:, len(HEATS) + len(SHAPES) + REGIONS.index("canal")].max(axis=0)
    behind = []
    for disc in chain:
        row = int(disc.place[0] / GRID_MM)
        seen = canal[max(0, row - 2) : row + 3].max(axis=0, initial=0.0)
        seen = np.where(seen > _CANAL, seen, 0)
        if seen.any():
            middle = float((seen * np.arange(len(seen))).sum() / seen.sum() * GRID_MM)
            behind.append((middle - disc.place[1]) / max(disc.half_width, 1.0))
    return float(np.median(behind)) if 2 * len(behind) > len(chain) else 1.0


def _heat_at(heat: Signal, place: npt.NDArray[np.float64]) -> float:
    row, column = (np.asarray(place) / GRID_MM).astype(int)
    around = heat[max(0, row - 2) : row + 3, max(0, column - 2) : column + 3]
    return float(around.max()) if around.size else 0.0
