"""What lies around an invented spine: back muscles, skin, belly, vessels, head."""

from collections.abc import Iterator

import numpy as np

from pipeline.training.canvas import Canvas, Tissue
from pipeline.training.spine_anatomy import Floats, Generator, Spine, forward, upward
from pipeline.training.spine_outline import SpineOutline

_BELLY = (Tissue.BOWEL, Tissue.GAS, Tissue.MUSCLE, Tissue.VESSEL, Tissue.BLADDER, Tissue.FAT)
_BELLY_SHARES = (0.3, 0.25, 0.15, 0.1, 0.05, 0.15)
_PELVIS = (Tissue.BOWEL, Tissue.GAS, Tissue.BLADDER, Tissue.MUSCLE, Tissue.VESSEL)
_FAR = np.array([400.0, 0.0])


def _round_at(rng: Generator, lateral: float, reach: float) -> float:
    """How much of a round thing, placed by chance across the body, is cut by this plane: 0 to 1."""
    share = (lateral - rng.uniform(-45, 45)) / (reach * rng.uniform(0.6, 1.6))
    return float(np.sqrt(max(1 - share**2, 0.0)))


def paint_back(canvas: Canvas, spine: Spine, outline: SpineOutline, lateral: float) -> None:
    """Paint muscle, fat and skin behind the spine."""
    rng = spine.stream(20)
    wall, tilts = outline.posterior_wall, outline.tilts
    count = len(wall)
    deep, fat = rng.uniform(38, 75), rng.uniform(6, 32)
    back = np.stack([np.cos(tilts), np.sin(tilts)], axis=1)
    reach = deep * np.interp(np.arange(count), (count - 9, count - 1), (1, 0.55))
    pad = fat * (1 + 0.9 * rng.uniform(0.3, 1) * np.exp(-(((np.arange(count) - count + 11) / 6) ** 2)))
    muscle, skin = wall + back * reach[:, None], wall + back * (reach + pad)[:, None]
    wall, muscle, skin = (_beyond_both_ends(line, tilts) for line in (wall, muscle, skin))
    canvas.band(skin, skin + _FAR, Tissue.AIR)
    canvas.band(wall, muscle, Tissue.MUSCLE)
    for _ in range(rng.integers(20, 70)):
        i = rng.integers(1, count)
        centre = outline.posterior_wall[i] + back[i] * rng.uniform(15, deep) + upward(tilts[i]) * rng.uniform(-15, 15)
        size, angle = (rng.uniform(0.8, 3), rng.uniform(5, 22)), tilts[i] + rng.normal(0, 0.4)
        if (share := _round_at(rng, lateral, 10)) > 0.2:
            canvas.ellipse(centre, (size[0] * share, size[1] * share), angle, Tissue.FAT)


def _beyond_both_ends(line: Floats, tilts: Floats) -> Floats:
    return np.vstack([line[0] + upward(tilts[0]) * 60, line, line[-1] - upward(tilts[-1]) * 90])


def paint_belly(canvas: Canvas, spine: Spine, outline: SpineOutline, lateral: float) -> None:
    """Paint organs, a great vessel, the wall of the belly, and the air before it."""
    rng = spine.stream(21)
    wall = outline.anterior_wall
    deep = rng.uniform(50, 130)
    belly = wall - np.stack([deep + rng.uniform(0, 6, len(wall)), np.zeros(len(wall))], axis=1)
    belly = np.vstack([belly[0] + [0, -80], belly, belly[-1] + [-20, 120]])
    canvas.band(belly, belly - _FAR, Tissue.AIR)
    if rng.random() < 0.8:
        canvas.band(belly, belly + np.array([rng.uniform(4, 30), 0]), Tissue.SKIN_FAT)
    for centre, size, angle, tissue in _organs(rng, wall, deep, lateral):
        canvas.ellipse(centre, size, angle, tissue)
    vessel, near, wide = rng.random() < 0.7, rng.uniform(2, 10), rng.uniform(7, 20)
    last, side = len(wall) - rng.integers(3, 7), rng.uniform(-14, 14)
    if vessel and abs(lateral - side) < wide / 2:
        canvas.band(wall[:last] - [near, 0], wall[:last] - [near + wide, 0], Tissue.VESSEL)
    for _ in range(rng.integers(4, 16)):
        centre = spine.sacrum[rng.integers(1, 4)].centre - [rng.uniform(15, 80), rng.uniform(-60, 10)]
        size, angle = rng.uniform(6, 30, 2), rng.uniform(0, 3)
        tissue = _PELVIS[rng.integers(len(_PELVIS))]
        if (share := _round_at(rng, lateral, 25)) > 0.2:
            canvas.ellipse(centre, size * share, angle, tissue)


def _organs(
    rng: Generator, wall: Floats, deep: float, lateral: float
) -> Iterator[tuple[Floats, Floats, float, Tissue]]:
    for _ in range(rng.integers(30, 150)):
        centre = wall[rng.integers(len(wall))] + [-rng.uniform(8, deep * 0.95), rng.uniform(-25, 25)]
        size, angle = rng.uniform(4, 26, 2), rng.uniform(0, 3)
        tissue = _BELLY[rng.choice(len(_BELLY), p=_BELLY_SHARES)]
        if (share := _round_at(rng, lateral, 18)) > 0.2:
            yield centre, size * share, angle, tissue


def paint_head(canvas: Canvas, spine: Spine) -> None:
    """Paint the dens on C2, and brain stem, skull base and throat above and before it."""
    rng = spine.stream(22)
    axis = spine.vertebrae[-1]
    up, front = upward(axis.tilt), forward(axis.tilt)
    peg = axis.centre + up * (axis.height / 2 + 8) + front * 2
    canvas.ellipse(peg, (4.5 * spine.scale, 12 * spine.scale), axis.tilt, Tissue.MARROW)
    canvas.ellipse(peg + up + front * 7, (3, 5), axis.tilt, Tissue.PROCESS)
    brain = (Tissue.CORD, Tissue.MUSCLE, Tissue.BOWEL)[rng.integers(3)]
    canvas.ellipse(axis.centre + up * rng.uniform(75, 95), rng.uniform(35, 70, 2), rng.uniform(-0.3, 0.3), brain)
    base = axis.centre + up * rng.uniform(42, 52) + front * rng.uniform(6, 16)
    canvas.ellipse(base, (rng.uniform(12, 18), rng.uniform(4, 7)), axis.tilt - rng.uniform(0.3, 0.9), Tissue.MARROW)
    throat = axis.centre + up * rng.uniform(30, 60) + front * rng.uniform(20, 50)
    canvas.ellipse(throat, rng.uniform(8, 26, 2), rng.uniform(0, 3), (Tissue.AIR, Tissue.BOWEL)[rng.integers(2)])
    stem = axis.centre + up * rng.uniform(42, 60) - front * rng.uniform(8, 20)
    canvas.ellipse(stem, (rng.uniform(12, 18), rng.uniform(14, 22)), axis.tilt, Tissue.CORD)
