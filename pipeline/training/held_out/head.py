"""Neck and head: throat, tongue, jaw, base of the skull, brain stem and cerebellum."""

import numpy as np

from pipeline.training.held_out.canal import ellipsoid_flat
from pipeline.training.held_out.curve import CanalCurve, Unrolled
from pipeline.training.held_out.grid import Canvas, Floats, block, ellipsoid, noise
from pipeline.training.held_out.skeleton import Frame, Skeleton


def paint_neck(canvas: Canvas, curve: CanalCurve, unrolled: Unrolled, rng: np.random.Generator) -> None:
    """Paint throat and windpipe before the neck's vertebrae, muscles about them."""
    number = curve.number[unrolled.sample][None]
    if number.min() > 8:
        return
    left = canvas.grid.laterals[:, None, None] - unrolled.x[None]
    front = -unrolled.back[None] - curve.front[unrolled.sample][None]
    neck = np.clip((8.6 - number) * 1.5, 0, 1) * np.clip(front / 2, 0, 1)
    inside = neck * (canvas.water + canvas.fat > 0.02)
    canvas.lay(canvas.whole, inside * np.clip(0.75 + 0.3 * noise(rng, canvas.water.shape, (3, 16, 7)), 0, 1), "muscle")
    thick = np.interp(curve.number, [-1, 2, 4.3, 5.3, 9], [5, 4, 4, 11, 12]).astype(np.float32)[unrolled.sample][None]
    tube = ellipsoid_flat(left, front - thick - 6, np.float32(11), np.float32(6.5))
    canvas.lay(canvas.whole, neck * np.clip(1.6 - tube / 2, 0, 1), "scar")
    canvas.lay(canvas.whole, neck * np.clip(0.5 - tube, 0, 1), "air")
    lid = np.maximum(np.abs(front - thick - 6 - (number - 4) * 14) - 1.5, np.abs(number - 4.2) * 15 - 9)
    lid = np.maximum(lid, np.abs(front - thick - 7) - 9)
    canvas.lay(canvas.whole, neck * np.clip(0.5 - np.maximum(lid, np.abs(left) - 10), 0, 1), "gland")


def paint_head(canvas: Canvas, skeleton: Skeleton, size: float, rng: np.random.Generator) -> None:
    """Paint the head above C1, in the frame of C2 made upright."""
    axis = skeleton.frames[2]
    upright = Frame(axis.middle, np.array([(1, 0, 0), (0, -1, 0), (0, 0, -1)], float))
    centre = upright.moved(up=95 * size, front=20 * size)
    box = canvas.grid.box(centre.middle, 130 * size)
    if box is None:
        return
    left, front, up = (part / np.float32(size) for part in upright.local(canvas.grid, box))
    skull = np.maximum(ellipsoid((left, front - 16, up - 92), (72, 92, 68)), -(up - 28) - 0.25 * (front - 10))
    canvas.paint(box, skull - 6, "fat")
    canvas.paint(box, skull, "cortex")
    canvas.paint(box, skull + 3, "fluid")
    folds = noise(rng, skull.shape, (3, 7, 7))
    floor = np.where(front > 18, np.float32(44), np.float32(64))
    brain = np.maximum(skull + 6, floor - up)
    canvas.paint(box, brain + np.abs(folds) * 2 - 1, "brain", grain=0.12)
    little = ellipsoid((left, front + 34, up - 46), (46, 25, 21))
    leaves = np.abs(np.sin(up * 0.75 + 0.35 * front + 2.2 * folds))
    canvas.paint(box, little, "brain", grain=0.1)
    canvas.lay(box, np.clip(0.5 - little, 0, 1) * np.clip(leaves * 3 - 2.3, 0, 0.45), "fluid")
    stem = ellipsoid((left, front + 8 - 0.12 * (up - 40), up - 45), (8, 6.5, 34))
    bridge = ellipsoid((left, front - 2, up - 57), (15, 11, 13))
    for part in (stem, bridge):
        canvas.paint(box, part, "brain", grain=0.05)
    slope = block((left, front - 22 + 0.75 * (up - 42) * -1 + 9, up - 46), (13, 5, 23), 3)
    canvas.paint(box, slope, "cortex")
    canvas.paint(box, slope + 1.2, "fatty marrow", grain=0.1)
    _paint_face(canvas, box, (left, front, up))


def _paint_face(canvas: Canvas, box: tuple[slice, slice, slice], place: tuple[Floats, Floats, Floats]) -> None:
    left, front, up = place
    parts = (
        ((left, front - 66, up + 4), (26, 30, 22), "muscle"),
        ((left, front - 98, up + 14), (24, 7, 12), "fatty marrow"),
        ((left, front - 70, up - 26), (28, 34, 4), "cortex"),
        ((left, front - 66, up - 42), (10, 32, 14), "gland"),
        ((np.abs(left) - 6, front - 66, up - 42), (3.5, 30, 12), "air"),
        ((left, front - 36, up - 46), (13, 12, 11), "air"),
    )
    for offsets, radii, tissue in parts:
        canvas.paint(box, ellipsoid(offsets, radii), tissue, grain=0.15)
