"""The bones and discs of an invented spine in its sagittal plane, drawn by seed.

Coordinates are (x, y) in mm: x to posterior, y to inferior, the middle of S1 at (0, 0). A third, `lateral`, runs to the
patient's left and is 0 in the body's middle. Tilts are in radians: 0 stands upright, positive leans to posterior.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from config.conditions import DISC_LEVELS

Floats = npt.NDArray[np.float64]
Generator = np.random.Generator

VERTEBRAE = (
    "S1",
    *(f"L{n}" for n in range(5, 0, -1)),
    *(f"T{n}" for n in range(12, 0, -1)),
    *(f"C{n}" for n in range(7, 1, -1)),
)
"""Vertebrae from the sacrum up."""

# Mean adult sizes in mm, in the order of VERTEBRAE: body height, body depth, height of the disc below.
_HEIGHT = (
    *(27, 27.5, 28, 28, 27.5, 26.5),
    *(25, 23, 22, 21, 20, 19.5, 19, 18.5, 18, 17.5, 17, 16.5),
    *(14.5, 13, 13, 13, 13.5, 20),
)
_DEPTH = (
    *(31, 34.5, 35, 34.5, 33.5, 32),
    *(31, 30, 29, 28, 27, 26.5, 25.5, 24, 22, 20, 18.5, 17.5),
    *(17, 16.5, 16, 15.5, 15.5, 15),
)
_DISC = (
    *(0, 10, 11, 10.5, 9.5, 8.5),
    *(7, 6, 5.5, 5, 4.5, 4.5, 4.2, 4.2, 4, 4, 4.2, 4.8),
    *(5.5, 5.5, 5.5, 5.5, 5.5, 5.5),
)
_SACRAL_HEIGHT = (1, 0.86, 0.74, 0.66, 0.58, 0.5)
_SACRAL_DEPTH = (1, 0.68, 0.5, 0.4, 0.35, 0.3)

DRAWN_LEVELS = {"stenosis": DISC_LEVELS[-5:], "spondylolisthesis": DISC_LEVELS[-3:], "cancer": DISC_LEVELS[-6:]}
"""The conditions that can be drawn, and the levels at which chance may put them."""


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
    """A vertebral body. `half_width` is its lateral extent; `lateral` its middle; other sizes in mm."""

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

    def posterior(self) -> Floats:
        """Middle of the posterior wall."""
        return self.centre - forward(self.tilt) * self.depth / 2

    def anterior(self) -> Floats:
        """Middle of the anterior wall."""
        return self.centre + forward(self.tilt) * self.depth / 2


@dataclass(frozen=True)
class DrawnDisc:
    """A disc between `upper` and `lower`. `degeneration` is 0 to 1; `canal` is what is left of the canal's width there.

    `slip` is how far the upper vertebra lies to anterior of the lower one; `slip`, `height` and `bulge` are in mm.
    """

    level: str
    upper: Vertebra
    lower: Vertebra
    degeneration: float
    height: float
    slip: float
    bulge: float
    canal: float

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

    def stream(self, part: int) -> Generator:
        """Give the random numbers of one part, the same on every slice."""
        return np.random.default_rng([self.seed, part])


def draw_spine(seed: int, conditions: Mapping[str, Iterable[str]] | None = None) -> Spine:
    """Draw a spine's anatomy.

    Args:
        seed: the same seed gives the same spine.
        conditions: for a condition of `DRAWN_LEVELS`, the disc levels that have it (cancer: the vertebra above that
            disc); an empty list means absent. Conditions left out are drawn by chance.

    Raises:
        KeyError: a condition that cannot be drawn, or a level that no spine has.
    """
    rng = np.random.default_rng([seed, 0])
    levels = _choose_levels(rng, conditions or {})
    scale = float(np.clip(rng.normal(1, 0.08), 0.82, 1.2))
    tilts = _draw_tilts(rng)
    vertebrae, discs = _stack(rng, scale, tilts, levels)
    return Spine(seed, scale, vertebrae, discs, _draw_sacrum(rng, vertebrae[0]), levels)


def _choose_levels(rng: Generator, forced: Mapping[str, Iterable[str]]) -> dict[str, tuple[str, ...]]:
    chosen = {}
    for condition, where in DRAWN_LEVELS.items():
        share = rng.permutation(len(where))[: rng.integers(1, 3 if condition != "cancer" else 5)]
        present = rng.random() < 0.5
        by_chance = tuple(where[i] for i in sorted(share)) if present else ()
        chosen[condition] = tuple(forced.get(condition, by_chance))
    if unknown := (set(forced) - set(chosen)) | {x for levels in chosen.values() for x in levels} - set(DISC_LEVELS):
        raise KeyError(f"cannot draw {', '.join(sorted(unknown))}; conditions are {', '.join(chosen)}")
    return chosen


def _draw_tilts(rng: Generator) -> dict[str, float]:
    """Tilt of each vertebra from sacral slope, thoracic kyphosis and cervical lordosis, in radians."""
    slope, thoracolumbar = np.clip(rng.normal(41, 12), 12, 75), rng.normal(11, 7)
    degrees = {"S1": -slope}
    for name, share in zip(VERTEBRAE[1:7], (0.34, 0.57, 0.74, 0.87, 0.96, 1.0), strict=True):
        degrees[name] = -slope + share * (slope + thoracolumbar) + rng.normal(0, 2)
    turns = (thoracolumbar, rng.normal(0, 6), rng.normal(-21, 8))
    for number in range(11, 0, -1):
        degrees[f"T{number}"] = np.interp(-number, (-12, -6.5, -1), turns) + rng.normal(0, 1.2)
    ends = (degrees["T1"] + rng.normal(3, 5), rng.normal(0, 11))
    for number in range(7, 1, -1):
        degrees[f"C{number}"] = np.interp(-number, (-7, -2), ends) + rng.normal(0, 1.5)
    return {name: float(np.deg2rad(value)) for name, value in degrees.items()}


def _stack(
    rng: Generator, scale: float, tilts: Mapping[str, float], levels: Mapping[str, tuple[str, ...]]
) -> tuple[tuple[Vertebra, ...], tuple[DrawnDisc, ...]]:
    """Put body on disc on body from S1 up, so that the posterior walls follow each other but for a slip."""
    tall, deep = np.clip(rng.normal(1, 0.04), 0.9, 1.1), np.clip(rng.normal(1, 0.06), 0.85, 1.2)
    lean, shift = rng.normal(0, 0.008), rng.normal(0, 1.5)
    worn = rng.random() < 0.5
    bones: list[Vertebra] = []
    discs: list[DrawnDisc] = []
    for name in VERTEBRAE:
        bone = _draw_body(rng, name, scale * np.array([tall, deep]), tilts[name])
        if not bones:
            bones.append(replace(bone, lateral=shift))
            continue
        lower = bones[-1]
        level = f"{name}-{lower.name}"
        disc = _draw_disc(rng, (level, bone, lower), levels, worn)
        tilt = (bone.tilt + lower.tilt) / 2
        rest = lower.centre + upward(lower.tilt) * lower.height / 2 + upward(tilt) * disc.height * scale
        rest = rest + forward(lower.tilt) * disc.slip + forward(tilt) * (bone.depth - lower.depth) * 0.4
        centre = rest + upward(bone.tilt) * bone.height / 2
        lesions = _draw_lesions(rng, bone, diseased=level in levels["cancer"])
        bone = replace(bone, centre=centre, lateral=shift + lean * centre[1], lesions=lesions)
        bones.append(bone)
        discs.append(replace(disc, upper=bone, height=disc.height * scale))
    return tuple(bones), tuple(discs)


def _draw_body(rng: Generator, name: str, scale: Floats, tilt: float) -> Vertebra:
    i = VERTEBRAE.index(name)
    height = _HEIGHT[i] * scale[0] * np.clip(rng.normal(1, 0.04), 0.9, 1.1)
    depth = _DEPTH[i] * scale[1] * np.clip(rng.normal(1, 0.035), 0.9, 1.1)
    wedge = {"L": rng.uniform(-1, 2.5), "T": rng.uniform(-2.5, 1)}.get(name[0], 0.0)
    concavity = rng.uniform(0.3, 0.8) if name[0] == "C" else rng.uniform(0.6, 1.5)
    if name[0] in "LT" and rng.random() < 0.035:  # a compressed body
        height *= rng.uniform(0.5, 0.85)
        wedge, concavity = -rng.uniform(0, 0.5) * height, rng.uniform(1, 3)
    width = depth * (0.72 if name[0] in "SL" else 0.6) * rng.uniform(0.95, 1.05)
    return Vertebra(name, np.zeros(2), tilt, float(height), float(depth), float(width), 0.0, float(wedge), concavity)


def _draw_disc(
    rng: Generator, place: tuple[str, Vertebra, Vertebra], levels: Mapping[str, tuple[str, ...]], worn: bool
) -> DrawnDisc:
    level, upper, lower = place
    low_lumbar = level in DISC_LEVELS[-2:]
    narrow = level in levels["stenosis"]
    chance = (0.6 if low_lumbar else 0.4) if worn else (0.2 if low_lumbar else 0.08)
    degenerate = rng.random() < max(chance, 0.8 * narrow)
    degeneration = rng.uniform(0.3, 1) if degenerate else rng.uniform(0, 0.25)
    height = _DISC[VERTEBRAE.index(upper.name)] * np.clip(rng.normal(1, 0.15), 0.6, 1.5)
    height = max(height * (1 - rng.uniform(0, 0.6) * degeneration), 2.0)
    slip = rng.uniform(6, 11) if level in levels["spondylolisthesis"] else rng.normal(0, 0.5)
    canal = rng.uniform(0.1, 0.4) if narrow else rng.uniform(0.75, 1.0)
    bulge = rng.uniform(2.5, 5) if narrow else rng.uniform(-0.8, 1.2)
    return DrawnDisc(level, upper, lower, float(degeneration), float(height), float(slip), float(bulge), float(canal))


def _draw_lesions(rng: Generator, bone: Vertebra, *, diseased: bool) -> tuple[Lesion, ...]:
    """Draw metastasis-like lesions, large and often several; in a healthy body now and then a small bright one."""
    if not diseased:
        if rng.random() > 0.06:
            return ()
        size = rng.uniform(2, 4)
        spot = rng.normal(0, 4, 2)
        return (Lesion((float(spot[0]), float(spot[1])), float(rng.normal(0, 8)), (size, size, size), bright=True),)
    bright = bool(rng.random() < 0.3)
    lesions = []
    for _ in range(rng.integers(1, 4)):
        spot = rng.uniform(-0.3, 0.3, 2) * (bone.depth, bone.height)
        axes = rng.uniform(0.22, 0.5, 3) * (bone.depth, bone.height, 1.4 * bone.half_width)
        lateral = rng.uniform(-0.5, 0.5) * bone.half_width
        lesions.append(Lesion((float(spot[0]), float(spot[1])), float(lateral), (axes[0], axes[1], axes[2]), bright))
    return tuple(lesions)


def _draw_sacrum(rng: Generator, first: Vertebra) -> tuple[Vertebra, ...]:
    """Draw S1 to the coccyx: shorter and thinner from one to the next, curving to anterior."""
    turns = np.deg2rad([rng.normal(-4, 4), rng.normal(4, 6), rng.normal(14, 7), rng.normal(16, 8), rng.normal(15, 10)])
    segments = [first]
    for i, turn in enumerate(turns, 1):
        above = segments[-1]
        tilt = float(above.tilt + turn)
        height, depth = first.height * _SACRAL_HEIGHT[i], first.depth * _SACRAL_DEPTH[i]
        top = above.centre - upward(above.tilt) * (above.height / 2 + rng.uniform(0.8, 2.2))
        top = top - forward(above.tilt) * (above.depth * 0.82 - depth) * 0.45
        centre = top - upward(tilt) * height / 2
        segments.append(replace(first, name=f"S{i + 1}", centre=centre, tilt=tilt, height=height, depth=depth))
    return tuple(segments)
