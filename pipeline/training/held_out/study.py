"""A whole study drawn by seed and kind, with the truth about it."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from config.conditions import DISC_LEVELS
from pipeline.images.volume import Volume
from pipeline.training.held_out.body import paint_body
from pipeline.training.held_out.bones import paint_bones
from pipeline.training.held_out.canal import paint_canal, paint_ligaments, paint_openings
from pipeline.training.held_out.curve import canal_curve, unroll
from pipeline.training.held_out.discs import disc_box, disc_middle, paint_disc
from pipeline.training.held_out.grid import Canvas, Floats, Point, noise, smooth_noise
from pipeline.training.held_out.head import paint_head, paint_neck
from pipeline.training.held_out.lesions import paint_metal, paint_metastases, paint_openings_of_surgery
from pipeline.training.held_out.morphometry import FIRST, LAST_PRESACRAL
from pipeline.training.held_out.organs import paint_organs, paint_trunk
from pipeline.training.held_out.other_pictures import draw_other
from pipeline.training.held_out.person import Person, draw_person
from pipeline.training.held_out.plans import KINDS, NO_SPINE, Plan, draw_plan
from pipeline.training.held_out.protocols import Protocol, draw_protocol
from pipeline.training.held_out.scanner import Pixels, take
from pipeline.training.held_out.tissues import draw_tissues

SEEN_MM = 6.0
"""A disc is in the picture where its middle is so far inside it."""
SACRUM_MM = 30.0
"""The sacrum is in view where the picture shows so much below the lowest mobile disc."""
_PARTIAL = 0.15  # from here on a moved lumbosacral border is an anomaly

Labels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class TrueDisc:
    """A disc's level, counted from C2 (None below L5-S1), and its body's centroid in voxels (slice, row, column).

    `sure` is false where finding it is neither right nor wrong: its middle is not well inside the picture (6 mm), it
    is rudimentary, or it was fused.
    """

    level: str | None
    centre: tuple[float, float, float]
    sure: bool


@dataclass(frozen=True)
class HeldOutStudy:
    """A drawn or labelled study and the truth about it.

    `discs` are those of which something is shown, from head to foot. `labels` (as the voxels) is 0, or 1 for the
    first of `discs`, and so on. `sacrum` tells whether S1 and 30 mm below the disc above it are in view;
    `transitional` whether the lumbosacral border is not the usual one, so that names counted from it are wrong;
    `upright` whether the pixels lie as the header says.
    """

    kind: str
    volume: Volume
    discs: tuple[TrueDisc, ...]
    labels: Labels
    sacrum: bool
    transitional: bool
    upright: bool = True


def draw_held_out(seed: int, kind: str) -> HeldOutStudy:
    """Draw a study; the same seed and kind give the same study.

    Raises:
        KeyError: a kind that is not in `KINDS`.
    """
    if kind not in KINDS:
        raise KeyError(f"there is no kind {kind}; the kinds are {', '.join(KINDS)}")
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    if kind == NO_SPINE:
        volume = draw_other(rng)
        return HeldOutStudy(kind, volume, (), np.zeros(volume.voxels.shape, np.uint8), sacrum=False, transitional=False)
    plan = draw_plan(rng, kind)
    person = draw_person(rng, plan)
    protocol = draw_protocol(rng, plan, person.skeleton)
    canvas, marks, depth = _paint(rng, plan, person, protocol)
    pixels = take(canvas, protocol.scan, depth, rng)
    study = _told(kind, plan, person, (protocol, pixels, marks))
    return _turned_over(study, bool(rng.random() < 0.5)) if plan.upside_down else study


def _paint(rng: np.random.Generator, plan: Plan, person: Person, protocol: Protocol) -> tuple[Canvas, Labels, Floats]:
    """Paint a person; give the canvas, disc numbers at each point, and mm behind the canal in a plane."""
    scan, grid, skeleton = protocol.scan, protocol.grid, person.skeleton
    middles = grid.laterals.reshape(scan.slices, scan.planes).mean(axis=1)
    coarse = replace(grid, laterals=middles.astype(np.float32))
    shape = (scan.slices, *grid.shape)
    tissues = dict(draw_tissues(rng, plan.contrast))
    tissues["fractured marrow"] = tissues["wet marrow"]
    grain = 0.8 * smooth_noise(rng, shape, (0, 1, 1)) + 0.6 * noise(rng, shape, (1, 7, 7))
    canvas = Canvas(coarse, tissues, np.zeros(shape, np.float32), np.zeros(shape, np.float32), grain)
    curve = canal_curve(skeleton)
    unrolled = unroll(curve, grid)
    cavity = paint_body(canvas, curve, unrolled, person.build, rng)
    paint_trunk(canvas, curve, unrolled, cavity, (person.build, rng))
    paint_organs(canvas, skeleton, person.build, rng)
    paint_neck(canvas, curve, unrolled, rng)
    paint_head(canvas, skeleton, plan.size**0.5, rng)
    canvas = canvas.refined(grid.laterals, scan.planes)
    if plan.opened:
        paint_openings_of_surgery(canvas, skeleton, plan.opened)
    paint_openings(canvas, skeleton, rng)
    paint_canal(canvas, curve, unrolled, person.canal, rng)
    paint_bones(canvas, skeleton, person.bones.values())
    paint_ligaments(canvas, curve, unrolled)
    marks = np.zeros(canvas.water.shape, np.uint8)
    for number, disc in person.discs.items():
        distance = paint_disc(canvas, skeleton, person.bones, disc)
        box = disc_box(skeleton, number, canvas.grid)
        if distance is not None and box is not None:
            marks[box][distance < 0] = number
    if plan.metastases:
        shown = [bone for number, bone in person.bones.items() if 16 <= number <= 27]
        paint_metastases(canvas, skeleton, shown, plan.metastases, rng)
    if plan.screws:
        paint_metal(canvas, skeleton, plan.screws, rng)
    return canvas, marks, unrolled.back


def _told(kind: str, plan: Plan, person: Person, taken: tuple[Protocol, Pixels, Labels]) -> HeldOutStudy:
    """Put the picture and what is known of it together."""
    protocol, pixels, marks = taken
    scan, grid = protocol.scan, protocol.grid
    shape = pixels.voxels.shape
    first = float(grid.laterals[: scan.planes].mean())

    def voxel(point: Point) -> tuple[float, float, float]:
        row, column = grid.place(point[1], point[2])
        places = [
            (at - start) * per for at, start, per in zip((row, column), pixels.first, pixels.per_point, strict=True)
        ]
        return float(point[0] - first) / scan.between, places[0], places[1]

    rows, columns = (
        np.clip(np.rint(np.arange(size) / per + start).astype(int), 0, limit - 1)
        for size, per, start, limit in zip(shape[1:], pixels.per_point, pixels.first, grid.shape, strict=True)
    )
    shown = marks[scan.planes // 2 :: scan.planes][:, rows[:, None], columns[None]]
    present = set(np.unique(shown).tolist())
    discs, numbers = [], []
    for number in _disc_numbers(plan):
        centre = voxel(disc_middle(person.skeleton, person.bones, number))
        seen = _is_seen(centre, shape, pixels.mm)
        if seen or number in present:
            level = DISC_LEVELS[number - FIRST] if number <= LAST_PRESACRAL else None
            discs.append(TrueDisc(level, centre, seen and _is_sure(plan, number)))
            numbers.append(number)
    order = np.zeros(256, np.uint8)
    order[numbers] = np.arange(1, len(numbers) + 1)
    lowest = LAST_PRESACRAL + round(plan.shift)
    below = shape[1] * pixels.mm[0] - voxel(disc_middle(person.skeleton, person.bones, lowest))[1] * pixels.mm[0]
    first_sacral = voxel(person.skeleton.frames[lowest + 1].middle)
    sacrum = lowest in numbers and below >= SACRUM_MM and _is_seen(first_sacral, shape, pixels.mm)
    volume = Volume(pixels.voxels, (scan.between, *pixels.mm), (), ())
    return HeldOutStudy(kind, volume, tuple(discs), order[shown], sacrum, abs(plan.shift) >= _PARTIAL)


def _disc_numbers(plan: Plan) -> range:
    """Give the discs that count, by number: to L5-S1, or to S1-S2 where S1 is partly lumbar."""
    return range(FIRST, LAST_PRESACRAL + (2 if plan.shift > _PARTIAL else 1 if plan.shift > -1 else 0))


def _is_sure(plan: Plan, number: int) -> bool:
    rudimentary = (number == LAST_PRESACRAL and plan.shift < -0.3) or (number > LAST_PRESACRAL and plan.shift < 0.7)
    return not rudimentary and number not in plan.cages


def _is_seen(centre: tuple[float, float, float], shape: tuple[int, ...], mm: tuple[float, float]) -> bool:
    inside = [
        SEEN_MM <= at * size <= (count - 1) * size - SEEN_MM
        for at, count, size in zip(centre[1:], shape[1:], mm, strict=True)
    ]
    return all(inside) and 0 <= centre[0] <= shape[0] - 1


def _turned_over(study: HeldOutStudy, both: bool) -> HeldOutStudy:
    """Turn the picture head down, and front to back too where `both`."""
    axes = (1, 2) if both else (1,)
    shape = study.volume.voxels.shape
    discs = []
    for disc in study.discs:
        slice_index, row, column = disc.centre
        centre = (slice_index, shape[1] - 1 - row, shape[2] - 1 - column if both else column)
        discs.append(replace(disc, centre=centre))
    volume = replace(study.volume, voxels=np.ascontiguousarray(np.flip(study.volume.voxels, axes)))
    labels = np.ascontiguousarray(np.flip(study.labels, axes))
    return replace(study, volume=volume, discs=tuple(discs), labels=labels, upright=False)
