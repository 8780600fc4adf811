"""Vertebrae painted: bodies with waist, hollow endplates and dark cortex, arches, processes, and the sacrum's wings."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from pipeline.training.held_out.grid import Canvas, Floats, block, ellipsoid
from pipeline.training.held_out.morphometry import FIRST, Segment
from pipeline.training.held_out.skeleton import Frame, Local, Skeleton

Place = tuple[float, float, float]
_CORTEX = 0.9  # mm, somewhat more than is real, as partial volume and chemical shift show it


@dataclass(frozen=True)
class BodyShape:
    """How a body departs from the smooth one, in mm.

    `hollow` is of the upper and lower endplate, `spur` the beak at the front rims, `node` the depth of a Schmorl's node
    (upper, lower), `rounding` of the corners, `waist` a share of the depth.
    """

    hollow: tuple[float, float] = (1.2, 1.6)
    spur: float = 0.0
    node: tuple[float, float] = (0.0, 0.0)
    rounding: float = 1.8
    waist: float = 0.09


@dataclass(frozen=True)
class Bone:
    """One vertebra to paint; `marrow` names its tissue, `gain` multiplies it.

    `arch` is false where a surgeon took it away, `arch_back` what it stays behind in mm where the body slipped off;
    `vein` is how bright the vein at its back is, in [0, 1].
    """

    number: int
    shape: BodyShape = field(default_factory=BodyShape)
    marrow: str = "marrow"
    arch: bool = True
    arch_back: float = 0.0
    vein: float = 0.5
    gain: float = 1.0


@dataclass(frozen=True)
class _Part:
    """A rounded box, or an ellipsoid without `rounding`, by its middle and halves (left, front, up), and two turns."""

    middle: Place
    halves: Place
    rounding: float = 0.0
    tilt: float = 0.0
    turn: float = 0.0


def body_surfaces(skeleton: Skeleton, bone: Bone, local: Local) -> tuple[Floats, Floats, Floats]:
    """Give, in mm, the height of the upper and lower endplate at each place, and the radius (1 at the wall)."""
    left, front, up = local
    segment, shape = skeleton.segments[bone.number], bone.shape
    level = np.clip(up / np.float32(segment.height / 2), -1.15, 1.15)
    taper = 1 + np.float32(segment.taper / 2) * level
    squared = np.minimum(level * level, 1)
    middle = 1 - squared
    beak = shape.spur * squared * squared * squared
    half_front = segment.depth / 2 * taper * (1 - shape.waist * 1.3 * middle) + beak
    half_back = segment.depth / 2 * taper * (1 - shape.waist * 0.6 * middle)
    half = np.where(front > 0, half_front, half_back)
    half_width = segment.width / 2 * taper * (1 - shape.waist * middle)
    along, across = np.abs(front) / half, np.abs(left) / half_width
    radius = np.cbrt(along * along * along + across * across * across)
    tip = front * np.float32(np.tan(np.radians(segment.wedge / 2)))
    dish = np.clip(1.12 - radius**2, 0, 1)
    plates = []
    for hollow, node in zip(shape.hollow, shape.node, strict=True):
        plate = segment.height / 2 + tip - hollow * dish
        if node:
            plate = plate - node * np.exp(-((front + 3) ** 2 + (left - 2) ** 2) / np.float32(20))
        plates.append(plate)
    return plates[0], plates[1], radius


def body_distance(skeleton: Skeleton, bone: Bone, local: Local) -> Floats:
    """Give about the distance in mm to a body's surface, below 0 inside."""
    upper, lower, radius = body_surfaces(skeleton, bone, local)
    segment, up = skeleton.segments[bone.number], local[2]
    rounding = np.float32(bone.shape.rounding)
    wall = (radius - 1) * np.float32(segment.depth / 2) + rounding
    ends = np.maximum(up - upper, -up - lower) + rounding
    outside = np.hypot(np.maximum(wall, 0), np.maximum(ends, 0))
    distance: Floats = outside + np.minimum(np.maximum(wall, ends), 0) - rounding
    return distance


def paint_bones(canvas: Canvas, skeleton: Skeleton, bones: Iterable[Bone]) -> None:
    """Paint arches and processes, then bodies, of the given vertebrae."""
    bones = list(bones)
    for bone in bones:
        if skeleton.segments[bone.number].fused > 0.35:
            _paint_wings(canvas, skeleton, bone)
        _paint_arch(canvas, skeleton, bone)
    for bone in bones:
        _paint_body(canvas, skeleton, bone)
        if bone.number == FIRST:
            _paint_dens(canvas, skeleton.frames[FIRST], skeleton.segments[FIRST].height / 18)


def _paint_body(canvas: Canvas, skeleton: Skeleton, bone: Bone) -> None:
    segment, frame = skeleton.segments[bone.number], skeleton.frames[bone.number]
    reach = float(np.hypot(segment.height / 2 + 3, segment.depth / 2 * 1.25 + bone.shape.spur + 3))
    box = canvas.grid.box(frame.middle, reach, max(segment.width / 2 + 3, 8))
    if box is None:
        return
    local = frame.local(canvas.grid, box)
    distance = body_distance(skeleton, bone, local)
    canvas.paint(box, distance, "cortex")
    water, fat = canvas.tissues[bone.marrow]
    inside = np.clip(0.5 - (distance + np.float32(_CORTEX)) / canvas.grid.step, 0, 1)
    patchy = 1 + np.float32(0.5) * np.clip(canvas.grain[box] - 1.0, 0, 1)  # islands of fat
    canvas.lay(box, inside, (water * bone.gain, fat * bone.gain), grain=0.13)
    canvas.fat[box] *= 1 + inside * (patchy - 1)
    if segment.fused < 0.5 and bone.number > 7:
        left, front, up = local
        size = segment.depth / 34
        vein = ellipsoid((left, front + segment.depth / 2 - 2.5 * size, up), (7 * size, 5.5 * size, 1.7 * size))
        share = np.clip(0.5 - np.maximum(vein, distance + 0.4) / (1.5 * canvas.grid.step), 0, 1)
        canvas.lay(box, share * np.float32(bone.vein), "vein")


def _paint_dens(canvas: Canvas, frame: Frame, size: float) -> None:
    """Paint the tooth of C2, and the ring of C1 about it."""
    axis = frame.moved(up=17 * size)
    box = canvas.grid.box(axis.middle, 42 * size, 30 * size)
    if box is None:
        return
    left, front, up = axis.local(canvas.grid, box)
    tooth = ellipsoid((left, front + 0.06 * up, up), (5.8 * size, 5.6 * size, 14 * size))
    canvas.paint(box, tooth, "cortex")
    canvas.paint(box, tooth + 0.9, "marrow", grain=0.1)
    front_arch = ellipsoid((left, front - 10 * size, up - 3 * size), (15 * size, 3.4 * size, 5 * size))
    back_arch = ellipsoid((left, front + 32 * size, up + 1 * size), (12 * size, 3.6 * size, 4.6 * size))
    masses = ellipsoid((np.abs(left) - 20 * size, front + 4 * size, up - 2 * size), (8 * size, 9 * size, 9 * size))
    for ring in (front_arch, back_arch, masses):
        canvas.paint(box, ring, "cortex")
        canvas.paint(box, ring + 1.0, "marrow", grain=0.1)


def _paint_arch(canvas: Canvas, skeleton: Skeleton, bone: Bone) -> None:
    """Paint pedicles, articular and transverse processes, laminae and the spinous process."""
    segment, frame = skeleton.segments[bone.number], skeleton.frames[bone.number]
    size = segment.depth / 34 if bone.number > 7 else 0.55
    centre = frame.moved(front=-segment.depth / 2 - segment.canal_depth - bone.arch_back)
    parts = _side_parts(segment, size) if segment.fused < 0.5 else []
    if bone.arch:
        parts += _rear_parts(segment, size)
    painted = []
    for part in parts:
        own = centre.moved(*part.middle).turned(part.tilt, axial=part.turn)
        box = canvas.grid.box(own.middle, float(np.hypot(part.halves[1], part.halves[2])) + 1.5, part.halves[0] + 2)
        if box is not None:
            local = own.local(canvas.grid, box)
            inside = block(local, part.halves, part.rounding) if part.rounding else ellipsoid(local, part.halves)
            painted.append((box, inside))
    for box, distance in painted:
        canvas.paint(box, distance, "cortex")
    for box, distance in painted:
        canvas.paint(box, distance + np.float32(1.1 if bone.number > 7 else 0.8), bone.marrow, grain=0.12)


def _side_parts(segment: Segment, size: float) -> list[_Part]:
    """Give pedicles, articular columns and transverse processes of both sides, from the canal's rear wall."""
    canal, height = segment.canal_depth, segment.height
    parts = []
    for side in (-1, 1):
        edge = segment.canal_width / 2

        def part(
            middle: Place, halves: Place, rounding: float = 0.0, tilt: float = 0.0, side: int = side, edge: float = edge
        ) -> _Part:
            return _Part((side * (edge + middle[0] * size), middle[1], middle[2] * height), halves, rounding, tilt)

        parts += [
            part((4, canal / 2, 0.24), (3.6 * size, canal * 0.72, 0.27 * height), 2 * size),
            part((2.5, -2 * size, -0.2), (4.5 * size, 4.2 * size, 0.56 * height), 2 * size, -14.0),
            part((5, 2 * size, 0.62), (5 * size, 5.2 * size, 0.3 * height)),
            part((1.5, -7 * size, -0.72), (4.5 * size, 4.8 * size, 0.3 * height)),
            part((19, 4 * size, 0.12), (17 * size, 4.5 * size, 5.5 * size)),
        ]
    return parts


def _rear_parts(segment: Segment, size: float) -> list[_Part]:
    """Give both laminae and the spinous process, from the canal's rear wall."""
    height, quarter = segment.height, segment.canal_width / 4
    tall = 0.4 * height * (1 - 0.5 * segment.fused)
    parts = [
        _Part(
            (side * quarter, -3.0 * size, -0.16 * height),
            (quarter + 3 * size, 2.6 * size, tall),
            1.2,
            -20.0,
            side * 24.0,
        )
        for side in (-1, 1)
    ]
    if segment.spine_length < 2:
        return parts
    angle, half, tall = np.radians(segment.spine_fall), segment.spine_length / 2, segment.spine_height / 2
    for share, along in ((0.82, 0.8), (1.0, 1.35)):  # higher at its end than at its root
        reach = half * along
        middle = (0.0, -4 * size - float(np.cos(angle)) * reach, -0.2 * height - float(np.sin(angle)) * reach)
        halves = (2.4 * size + 0.5, half * (0.85 if along < 1 else 0.62), tall * share)
        parts.append(_Part(middle, halves, min(2.6 * size + 0.4, *halves), segment.spine_fall))
    return parts


def _paint_wings(canvas: Canvas, skeleton: Skeleton, bone: Bone) -> None:
    """Paint the sacrum's lateral masses, with the openings of its nerves between them."""
    segment, frame = skeleton.segments[bone.number], skeleton.frames[bone.number]
    wing = frame.moved(front=-segment.depth * 0.22, up=0.06 * segment.height)
    half = segment.width * 0.5
    for side in (-1, 1):
        own = wing.moved(left=side * (segment.width * 0.3 + half * segment.fused)).turned(axial=-side * 8.0)
        halves = (half, segment.depth * 0.42, segment.height * 0.46)
        box = canvas.grid.box(own.middle, segment.height / 2 + segment.depth / 2, half + 2)
        if box is not None:
            mass = block(own.local(canvas.grid, box), halves, 4)
            canvas.paint(box, mass, "cortex")
            canvas.paint(box, mass + 1.2, bone.marrow, grain=0.12)
