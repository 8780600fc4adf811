"""The body about the spine: skin, fat, muscles, vessels, and the fillings of belly, chest and neck."""

from dataclasses import dataclass

import numpy as np

from pipeline.training.held_out.curve import CanalCurve, Unrolled
from pipeline.training.held_out.grid import Canvas, Floats, blurred, noise, smooth_noise

_BACK = ((-1, 70), (1, 62), (4, 58), (8, 58), (13, 52), (18, 56), (21, 62), (24, 66), (26, 62), (29, 45), (31, 40))
_FRONT = ((-1, 110), (1, 92), (3, 78), (5, 62), (7, 62), (9, 85), (13, 140), (17, 155), (21, 140), (24, 138), (31, 130))
"""How far skin lies behind and before the middle of the canal, at vertebra numbers, in mm."""


@dataclass(frozen=True)
class Build:
    """How a person is built: `size` of all, mm of fat under the skin behind and before, and how fatty muscle is."""

    size: float
    fat_behind: float
    fat_before: float
    fatty_muscle: float
    female: bool


def paint_body(canvas: Canvas, curve: CanalCurve, unrolled: Unrolled, build: Build, rng: np.random.Generator) -> Floats:
    """Paint everything but spine and organs; give the distance to the front wall of the belly's or chest's cavity.

    The distance (mm, below 0 inside) has the canvas's shape.
    """
    sample, back = unrolled.sample[None], unrolled.back[None]
    left = canvas.grid.laterals[:, None, None] - unrolled.x[None]
    groove = np.clip(1 - np.abs(left) / 22, 0, 1) * 6 * build.size
    behind = _beyond_skin(canvas, curve, _drawn(_BACK, rng, 5 * build.size, build)) - build.fat_behind + groove
    before = -_beyond_skin(canvas, curve, _drawn(_FRONT, rng, -8 * build.size, build)) - build.fat_before
    before = before + (left / 100) ** 2 * 40
    whole = canvas.whole
    outside = np.maximum(behind, before)
    canvas.paint(whole, outside, "skin")
    canvas.paint(whole, outside + np.float32(2.0), "fat", grain=0.05)
    _paint_septa(canvas, outside, rng)
    muscle = np.maximum(behind + build.fat_behind, -(back - 4))
    canvas.paint(whole, muscle, "muscle", grain=0.15)
    _paint_muscle_fat(canvas, muscle, (curve.number[sample], left, back), build, rng)
    _paint_midline(canvas, muscle, (curve.number[sample], left, back), rng)
    wall = np.maximum(before + build.fat_before, back + 2)
    canvas.paint(whole, wall, "muscle", grain=0.1)
    cavity = np.maximum(before + build.fat_before + np.float32(9), back)
    canvas.paint(whole, cavity, "fat", grain=0.08)
    return cavity


def _drawn(table: tuple[tuple[float, float], ...], rng: np.random.Generator, wander: float, build: Build) -> Floats:
    """Draw a table of distances; wander below 0 makes them distances to the front."""
    numbers, distances = zip(*table, strict=True)
    wandering = rng.normal(0, abs(wander), len(distances))
    signed = np.copysign(np.array(distances) * build.size + wandering, wander)
    return np.column_stack([numbers, signed]).astype(np.float32)


def _beyond_skin(canvas: Canvas, curve: CanalCurve, table: Floats) -> Floats:
    """Give how far behind a smooth outline each point of a plane is, (1, rows, columns), seen from the side.

    The outline lies straight behind (before, where below 0) the canal by the table of (number, mm).
    """
    heights = np.arange(curve.z.min() - 60, curve.z.max() + 120, 4.0)
    order = np.argsort(curve.z)
    told = np.interp(curve.number, table[:, 0], table[:, 1])
    outline = np.interp(heights, curve.z[order], (curve.y + told)[order])
    smooth = blurred(outline.astype(np.float32), 7)
    y, z = canvas.grid.plane
    slope = np.interp(z, heights, np.gradient(smooth, 4.0))
    beyond: Floats = ((y - np.interp(z, heights, smooth)) / np.sqrt(1 + slope * slope)).astype(np.float32)
    return beyond[None]


def _paint_septa(canvas: Canvas, outside: Floats, rng: np.random.Generator) -> None:
    """Paint thin dark sheets in the fat under the skin."""
    sheets = np.abs(smooth_noise(rng, outside.shape, (0.5, 9, 3))) + 0.2 * np.abs(
        smooth_noise(rng, outside.shape, (0, 3, 2))
    )
    canvas.lay(canvas.whole, np.clip(1 - sheets / 0.3, 0, 0.5) * (outside < -3), "skin")


def _paint_muscle_fat(
    canvas: Canvas, muscle: Floats, place: tuple[Floats, Floats, Floats], build: Build, rng: np.random.Generator
) -> None:
    """Paint streaks of fat along the muscles, most at the lower back and near the bone."""
    number, left, back = place
    shape = canvas.water.shape
    streaks = noise(rng, shape, (2, 30, 4)) + 0.6 * noise(rng, shape, (2, 12, 3))
    low = np.clip((number - 14) / 9, 0.15, 1)
    deep = np.clip(1.5 - np.abs(back - 26) / 26, 0.2, 1)
    share = np.clip(streaks * 0.7 - 1.0 + 1.5 * build.fatty_muscle * low * deep, 0, 1)
    canvas.lay(canvas.whole, share * np.clip(-muscle / 2, 0, 1) * (np.abs(left) > 2), "fat")


def _paint_midline(
    canvas: Canvas, muscle: Floats, place: tuple[Floats, Floats, Floats], rng: np.random.Generator
) -> None:
    """Paint the ligaments between spinous processes, striped with fat, and the one over their tips."""
    number, left, back = place
    shape, step = canvas.water.shape, canvas.grid.step
    fibres = smooth_noise(rng, shape[1:], (1.2 / step, 4.0 / step)) + 0.7 * smooth_noise(
        rng, shape[1:], (3 / step, 2 / step)
    )
    deep = np.clip(1.1 - back / 60, 0.2, 0.8)  # more fat near the arches, more fibres near the tips
    middle = np.clip(2.2 - np.abs(left) / 2.2, 0, 1) * np.clip(-muscle / 2, 0, 1) * (number > 1)
    canvas.lay(canvas.whole, middle * 0.9, "muscle")
    canvas.lay(canvas.whole, middle * np.clip(deep * 0.75 + 0.18 * fibres[None], 0, 0.9), "fat")
    tips = np.clip(1.4 - np.abs(muscle + 2.4) / 1.4, 0, 1) * np.clip(3 - np.abs(left) / 2, 0, 1) * (back > 20)
    canvas.lay(canvas.whole, tips * (number > 3) * (number < 26), "ligament")
