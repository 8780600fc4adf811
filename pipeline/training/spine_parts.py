"""The parts of an invented spine in a sagittal plane.

Coordinates are (x, y) in mm: x to posterior, y to inferior, the middle of S1 at (0, 0). A third, `lateral`, runs to the
patient's left and is 0 in the body's middle. Tilts are in radians: 0 stands upright, positive leans to posterior.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from pipeline.training.spine_variety import Transition

Floats = npt.NDArray[np.float64]
Generator = np.random.Generator


def upward(tilt: float) -> Floats:
    """Give the unit vector along a vertebra's axis, to superior."""
    return np.array([np.sin(tilt), -np.cos(tilt)])


def forward(tilt: float) -> Floats:
    """Give the unit vector across a vertebra, to anterior."""
    return np.array([-np.cos(tilt), -np.sin(tilt)])


@dataclass(frozen=True)
class Lesion:
    """An ellipsoid of diseased marrow; `offset` is (x, y) from the body's middle, sizes are half axes, all in mm."""

    offset: tuple[float, float]
    lateral: float
    half_axes: tuple[float, float, float]
    bright: bool


@dataclass(frozen=True)
class Vertebra:
    """A vertebral body. `half_width` is its lateral extent; `lateral` its middle; other sizes in mm.

    `taper` is the share by which its lower end is less deep than its upper one; `roll` how many mm it rises per mm to
    the left, as in a scoliosis. Screws, an opened canal and cement are there or not.
    """

    name: str
    centre: Floats
    tilt: float
    height: float
    depth: float
    half_width: float
    lateral: float
    wedge: float = 0.0
    concavity: float = 1.0
    lesions: tuple[Lesion, ...] = ()
    taper: float = 0.0
    roll: float = 0.0
    screwed: bool = False
    opened: bool = False
    cemented: bool = False

    def posterior(self) -> Floats:
        """Middle of the posterior wall."""
        return self.centre - forward(self.tilt) * self.depth / 2

    def anterior(self) -> Floats:
        """Middle of the anterior wall."""
        return self.centre + forward(self.tilt) * self.depth / 2


@dataclass(frozen=True)
class DrawnDisc:
    """A disc between `upper` and `lower`. `degeneration` is 0 to 1; `canal` is what is left of the canal's width there.

    `slip` is how far the upper vertebra lies to anterior of the lower one; `slip`, `height`, `bulge` and `spur` (bone
    beyond the bodies' edges) are in mm. `reach` is the share of the bodies' depth that the disc fills.
    """

    level: str
    upper: Vertebra
    lower: Vertebra
    degeneration: float
    height: float
    slip: float
    bulge: float
    canal: float
    reach: float = 1.0
    spur: float = 0.0
    caged: bool = False

    @property
    def centre(self) -> Floats:
        """Middle of the disc, between the middles of its endplates."""
        low = self.upper.centre - upward(self.upper.tilt) * self.upper.height / 2
        high = self.lower.centre + upward(self.lower.tilt) * self.lower.height / 2
        return (low + high) / 2

    @property
    def tilt(self) -> float:
        """Mean tilt of its two vertebrae."""
        return (self.upper.tilt + self.lower.tilt) / 2

    @property
    def half_width(self) -> float:
        """Half the disc's extent from anterior to posterior, mm."""
        return (self.upper.depth + self.lower.depth) / 4


@dataclass(frozen=True)
class Spine:
    """An invented spine. `discs` go from L5-S1 up, `vertebrae` from S1 up, `sacrum` from S1 down; scale is about 1."""

    seed: int
    scale: float
    vertebrae: tuple[Vertebra, ...]
    discs: tuple[DrawnDisc, ...]
    sacrum: tuple[Vertebra, ...]
    conditions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    transition: Transition = "none"
    is_child: bool = False

    def at(self, lateral: float) -> "Spine":
        """Give the spine as it stands in the plane that many mm to the left, where rolled bones are higher or lower."""

        def risen(bone: Vertebra) -> Vertebra:
            rise = bone.roll * (lateral - bone.lateral)
            return replace(bone, centre=bone.centre - [0.0, np.clip(rise, -14, 14)])

        bones = {bone.name: risen(bone) for bone in self.vertebrae}
        discs = tuple(replace(d, upper=bones[d.upper.name], lower=bones[d.lower.name]) for d in self.discs)
        return replace(
            self, vertebrae=tuple(bones.values()), discs=discs, sacrum=tuple(risen(bone) for bone in self.sacrum)
        )

    def stream(self, part: int) -> Generator:
        """Give the random numbers of one part, the same on every slice."""
        return np.random.default_rng([self.seed, part])
