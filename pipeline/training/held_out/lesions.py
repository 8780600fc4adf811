"""Tumours and metal painted over the finished bones."""

from collections.abc import Iterable
from itertools import pairwise

import numpy as np

from pipeline.training.held_out.bones import Bone, body_distance
from pipeline.training.held_out.grid import Canvas, Floats, block, ellipsoid
from pipeline.training.held_out.skeleton import Frame, Skeleton


def paint_metastases(
    canvas: Canvas, skeleton: Skeleton, bones: Iterable[Bone], count: int, rng: np.random.Generator
) -> None:
    """Paint deposits in bodies: round ones, whole bodies, and some that grow into the canal."""
    bones = list(bones)
    kinds = ["tumour", "wet marrow", "sclerosis"]
    leaning = rng.dirichlet([1.5, 1.5, 1.0])
    for _ in range(count):
        bone = bones[rng.integers(len(bones))]
        frame, segment = skeleton.frames[bone.number], skeleton.segments[bone.number]
        half = np.array([segment.width, segment.depth, segment.height]) / 2
        whole, growing = rng.random() < 0.25, rng.random() < 0.2
        middle = rng.uniform(-0.6, 0.6, 3) * half * (0.2 if whole else 1.0)
        radius = half * 1.4 if whole else rng.uniform(4, 16) * rng.uniform(0.75, 1.25, 3)
        if growing:
            middle[1] = -half[1]
            radius = np.array([half[0] * 0.7, 9.0, half[2] * 0.9])
        box = canvas.grid.box(frame.middle, float(np.linalg.norm(half[1:]) + 12), float(half[0] + 8))
        if box is None:
            continue
        left, front, up = frame.local(canvas.grid, box)
        offsets = (left - np.float32(middle[0]), front - np.float32(middle[1]), up - np.float32(middle[2]))
        deposit = ellipsoid(offsets, (float(radius[0]), float(radius[1]), float(radius[2]))) + 1.2 * canvas.grain[box]
        bounds = body_distance(skeleton, bone, (left, front, up))
        deposit = np.maximum(deposit, bounds + np.float32(-6.0 if growing else 0.8))
        canvas.paint(box, deposit, str(rng.choice(kinds, p=leaning)), grain=0.25, edge=2)


def paint_metal(canvas: Canvas, skeleton: Skeleton, numbers: tuple[int, ...], rng: np.random.Generator) -> None:
    """Paint what screws through both pedicles of the given vertebrae, and the rods between, do to the picture."""
    bloom = float(rng.uniform(4.0, 8.5))
    voids = []
    rods: list[Frame] = []
    for number in numbers:
        frame, segment = skeleton.frames[number], skeleton.segments[number]
        behind = segment.depth / 2 + segment.canal_depth
        length = (segment.depth * 0.75 + behind + 10) / 2
        entry = frame.moved(front=segment.depth * 0.25 - length, up=0.24 * segment.height)
        side = segment.canal_width / 2 + 4
        rods.append(frame.moved(front=-behind - 10, up=0.24 * segment.height))
        voids.append((entry, side, (2.6 + bloom * 0.45, length, 2.4 + bloom * 0.5)))
    for upper, lower in pairwise(rods):
        axes = (upper.axes + lower.axes) / 2
        middle = Frame((upper.middle + lower.middle) / 2, axes)
        half = float(np.linalg.norm(upper.middle - lower.middle)) / 2 + 6
        voids.append(
            (middle, skeleton.segments[numbers[0]].canal_width / 2 + 5, (3 + bloom * 0.5, 3 + bloom * 0.6, half))
        )
    for frame, side, halves in voids:
        _paint_void(canvas, frame, side, halves)


def _paint_void(canvas: Canvas, frame: Frame, side: float, halves: tuple[float, float, float]) -> None:
    """Paint a hole without signal on both sides, with a bright rim along one edge where signal piles up."""
    box = canvas.grid.box(frame.middle, max(halves) + 8, side + halves[0] + 6)
    if box is None:
        return
    left, front, up = frame.local(canvas.grid, box)
    hole: Floats = block((np.abs(left) - np.float32(side), front, up), halves, min(halves) * 0.8)
    hole = hole + 0.8 * canvas.grain[box]
    rim = np.clip(1.2 - np.abs(hole - 0.6) / 1.6, 0, 1) * np.clip(up / 4, 0, 1)
    canvas.lay(box, rim * 0.8, "fluid")
    canvas.paint(box, hole, "air", edge=2)


def paint_openings_of_surgery(canvas: Canvas, skeleton: Skeleton, numbers: tuple[int, ...]) -> None:
    """Paint scar and fluid where a surgeon took the arch away."""
    for number in numbers:
        frame, segment = skeleton.frames[number], skeleton.segments[number]
        place = frame.moved(front=-segment.depth / 2 - segment.canal_depth - 15, up=-4)
        box = canvas.grid.box(place.middle, 34, 16)
        if box is None:
            continue
        left, front, up = place.local(canvas.grid, box)
        hollow = block((left, front, up), (9, 14, segment.height * 0.62), 5) + 1.5 * canvas.grain[box]
        canvas.paint(box, hollow, "scar", grain=0.3, edge=2)
        canvas.paint(box, ellipsoid((left, front - 8, up), (6, 4, segment.height * 0.4)), "fluid", edge=2)
