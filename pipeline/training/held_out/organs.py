"""Vessels and organs before the spine: belly, pelvis and chest."""

import numpy as np

from pipeline.training.held_out.body import Build
from pipeline.training.held_out.canal import ellipsoid_flat
from pipeline.training.held_out.curve import CanalCurve, Unrolled
from pipeline.training.held_out.grid import Canvas, Floats, Point, ellipsoid, noise
from pipeline.training.held_out.skeleton import Skeleton


def paint_trunk(
    canvas: Canvas, curve: CanalCurve, unrolled: Unrolled, cavity: Floats, drawn: tuple[Build, np.random.Generator]
) -> None:
    """Paint bowel, chest, psoas and the great vessels; organs with a place of their own come after."""
    build, rng = drawn
    number = curve.number[unrolled.sample][None]
    left = canvas.grid.laterals[:, None, None] - unrolled.x[None]
    front = -unrolled.back[None] - curve.front[unrolled.sample][None]  # before the vertebrae
    inner = np.clip(-cavity / 2, 0, 1)
    _paint_bowel(canvas, inner * np.clip((front - 16) / 3, 0, 1) * np.clip((number - 18.5) * 2, 0, 1), rng)
    _paint_chest(canvas, cavity, (number, left, front), rng)
    _paint_psoas(canvas, curve, unrolled, left)
    _paint_vessels(canvas, curve, unrolled, left, (build, rng))
    strip = np.maximum(np.abs(front - 1.0) - 1.6, np.abs(left) - 15)
    inside = np.where((number > 7) & (number < 26), strip, np.float32(5))
    canvas.paint(canvas.whole, inside, "fat")


def _paint_bowel(canvas: Canvas, inside: Floats, rng: np.random.Generator) -> None:
    """Paint loops with walls, filled with fluid, mush or gas, in fat."""
    shape, step = canvas.water.shape, canvas.grid.step
    loops = noise(rng, shape, (4, 24 / step, 20 / step)) + 0.3 * noise(rng, shape, (2, 8 / step, 8 / step))
    filling = noise(rng, shape, (5, 40 / step, 34 / step))
    wall = np.clip((loops - 0.05) * 7, 0, 1)
    lumen = np.clip((loops - 0.32) * 6, 0, 1)
    mixed = 0.5 + 0.4 * noise(rng, shape, (3, 5 / step, 5 / step))
    canvas.lay(canvas.whole, inside * wall, "bowel", grain=0.2)
    canvas.lay(canvas.whole, inside * lumen * np.clip(filling * 3, 0, 1) * np.clip(mixed, 0.1, 0.8), "fluid")
    canvas.lay(canvas.whole, inside * lumen * np.clip(-filling * 3 - 0.6, 0, 1), "air")


def _paint_chest(
    canvas: Canvas, cavity: Floats, place: tuple[Floats, Floats, Floats], rng: np.random.Generator
) -> None:
    """Paint lungs beside, heart and windpipe in the middle, over a dome of the diaphragm; liver under it."""
    inner = np.clip(-cavity / 2, 0, 1)
    number, left, front = place
    dome = 17.2 + rng.uniform(-0.6, 0.6) + front / 70 - (np.abs(np.abs(left) - 45) / 45) ** 2 * 0.8
    chest = inner * np.clip((dome - number) * 8, 0, 1) * np.clip((number - 7.4) * 2, 0, 1)
    aside = np.clip((np.abs(left - 8) - 30 + front * 0.1) / 4, 0, 1) + np.clip((front - 105) / 8, 0, 1)
    behind = np.clip((np.abs(left) - 16) / 4, 0, 1) * np.clip((front + 32) / 3, 0, 1)
    canvas.lay(canvas.whole, chest * np.clip((front + 30) / 3, 0, 1) * np.clip(aside + 0.8 * behind, 0, 1), "air")
    shape, step = canvas.water.shape, canvas.grid.step
    bent = 7 * noise(rng, shape, (4, 30 / step, 30 / step))
    heart = ellipsoid((left - 12, front - 60, (number - 13.4) * 22 - 0.3 * (front - 60)), (52, 50, 58)) + bent
    canvas.lay(canvas.whole, chest * np.clip(0.5 - heart / 2, 0, 1), "heart", grain=0.2)
    rooms = np.clip(noise(rng, shape, (4, 24 / step, 24 / step)) * 3 + 1.2, 0, 1)
    canvas.lay(canvas.whole, chest * rooms * np.clip(-heart / 2 - 3, 0, 1), "flow")
    trunk = ellipsoid((left + 2, front - 42 - 0.6 * bent, (number - 9.6) * 20), (22, 17, 34))
    canvas.lay(canvas.whole, chest * np.clip(0.5 - trunk / 2, 0, 1), "flow")
    bone = np.abs(cavity + 4.5) - 4.5
    middle = np.clip(22 - np.abs(left), 0, 1) * np.clip((15 - number) * 3, 0, 1) * np.clip((number - 8.6) * 3, 0, 1)
    canvas.lay(canvas.whole, middle * np.clip(0.8 - bone, 0, 1), "cortex")
    canvas.lay(canvas.whole, middle * np.clip(-bone - 0.3, 0, 1), "marrow", grain=0.2)
    under = inner * np.clip((number - dome) * 6, 0, 1) * np.clip((front - 20) / 3, 0, 1)
    lobe = under * np.clip((20.6 - number - left / 40 + front / 130) * 5, 0, 1) * np.clip((30 - left) / 4, 0, 1)
    canvas.lay(canvas.whole, lobe, "liver", grain=0.1)
    branches = np.clip(1 - np.abs(noise(rng, shape, (2, 14 / step, 14 / step))) / 0.12, 0, 0.7)
    canvas.lay(canvas.whole, lobe * branches, "flow")
    pipe = ellipsoid_flat(left + np.zeros_like(front), front - 16, np.float32(8), np.float32(7))
    high = np.clip((12.0 - number) * 4, 0, 1) * np.clip((number - 4.8) * 4, 0, 1) * np.ones_like(pipe)
    canvas.lay(canvas.whole, high * np.clip(2.0 - pipe / 2, 0, 1), "ligament")
    canvas.lay(canvas.whole, high * np.clip(0.5 - pipe, 0, 1), "air")
    gullet = ellipsoid_flat(left - 3, front - 6, np.float32(7), np.float32(3.5))
    canvas.lay(canvas.whole, np.clip(0.5 - gullet, 0, 1) * (number > 5.5) * (number < 18), "muscle")


def _paint_psoas(canvas: Canvas, curve: CanalCurve, unrolled: Unrolled, left: Floats) -> None:
    number = curve.number
    grow = np.interp(number, [18.8, 20, 22, 24.5, 28], [0.1, 6, 14, 20, 18]).astype(np.float32)
    centre = np.interp(number, [18.8, 21, 24, 28], [25, 32, 42, 58]).astype(np.float32)
    forward = np.interp(number, [18.8, 23, 26, 28], [14, 20, 45, 80]).astype(np.float32)
    sample = unrolled.sample[None]
    distance = ellipsoid_flat(
        np.abs(left) - centre[sample], unrolled.back[None] + forward[sample], grow[sample], grow[sample] * 1.2
    )
    canvas.paint(canvas.whole, np.where((number > 18.8)[sample], distance, np.float32(9)), "muscle", grain=0.15)


def _paint_vessels(
    canvas: Canvas, curve: CanalCurve, unrolled: Unrolled, left: Floats, drawn: tuple[Build, np.random.Generator]
) -> None:
    """Paint aorta and vena cava with their branches to the legs, dark by flow or slow and brighter."""
    build, rng = drawn
    number, sample = curve.number, unrolled.sample[None]
    fork = 23.4 + rng.uniform(-0.3, 0.4)
    spread = np.clip(number - fork, 0, 4) * 17 * build.size
    before = -unrolled.back[None] - curve.front[sample]
    aorta_x = np.interp(number, [8, 11, 17, 20, fork], [-4, 16, 9, 6, 2])
    vein_x = np.interp(number, [12, 17, 20, fork + 0.4], [-18, -19, -17, -10])
    aorta_x, vein_x = aorta_x + rng.normal(0, 3.5), vein_x + rng.normal(0, 3)
    winding = blurred_walk(rng, len(number)) * build.size
    for course, radius, low, tissue in (
        (vein_x, 9.5, 14.0, "flow" if rng.random() < 0.7 else "muscle"),
        (aorta_x, 9.0, 9.5, "flow"),
    ):
        for side in (-1, 1):
            place = (course + side * spread + winding).astype(np.float32)
            wide = np.where(number > fork, 6.0, radius).astype(np.float32) * np.float32(build.size)
            depth = np.interp(number, [9, 14, fork - 0.5, 27], [8, 9, 12, 10]).astype(np.float32)
            tube = ellipsoid_flat(left - place[sample], before - depth[sample], wide[sample], wide[sample])
            tube = np.where(((number > low) & (number < 27.5))[sample], tube, np.float32(9))
            canvas.paint(canvas.whole, tube - 1.2, "muscle")
            canvas.paint(canvas.whole, tube, tissue, grain=0.4)


def blurred_walk(rng: np.random.Generator, count: int) -> Floats:
    """Draw a smooth wandering of about 3 mm along the canal."""
    return 2 * noise(rng, (max(count, 2),), (70,))[:count]


def paint_organs(canvas: Canvas, skeleton: Skeleton, build: Build, rng: np.random.Generator) -> None:
    """Paint liver, stomach, kidneys, bladder, womb or prostate, rectum and the pubic bone, where they are in view."""
    size = build.size
    pelvis, waist = skeleton.frames[25].middle, skeleton.frames[20].middle
    fill = rng.uniform(0.7, 1.3)
    low: list[tuple[Point, tuple[float, float, float], str, float]] = [
        (pelvis + size * np.array([0, -112, 118]), (14, 14, 22), "marrow", 1.3),
        (pelvis + size * np.array([0, -78, 98 - 12 * fill]), (34 * fill, 28 * fill, 22 * fill), "urine", -3.0),
        (pelvis + size * np.array([2, -14, 96]), (15, 13, 34), "bowel", 0.0),
    ]
    if build.female:
        low.append((pelvis + size * np.array([3, -50, 62]), (24, 30, 20), "womb", -6.0))
    else:
        low.append((pelvis + size * np.array([0, -72, 128]), (22, 15, 16), "gland", 0.0))
    high: list[tuple[Point, tuple[float, float, float], str, float]] = [
        (waist + size * np.array([-62, -62, -52]), (62, 58, 56), "liver", 0.0),
        (waist + size * np.array([-62, 14, 8]), (24, 20, 52), "kidney", 0.0),
        (waist + size * np.array([60, 14, 0]), (24, 20, 52), "kidney", 0.0),
        (waist + size * np.array([82, 0, -60]), (30, 36, 46), "spleen", 0.0),
        (waist + size * np.array([36, -80, -30]), (34, 24, 46), "bowel", 0.0),
    ]
    for middle, radii, tissue, wall in (*high, *low):
        scaled = (radii[0] * size, radii[1] * size, radii[2] * size)
        box = canvas.grid.box(middle, max(scaled) + 6, scaled[0] + 6)
        if box is None:
            continue
        x, y, z = canvas.grid.points(box)
        offsets = (x - np.float32(middle[0]), y - np.float32(middle[1]), z - np.float32(middle[2]))
        distance = ellipsoid(offsets, scaled) + 4 * noise(rng, canvas.grain[box].shape, (3, 24, 24))
        canvas.paint(box, distance + min(wall, 0) * 0.5, "muscle" if wall < 0 else "ligament", edge=2)
        canvas.paint(box, distance + np.float32(1.5), tissue, grain=0.1, edge=2)
        if tissue == "womb":
            tilted = (offsets[0], offsets[1] + 0.5 * offsets[2], offsets[2] - 0.3 * offsets[1])
            dark = ellipsoid(tilted, (scaled[0] * 0.5, scaled[1] * 0.62, scaled[2] * 0.36))
            canvas.paint(box, dark, "muscle", edge=5)
            canvas.paint(box, dark + 4 * size, "vein", edge=3)
        if tissue == "bowel":
            inner = (scaled[0] - 4, scaled[1] - 4, scaled[2] - 4)
            canvas.paint(box, ellipsoid(offsets, inner), "air" if rng.random() < 0.5 else "gland", grain=0.4)
