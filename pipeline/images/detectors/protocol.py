"""What a detector is given and gives back."""

from dataclasses import dataclass
from typing import Protocol

from pipeline.images.volume import Volume


@dataclass(frozen=True)
class LocatedDisc:
    """A disc in a volume's voxels: middle (slice, row, column), the slice also between slices.

    `tilt` is in radians, clockwise from the columns; `width` from anterior to posterior in mm; `confidence` in [0, 1],
    0 where the disc was inferred from its neighbours. `level` is None where levels are unknown.
    """

    level: str | None
    centre: tuple[float, float, float]
    tilt: float
    width: float
    confidence: float


@dataclass(frozen=True)
class DetectedDiscs:
    """Discs from head to foot; `reason` says from what levels were counted, or why they are unknown.

    `below_axis` tells whether C2 is seen above the first disc; `doubtful` that there is an anchor, but one that cannot
    be counted from, as in a transitional spine.
    """

    discs: tuple[LocatedDisc, ...]
    levels_known: bool
    reason: str
    below_axis: bool = False
    doubtful: bool = False


class Detector(Protocol):
    """What finds discs. `name` is its `name@sha256:…`."""

    @property
    def name(self) -> str:
        """Name and digest."""

    def detect(self, volume: Volume) -> DetectedDiscs:
        """Find the discs of a volume; no anchor in view gives discs without levels."""
