"""What lies around an invented spine: back muscles, skin, belly, vessels, head."""

from collections.abc import Iterator

import numpy as np

from pipeline.training.canvas import Canvas, Tissue
from pipeline.training.spine_outline import SpineOutline
from pipeline.training.spine_parts import Floats, Generator, Spine, forward, upward

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
    _paint_chest(canvas, spine.stream(23), wall, deep)
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


def _paint_chest(canvas: Canvas, rng: Generator, wall: Floats, deep: float) -> None:
    """Paint lung before the thoracic spine, with heart, great vessel and windpipe in it."""
    top, bottom = int(rng.integers(6, 9)), int(rng.integers(14, 18))
    if rng.random() < 0.2:
        return
    front = wall[top:bottom] - [deep * rng.uniform(0.7, 0.95), 0]
    canvas.band(wall[top:bottom] - [rng.uniform(1, 6), 0], front, Tissue.LUNG)
    heart = wall[bottom - 3] - [deep * rng.uniform(0.4, 0.65), rng.uniform(-10, 20)]
    canvas.ellipse(heart, rng.uniform(18, 45, 2), rng.uniform(0, 3), (Tissue.VESSEL, Tissue.MUSCLE)[rng.integers(2)])
    pipe = wall[: bottom - 5]
    canvas.band(pipe - [rng.uniform(14, 24), 0], pipe - [rng.uniform(26, 38), 0], Tissue.AIR)
    if rng.random() < 0.4:
        near, wide = rng.uniform(2, 8), rng.uniform(8, 22)
        canvas.band(wall[top:bottom] - [near, 0], wall[top:bottom] - [near + wide, 0], Tissue.VESSEL)


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
    """Paint the dens and the arch of C1, and above and before them brain, skull base, face and throat."""
    rng = spine.stream(22)
    axis = spine.vertebrae[-1]
    up, front, scale = upward(axis.tilt), forward(axis.tilt), spine.scale
    brain = (Tissue.BRAIN, Tissue.BRAIN, Tissue.CORD, Tissue.MUSCLE)[rng.integers(4)]
    skull = axis.centre + up * rng.uniform(80, 100) - front * rng.uniform(-5, 25)
    size = rng.uniform((60, 48), (85, 66))
    if rng.random() < 0.8:
        canvas.ellipse(skull, size + 9, 0.0, Tissue.SKIN_FAT)
        canvas.ellipse(skull, size + 5, 0.0, Tissue.MARROW)
    canvas.ellipse(skull, size, 0.0, Tissue.FLUID)
    canvas.ellipse(skull + up * 2, size - rng.uniform(2, 5), 0.0, brain)
    behind = axis.centre + up * rng.uniform(45, 58) - front * rng.uniform(24, 36)
    canvas.ellipse(behind, rng.uniform((16, 12), (26, 20)), rng.uniform(-0.4, 0.4), brain)  # cerebellum
    for _ in range(rng.integers(2, 7)):  # jaw, tongue, nose, palate
        place = axis.centre + up * rng.uniform(-12, 55) + front * rng.uniform(28, 75)
        tissue = (Tissue.MUSCLE, Tissue.FAT, Tissue.AIR, Tissue.MARROW, Tissue.BOWEL)[rng.integers(5)]
        canvas.ellipse(place, rng.uniform(5, 24, 2), rng.uniform(0, 3), tissue)
    throat = axis.centre + up * rng.uniform(-20, 20) + front * rng.uniform(18, 26)
    canvas.ellipse(throat, (rng.uniform(2, 6), rng.uniform(18, 40)), axis.tilt, Tissue.AIR)
    base = axis.centre + up * rng.uniform(42, 52) + front * rng.uniform(6, 16)
    turn = axis.tilt - rng.uniform(0.3, 0.9)
    canvas.ellipse(base, (rng.uniform(12, 18), rng.uniform(4, 7)), turn, Tissue.CORTEX)
    canvas.ellipse(base, (rng.uniform(10, 16), rng.uniform(3, 5)), turn, Tissue.MARROW)
    stem = axis.centre + up * rng.uniform(42, 60) - front * rng.uniform(8, 20)
    canvas.ellipse(stem, (rng.uniform(14, 20), rng.uniform(18, 28)), axis.tilt, Tissue.FLUID)
    canvas.ellipse(stem, (rng.uniform(9, 13), rng.uniform(14, 24)), axis.tilt, Tissue.CORD)
    peg = axis.centre + up * (axis.height / 2 + 8 * scale) + front * 2
    canvas.ellipse(peg, (5.3 * scale, 12.8 * scale), axis.tilt, Tissue.CORTEX)
    canvas.ellipse(peg, (4.3 * scale, 12 * scale), axis.tilt, Tissue.MARROW)
    arch = peg + up * rng.uniform(-1, 3) + front * rng.uniform(7, 9) * scale
    canvas.ellipse(arch, (rng.uniform(2.5, 4) * scale, rng.uniform(4, 6) * scale), axis.tilt, Tissue.PROCESS)
    back_arch = axis.centre + up * rng.uniform(20, 28) * scale - front * rng.uniform(26, 36) * scale
    canvas.ellipse(back_arch, (rng.uniform(3, 6), rng.uniform(3, 5)), axis.tilt, Tissue.PROCESS)
