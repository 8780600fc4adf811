"""The bones and discs of an invented spine, drawn by seed; coordinates are those of `spine_parts`."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from config.conditions import DISC_LEVELS
from pipeline.training.spine_parts import (
    DrawnDisc,
    Floats,
    Generator,
    Lesion,
    Spine,
    Vertebra,
    forward,
    upward,
)
from pipeline.training.spine_variety import PLAIN, Variety


def vertebra_names(lumbar: int = 5) -> tuple[str, ...]:
    """Name the vertebrae from the sacrum up, of a spine with that many lumbar ones."""
    regions = (("L", lumbar, 1), ("T", 12, 1), ("C", 7, 2))
    return ("S1", *(f"{region}{n}" for region, most, least in regions for n in range(most, least - 1, -1)))


# Mean adult sizes in mm from the sacrum up: body height, body depth, height of the disc below.
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
_SIZES = dict(zip(vertebra_names(), zip(_HEIGHT, _DEPTH, _DISC, strict=True), strict=True))
_SIZES["L6"] = _SIZES["L5"]
_SACRAL_HEIGHT = (1, 0.86, 0.74, 0.66, 0.58, 0.5)
_SACRAL_DEPTH = (1, 0.68, 0.5, 0.4, 0.35, 0.3)

DRAWN_LEVELS = {"stenosis": DISC_LEVELS[-5:], "spondylolisthesis": DISC_LEVELS[-3:], "cancer": DISC_LEVELS[-6:]}
"""The conditions that can be drawn, and the levels at which chance may put them."""


def draw_spine(seed: int, conditions: Mapping[str, Iterable[str]] | None = None, variety: Variety = PLAIN) -> Spine:
    """Draw a spine's anatomy.

    Args:
        seed: the same seed, conditions and variety give the same spine.
        conditions: for a condition of `DRAWN_LEVELS`, the disc levels that have it (cancer: the vertebra above that
            disc); an empty list means absent. Conditions left out are drawn by chance.
        variety: what is unusual about it.

    Raises:
        KeyError: a condition that cannot be drawn, or a level that no spine has.
    """
    rng = np.random.default_rng([seed, 0])
    levels = _choose_levels(rng, conditions or {})
    scale = float(np.clip(rng.normal(1, 0.08), 0.82, 1.2)) * variety.growth
    tilts = _draw_tilts(rng, variety)
    vertebrae, discs = _stack(rng, (scale, variety), tilts, levels)
    sacrum = _draw_sacrum(rng, vertebrae[0], variety)
    bones = (sacrum[0], *vertebrae[1:])
    return Spine(seed, scale, bones, discs, sacrum, levels, variety.transition, variety.is_child)


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


def _draw_tilts(rng: Generator, variety: Variety) -> dict[str, float]:
    """Tilt of each vertebra from sacral slope, thoracic kyphosis and cervical lordosis, in radians."""
    usual = 33 if variety.is_child else 41
    slope, thoracolumbar = np.clip(rng.normal(usual, 12), 8, 80), rng.normal(11, 7)
    names, lumbar = vertebra_names(variety.lumbar), variety.lumbar
    degrees = {"S1": -slope}
    for place, name in enumerate(names[1 : lumbar + 2], 1):
        share = np.interp(place * 6 / (lumbar + 1), range(7), (0, 0.34, 0.57, 0.74, 0.87, 0.96, 1.0))
        if place == 1 and variety.transition == "upper":
            share *= rng.uniform(0.1, 0.8)  # it lies more in line with the sacrum
        degrees[name] = -slope + share * (slope + thoracolumbar) + rng.normal(0, 2)
    turns = (thoracolumbar, rng.normal(0, 6), rng.normal(-21, 8))
    for number in range(11, 0, -1):
        degrees[f"T{number}"] = np.interp(-number, (-12, -6.5, -1), turns) + rng.normal(0, 1.2)
    ends = (degrees["T1"] + rng.normal(3, 5), rng.normal(0, 11))
    for number in range(7, 1, -1):
        degrees[f"C{number}"] = np.interp(-number, (-7, -2), ends) + rng.normal(0, 1.5)
    return {name: float(np.deg2rad(value)) for name, value in degrees.items()}


def _stack(
    rng: Generator, build: tuple[float, Variety], tilts: Mapping[str, float], levels: Mapping[str, tuple[str, ...]]
) -> tuple[tuple[Vertebra, ...], tuple[DrawnDisc, ...]]:
    """Put body on disc on body from S1 up, so that the posterior walls follow each other but for a slip."""
    scale, variety = build
    tall, deep = np.clip(rng.normal(1, 0.04), 0.9, 1.1), np.clip(rng.normal(1, 0.06), 0.85, 1.2)
    lean, shift = rng.normal(0, 0.008), rng.normal(0, 1.5)
    worn = rng.random() < 0.5
    bones: list[Vertebra] = []
    discs: list[DrawnDisc] = []
    for number, name in enumerate(vertebra_names(variety.lumbar)):
        bone = _draw_body(rng, (number, name), scale * np.array([tall, deep]), (tilts[name], variety))
        if not bones:
            bones.append(_set_aside(bone, variety, (shift, lean)))
            continue
        lower = bones[-1]
        level = f"{name}-{lower.name}"
        disc = _draw_disc(rng, (level, bone, lower), levels, (worn, variety))
        disc = replace(disc, caged=number in variety.caged)
        if number == 1 and variety.transition == "upper":
            height, reach = disc.height * rng.uniform(0.25, 0.65), rng.uniform(0.5, 0.95)
            disc = replace(disc, height=height, reach=reach, degeneration=float(rng.uniform(0.2, 1)))
        tilt = (bone.tilt + lower.tilt) / 2
        rest = lower.centre + upward(lower.tilt) * lower.height / 2 + upward(tilt) * disc.height * scale
        rest = rest + forward(lower.tilt) * disc.slip + forward(tilt) * (bone.depth - lower.depth) * 0.4
        centre = rest + upward(bone.tilt) * bone.height / 2
        lesions = _draw_lesions(rng, bone, diseased=level in levels["cancer"] or rng.random() < variety.diseased)
        bone = _set_aside(replace(bone, centre=centre, lesions=lesions), variety, (shift, lean))
        bones.append(bone)
        discs.append(replace(disc, upper=bone, lower=lower, height=disc.height * scale))
    return tuple(bones), tuple(discs)


def _set_aside(bone: Vertebra, variety: Variety, line: tuple[float, float]) -> Vertebra:
    """Put a vertebra where the spine's curve runs at its height, and roll it across that curve."""
    shift, lean = line
    wave, height = 2 * np.pi / variety.curve_length, float(bone.centre[1])
    turn = variety.curve_phase + wave * height
    lateral = shift + lean * height + variety.curve * (np.sin(turn) - np.sin(variety.curve_phase))
    roll = lean + variety.curve * wave * np.cos(turn)
    return replace(bone, lateral=float(lateral), roll=float(roll))


def _draw_body(rng: Generator, place: tuple[int, str], scale: Floats, build: tuple[float, Variety]) -> Vertebra:
    number, name = place
    tilt, variety = build
    mean_height, mean_depth, _ = _SIZES[name]
    height = mean_height * scale[0] * np.clip(rng.normal(1, 0.04), 0.9, 1.1)
    depth = mean_depth * scale[1] * np.clip(rng.normal(1, 0.035), 0.9, 1.1)
    wedge = {"L": rng.uniform(-1, 2.5), "T": rng.uniform(-2.5, 1)}.get(name[0], 0.0)
    if number == 1:  # the last one is the tallest in front
        wedge = rng.uniform(0, 5)
    concavity = rng.uniform(0.3, 0.8) if name[0] == "C" else rng.uniform(0.6, 1.5)
    taper = rng.uniform(0.1, 0.3) if number == 0 else rng.uniform(-0.04, 0.06)
    if number == 1 and variety.transition == "upper":
        taper, wedge = rng.uniform(0.05, 0.25), rng.uniform(-1, 2)
    if name[0] in "LT" and rng.random() < variety.fractured:  # a compressed body
        height *= rng.uniform(0.4, 0.85)
        wedge, concavity = -rng.uniform(0, 0.5) * height, rng.uniform(1, 3)
    width = depth * (0.72 if name[0] in "SL" else 0.6) * rng.uniform(0.95, 1.05)
    return Vertebra(
        name,
        np.zeros(2),
        tilt,
        float(height),
        float(depth),
        float(width),
        0.0,
        float(wedge),
        float(concavity),
        taper=float(taper),
        screwed=number in variety.screws,
        opened=number in variety.opened,
        cemented=number in variety.cemented,
    )


def _draw_disc(
    rng: Generator,
    place: tuple[str, Vertebra, Vertebra],
    levels: Mapping[str, tuple[str, ...]],
    wear: tuple[bool, Variety],
) -> DrawnDisc:
    level, upper, lower = place
    worn, variety = wear
    low_lumbar = lower.name == "S1" or level in DISC_LEVELS[-2:]
    narrow = level in levels["stenosis"]
    chance = (0.6 if low_lumbar else 0.4) if worn else (0.2 if low_lumbar else 0.08)
    chance = 0.03 if variety.is_child else chance + variety.wear
    degenerate = rng.random() < max(chance, 0.8 * narrow)
    degeneration = rng.uniform(0.3, 1) if degenerate else rng.uniform(0, 0.25)
    height = _SIZES[upper.name][2] * np.clip(rng.normal(1, 0.15), 0.6, 1.5)
    height *= rng.uniform(1.0, 1.35) if variety.is_child else 1.0
    height = max(height * (1 - rng.uniform(0, 0.6 + 0.3 * variety.wear) * degeneration), 1.2)
    slip = rng.uniform(6, 11) if level in levels["spondylolisthesis"] else rng.normal(0, 0.5)
    if upper.name[0] in "LT" and rng.random() < variety.slipped * (1 if low_lumbar else 0.5):
        slip += rng.uniform(2, 14) if rng.random() < 0.75 else -rng.uniform(2, 5)
    canal = rng.uniform(0.1, 0.4) if narrow else rng.uniform(0.75, 1.0)
    bulge = rng.uniform(2.5, 5) if narrow else rng.uniform(-0.8, 1.2)
    spur = rng.uniform(0, 6) * degeneration if degenerate and rng.random() < 0.5 else 0.0
    return DrawnDisc(
        level,
        upper,
        lower,
        float(degeneration),
        float(height),
        float(slip),
        float(bulge),
        float(canal),
        spur=float(spur),
    )


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


def _draw_sacrum(rng: Generator, first: Vertebra, variety: Variety) -> tuple[Vertebra, ...]:
    """Draw S1 to the coccyx: shorter and thinner from one to the next, curving to anterior.

    A lumbar-like S1 is squarer, and S2 nearly as deep; the sacrum then bends below it. A child's segments are squarer
    too, with discs between them.
    """
    lumbar_like = variety.transition == "lower"
    turns = np.deg2rad([rng.normal(-4, 4), rng.normal(4, 6), rng.normal(14, 7), rng.normal(16, 8), rng.normal(15, 10)])
    depths = list(_SACRAL_DEPTH)
    if variety.is_child:
        depths[1] = rng.uniform(0.64, 0.84)
        first = replace(first, taper=rng.uniform(0.05, 0.25))
    if lumbar_like:
        depths[1] = rng.uniform(0.78, 1.0)
        turns[0] += np.deg2rad(rng.uniform(-14, 6))
        first = replace(first, taper=rng.uniform(-0.02, 0.12))
    segments = [first]
    for i, turn in enumerate(turns, 1):
        above = segments[-1]
        tilt = float(above.tilt + turn)
        height, depth = first.height * _SACRAL_HEIGHT[i], first.depth * depths[i]
        gap = rng.uniform(*_sacral_gaps(variety, i))
        top = above.centre - upward(above.tilt) * (above.height / 2 + gap)
        top = top - forward(above.tilt) * (above.depth * (1 - 0.6 * above.taper) - depth) * 0.45
        centre = top - upward(tilt) * height / 2
        segments.append(
            replace(first, name=f"S{i + 1}", centre=centre, tilt=tilt, height=height, depth=depth, screwed=False)
        )
    return tuple(segments)


def _sacral_gaps(variety: Variety, number: int) -> tuple[float, float]:
    """Give the least and greatest height in mm of what lies between two sacral segments, S1 and S2 being the first."""
    if number > 1:
        return (1.0, 3.2) if variety.is_child else (0.8, 2.2)
    if variety.transition == "lower":
        return 3.5, 9
    return (1.5, 5.0) if variety.is_child else (0.8, 3.8)
