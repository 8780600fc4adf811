"""What a detector is given and gives back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt

from config.conditions import DISC_LEVELS
from pipeline.images.volume import Volume

UNKNOWN = "levels unknown: "
"""How the reason begins where discs have no levels."""


@dataclass(frozen=True)
class LocatedDisc:
    """A disc in a volume's voxels: middle (slice, row, column), the slice also between slices.

    `tilt` is in radians, clockwise from the columns; `width` from anterior to posterior in mm; `confidence` in [0, 1],
    0 where the disc was inferred from its neighbours, None where the detector gives none. `level` is None where levels
    are unknown. `grades` are a detector's own: under its name of a grading, the scores (logits) of its grades from
    "none" upwards.
    """

    level: str | None
    centre: tuple[float, float, float]
    tilt: float
    width: float
    confidence: float | None
    grades: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class DetectedDiscs:
    """Discs from head to foot; `reason` says from what levels were counted, or why they are unknown.

    `below_axis` tells whether C2 is seen above the first disc; `doubtful` that there is an anchor, but one that cannot
    be counted from, as in a transitional spine. `encodings` (discs, features) are those of a detector that describes
    discs itself. `gap` says where a disc seems to be missing from discs without levels; it is empty where none is.
    """

    discs: tuple[LocatedDisc, ...]
    levels_known: bool
    reason: str
    below_axis: bool = False
    doubtful: bool = False
    encodings: npt.NDArray[np.float32] | None = None
    gap: str = ""

    @property
    def passed_over(self) -> str:
        """Where a disc is missing, so that names cannot be counted along the chain; empty where none is."""
        if not self.levels_known:
            return self.gap
        for upper, lower in pairwise(str(disc.level) for disc in self.discs):
            if DISC_LEVELS.index(lower) != DISC_LEVELS.index(upper) + 1:
                return f"no disc is given between {upper} and {lower}"
        return ""

    def with_levels(self, levels: Sequence[str], reason: str) -> Self:
        """Give the discs these names, from head to foot."""
        discs = tuple(replace(disc, level=level) for disc, level in zip(self.discs, levels, strict=True))
        return replace(self, discs=discs, levels_known=True, reason=reason)

    def without_levels(self, why: str) -> Self:
        """Take the names away."""
        discs = tuple(replace(disc, level=None) for disc in self.discs)
        return replace(self, discs=discs, levels_known=False, reason=f"{UNKNOWN}{why}")

    def in_doubt(self, why: str) -> Self:
        """Take the names away because of something that no other scan's names can settle."""
        return replace(self.without_levels(why), doubtful=True)


class Detector(Protocol):
    """What finds discs. `name` is its `name@sha256:…`, or its name, version and licence as `Provenance` has them."""

    @property
    def name(self) -> str:
        """Name with digest, or with version and licence."""

    def detect(self, volume: Volume) -> DetectedDiscs:
        """Find the discs of a volume; no anchor in view gives discs without levels.

        Raises:
            DetectorFailed: a program of another project gave no usable answer; the study can be tried again.
        """
