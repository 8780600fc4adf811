"""Names for a chain of discs, or the reason why it has none."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from config.conditions import DISC_LEVELS
from pipeline.images.detectors.axis import begins_below_axis
from pipeline.images.detectors.network import GRID_MM, HEATS, REGIONS, SHAPES
from pipeline.images.detectors.peaks import Candidate
from pipeline.images.detectors.protocol import UNKNOWN
from pipeline.images.detectors.steps import missing_disc

Signal = npt.NDArray[np.float32]

_LOWEST = 0.45  # least heat of the disc on the sacrum
_RIVAL = 0.5  # share of that heat from which another disc may be the one on the sacrum
_FIRST_SACRAL = 0.3  # least heat of the body of S1 below it
_TRANSITION = 0.24  # least mean heat of a body that is half lumbar and half sacral
_S1_REACH_MM = 32.0
_JUNCTION_MM = 45.0  # around the lowest disc, where a transitional body lies
_DISC_MM = 12.0
_SHOWN = 0.3  # least heat of the disc on the sacrum in a slice that shows it
_ROOM_MM = 30.0  # the slice must show this much below the lowest disc, or the sacrum could be another vertebra
_CORD = 0.5  # least probability of cord
_LEAST_CORD_MM = 40.0  # of cord above its end, and of canal below it, for the end to be believed
_CORD_GAP = 2  # rows
_CONUS_LEVELS = ("T10-T11", "L3-L4")
"""Levels above and below which no cord ends but a tethered or a cut one."""


@dataclass(frozen=True)
class NamedChain:
    """Discs from head to foot, all with a level or none; `reason` says from what they were counted, or why not.

    `below_axis` tells whether C2 is seen above the first disc; `doubtful` that there is an anchor, but one that cannot
    be counted from. `gap` says where a disc seems to be missing from discs without levels; it is empty where none is.
    """

    discs: tuple[Candidate, ...]
    levels: tuple[str | None, ...]
    reason: str
    below_axis: bool = False
    doubtful: bool = False
    gap: str = ""

    @property
    def known(self) -> bool:
        """Whether levels are known."""
        return bool(self.levels) and self.levels[0] is not None


def name_chain(chain: Sequence[Candidate], maps: Signal) -> NamedChain:
    """Count levels up from the sacrum where it is surely in view; otherwise leave them unknown.

    Args:
        chain: discs from head to foot.
        maps: (slices, maps, rows, columns) as `predict_maps` gives them.
    """
    if not chain:
        return NamedChain((), (), "no discs were found")
    axis = begins_below_axis(chain, maps)
    lowest = max(range(len(chain)), key=lambda i: chain[i].lowest)
    discs = tuple(chain[: lowest + 1])
    unnamed = NamedChain(tuple(chain), (None,) * len(chain), "", axis, gap=missing_disc(chain, maps))
    if fault := _view_fault(chain, lowest, maps):
        note = "; C2 is in view, but counting down from it is not validated" if axis else ""
        return replace(unnamed, reason=f"{UNKNOWN}{fault}{note}")
    if doubt := _doubt(chain, lowest, maps) or missing_disc(discs, maps) or _count_fault(discs, maps, axis=axis):
        return replace(unnamed, reason=f"{UNKNOWN}{doubt}", doubtful=True)
    return NamedChain(discs, DISC_LEVELS[-len(discs) :], "counted up from the sacrum", axis)


def _view_fault(chain: Sequence[Candidate], lowest: int, maps: Signal) -> str:
    """Say why the sacrum is not surely in view; empty where it is."""
    disc = chain[lowest]
    if disc.lowest < _LOWEST or lowest < len(chain) - 2:
        return "the sacrum is not in view"
    if _first_sacral_heat(maps, disc) < _FIRST_SACRAL:
        return "the body of S1 is not seen below the last disc"
    height = maps.shape[2] * GRID_MM
    downwards = max(abs(disc.anterior[1]), 0.3)
    if (height - disc.place[0]) / downwards < _ROOM_MM:
        return "too little is in view below the last disc to tell the sacrum"
    return ""


def _doubt(chain: Sequence[Candidate], lowest: int, maps: Signal) -> str:
    """Say why a sacrum that is in view cannot be counted from; empty where it can."""
    disc = chain[lowest]
    if any(other.lowest > _RIVAL * disc.lowest for other in chain if other is not disc):
        return "two discs look like the one on the sacrum"
    if _transition_heat(maps, disc) > _TRANSITION:
        return "the vertebra at the sacrum looks transitional, half lumbar and half sacral"
    return ""


def _count_fault(discs: Sequence[Candidate], maps: Signal, *, axis: bool) -> str:
    """Say why the count from the sacrum cannot be right; empty where nothing speaks against it."""
    if len(discs) > len(DISC_LEVELS):
        return f"{len(discs)} discs above the sacrum are more than a spine has"
    levels = DISC_LEVELS[-len(discs) :]
    if axis and levels[0] != DISC_LEVELS[0]:
        return f"sacrum and C2 disagree: the disc below C2 would be {levels[0]}"
    end = _end_of_cord(maps)
    if end is not None:
        high, low = (DISC_LEVELS.index(level) for level in _CONUS_LEVELS)
        above = sum(disc.place[0] < end for disc in discs)
        first = DISC_LEVELS.index(levels[0])
        if above and (first + above - 1 < high or first + above > low):
            return f"the cord would end near {DISC_LEVELS[min(first + above, len(DISC_LEVELS) - 1)]}"
    return ""


def _end_of_cord(maps: Signal) -> float | None:
    """Row in mm at which the cord ends, None where it is not seen to end in the picture with the canal going on."""
    first = len(HEATS) + len(SHAPES)
    cord, canal = ((maps[:, first + REGIONS.index(name)].max(axis=0) > _CORD).any(axis=1) for name in ("cord", "canal"))
    rows = np.flatnonzero(cord)
    least = int(_LEAST_CORD_MM / GRID_MM)
    if len(rows) < least or (np.diff(rows[-least:]) > _CORD_GAP).any():
        return None
    return float(rows[-1] * GRID_MM) if canal[rows[-1] + 1 :].sum() > least else None


def _grid_from(maps: Signal, disc: Candidate) -> tuple[Signal, Signal]:
    """Rows and distances of all cells from a disc, in mm; (rows, columns)."""
    grid = np.mgrid[: maps.shape[2], : maps.shape[3]] * GRID_MM + 0.5
    down = grid[0] - disc.place[0]
    return down, np.hypot(down, grid[1] - disc.place[1])


def _first_sacral_heat(maps: Signal, disc: Candidate) -> float:
    """Greatest heat of S1 within reach of a disc, below it."""
    heat = maps[:, HEATS.index("S1")].max(axis=0)
    down, away = _grid_from(maps, disc)
    near = (away < _S1_REACH_MM) & (down > 2)
    return float(heat[near].max()) if near.any() else 0.0


def _transition_heat(maps: Signal, disc: Candidate) -> float:
    """Greatest heat of a transitional body beside the lowest disc, in the mean of the slices that show that disc.

    A single slice beside the middle cuts a usual border so that it looks transitional, above all in a curved spine.
    """
    _, away = _grid_from(maps, disc)
    shown = maps[:, HEATS.index("lumbosacral"), away < _DISC_MM].max(axis=1)
    heat = maps[shown >= min(_SHOWN, shown.max()), HEATS.index("transition")].mean(axis=0)
    return float(heat[away < _JUNCTION_MM].max())
