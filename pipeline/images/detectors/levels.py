"""Names for a chain of discs, or the reason why it has none."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from config.conditions import DISC_LEVELS
from pipeline.images.detectors.network import GRID_MM, HEATS
from pipeline.images.detectors.peaks import Candidate

Signal = npt.NDArray[np.float32]

_LOWEST = 0.45  # least heat of L5-S1
_FIRST_SACRAL = 0.3  # least heat of the body of S1 below it
_AXIS = 0.4  # least heat of C2
_S1_REACH_MM = 32.0
_ROOM_MM = 30.0  # the slice must show this much below L5-S1, or the sacrum could be another vertebra


@dataclass(frozen=True)
class NamedChain:
    """Discs from head to foot, all with a level or none; `reason` says from what they were counted, or why not."""

    discs: tuple[Candidate, ...]
    levels: tuple[str | None, ...]
    reason: str

    @property
    def known(self) -> bool:
        """Whether levels are known."""
        return bool(self.levels) and self.levels[0] is not None


def name_chain(chain: Sequence[Candidate], maps: Signal) -> NamedChain:
    """Count levels up from the sacrum where it is surely in view; otherwise leave them unknown.

    Args:
        chain: discs from head to foot.
        maps: (slices, 12, rows, columns) as `predict_maps` gives them.
    """
    if not chain:
        return NamedChain((), (), "no discs were found")
    axis = _sees_axis(chain[0], maps)
    lowest = max(range(len(chain)), key=lambda i: chain[i].lowest)
    if fault := _sacrum_fault(chain, lowest, maps):
        note = "; C2 is in view, but counting down from it is not validated" if axis else ""
        return _unnamed(chain, fault + note)
    discs = tuple(chain[: lowest + 1])
    if len(discs) > len(DISC_LEVELS):
        return _unnamed(chain, f"{len(discs)} discs above the sacrum are more than a spine has")
    levels = DISC_LEVELS[-len(discs) :]
    if axis and levels[0] != DISC_LEVELS[0]:
        return _unnamed(chain, f"sacrum and C2 disagree: the disc below C2 would be {levels[0]}")
    return NamedChain(discs, levels, "counted up from the sacrum")


def _unnamed(chain: Sequence[Candidate], reason: str) -> NamedChain:
    return NamedChain(tuple(chain), (None,) * len(chain), f"levels unknown: {reason}")


def _sacrum_fault(chain: Sequence[Candidate], lowest: int, maps: Signal) -> str:
    """Say why the sacrum cannot be counted from; empty where it can."""
    disc = chain[lowest]
    if disc.lowest < _LOWEST or lowest < len(chain) - 2:
        return "the sacrum is not in view"
    if _heat_near(maps, "S1", disc, below=True) < _FIRST_SACRAL:
        return "the body of S1 is not seen below the last disc"
    height = maps.shape[2] * GRID_MM
    downwards = max(abs(disc.anterior[1]), 0.3)
    if (height - disc.place[0]) / downwards < _ROOM_MM:
        return "too little is in view below the last disc to tell the sacrum"
    return ""


def _heat_near(maps: Signal, name: str, disc: Candidate, *, below: bool) -> float:
    """Greatest heat of a map within reach of a disc, below or above it."""
    heat = maps[:, HEATS.index(name)].max(axis=0)
    grid = np.mgrid[: heat.shape[0], : heat.shape[1]] * GRID_MM + 0.5
    down = grid[0] - disc.place[0]
    near = (np.hypot(down, grid[1] - disc.place[1]) < _S1_REACH_MM) & (down > 2 if below else down < 2)
    return float(heat[near].max()) if near.any() else 0.0


def _sees_axis(first: Candidate, maps: Signal) -> bool:
    return _heat_near(maps, "C2", first, below=False) > _AXIS
