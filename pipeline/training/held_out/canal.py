"""What lies in and behind the spinal canal: fat, sac, cord, roots, ligaments, and the nerves' openings."""

from dataclasses import dataclass

import numpy as np

from pipeline.training.held_out.curve import CanalCurve, Unrolled
from pipeline.training.held_out.grid import Box, Canvas, Floats, block, ellipsoid, noise
from pipeline.training.held_out.skeleton import Skeleton

_CORD = (  # number, half depth, half width in mm
    *((-2.0, 9.0, 11.0), (-0.3, 7.0, 8.5), (1.0, 4.6, 6.0), (2.0, 4.2, 6.0), (5.0, 3.9, 6.8), (8.0, 3.4, 5.0)),
    *((12.0, 3.2, 4.2), (16.0, 3.4, 4.3), (18.0, 4.2, 4.8), (19.0, 3.9, 4.4), (19.8, 2.4, 2.8), (20.3, 0.6, 0.7)),
)
_SAC_SHARE = 0.84  # of the canal's depth


@dataclass(frozen=True)
class CanalDetails:
    """How one person's canal looks: where the cord ends and the sac ends (numbers), and its narrowness.

    `tight` is a list of (number, share of the depth left); `flow` how dark moving fluid is, in [0, 1].
    """

    conus: float = 20.2
    sac_end: float = 26.2
    tight: tuple[tuple[float, float], ...] = ()
    flow: float = 0.3
    size: float = 1.0


def paint_canal(
    canvas: Canvas, curve: CanalCurve, unrolled: Unrolled, details: CanalDetails, rng: np.random.Generator
) -> None:
    """Paint the canal over what lies there, before the bones."""
    box = _near(canvas, unrolled, 26)
    if box is None:
        return
    sample, back = unrolled.sample[box[1:]][None], unrolled.back[box[1:]][None]
    left = canvas.grid.laterals[box[0], None, None] - unrolled.x[box[1:]][None]
    half, wide = (curve.depth / 2)[sample], (curve.width / 2)[sample]
    number = curve.number
    hollow = ellipsoid_flat(left, back, wide, half)
    canvas.paint(box, hollow, "ligament")
    canvas.paint(box, hollow + 0.5, "fat", grain=0.1)
    share = _SAC_SHARE * np.ones_like(number)
    for at, keep in details.tight:
        share *= 1 - (1 - keep) * np.exp(-(((number - at) / 0.17) ** 2))
    end = np.clip((details.sac_end - number) / 0.8, 0, 1) ** 0.6
    low = np.clip((number - 23.6) / 2.0, 0, 1)  # the sac leaves the front wall at L5-S1
    sac_half = (curve.depth / 2 * share * end * (1 - 0.22 * low))[sample]
    sac_wide = (curve.width / 2 * 0.9 * end * (1 - 0.3 * low))[sample]
    sac = ellipsoid_flat(left, back - (curve.depth * 0.5 * 0.16 * low)[sample], sac_wide, np.maximum(sac_half, 0.01))
    sac = np.where(end[sample] > 0.02, sac, np.float32(5))
    canvas.paint(box, sac, "ligament")
    canvas.paint(box, sac + 0.6, "fluid")
    inside = np.clip(-sac - 0.4, 0, 1)
    _paint_flow(canvas, box, inside, (number[sample], back), details, rng)
    _paint_roots(canvas, box, inside, (number[sample], left, back), (details, rng))
    _paint_cord(canvas, box, (number, sample), (left, back, half), details)


def ellipsoid_flat(left: Floats, back: Floats, wide: Floats | np.float32, half: Floats | np.float32) -> Floats:
    """Give about the distance in mm to a tube's wall of the given half width and depth."""
    wide, half = np.maximum(wide, np.float32(0.05)), np.maximum(half, np.float32(0.05))
    radius = np.sqrt((left / wide) ** 2 + (back / half) ** 2)
    result: Floats = (radius - 1) * np.minimum(wide, half)
    return result


def _near(canvas: Canvas, unrolled: Unrolled, reach: float) -> Box | None:
    """Give the box about all places within reach of the canal."""
    close = np.abs(unrolled.back) < 16
    rows, columns = np.flatnonzero(close.any(axis=1)), np.flatnonzero(close.any(axis=0))
    middle = unrolled.x[close]
    if not rows.size:
        return None
    laterals = canvas.grid.laterals
    planes = np.flatnonzero((laterals > middle.min() - reach) & (laterals < middle.max() + reach))
    if not planes.size:
        return None
    return (
        slice(int(planes[0]), int(planes[-1]) + 1),
        slice(int(rows[0]), int(rows[-1]) + 1),
        slice(int(columns[0]), int(columns[-1]) + 1),
    )


def _paint_flow(
    canvas: Canvas,
    box: Box,
    inside: Floats,
    place: tuple[Floats, Floats],
    details: CanalDetails,
    rng: np.random.Generator,
) -> None:
    """Darken fluid that pulses: clouds behind the cord from the neck to the chest, and at the front in the neck."""
    number, back = place
    moving = np.clip((19 - number) / 4, 0.12, 1) * np.clip(0.6 + back / 6, 0.2, 1)
    clouds = noise(rng, (1, *inside.shape[1:]), (1, 14, 5))
    canvas.lay(box, inside * np.clip(moving * (0.5 + 0.6 * clouds) * np.float32(details.flow), 0, 0.8), "flow")


def _paint_roots(
    canvas: Canvas,
    box: Box,
    inside: Floats,
    place: tuple[Floats, Floats, Floats],
    drawn: tuple[CanalDetails, np.random.Generator],
) -> None:
    """Paint the cauda equina: strands that run down behind, spread out and leave one by one."""
    details, rng = drawn
    number, left, back = place
    below = np.clip((number - details.conus + 2.2) / 1.6, 0, 1)
    if not below.any():
        return
    strands = noise(rng, (160, 160), (5, 4))
    fan = 1 + 0.05 * np.clip(number - details.conus, 0, 7)
    across = (left * fan * 5 + 400).astype(int) % 160
    deep = ((back + 0.7 * (number - 20)) * fan * 5 + 400).astype(int) % 160
    rear = np.clip(0.75 + back / 5 - 0.07 * np.clip(number - 21, 0, 6), 0.05, 1)
    share = inside * below * np.clip(strands[across, deep] * 1.2 + 1.3 * rear - 0.75, 0, 0.9)
    canvas.lay(box, share, "root")


def _paint_cord(
    canvas: Canvas,
    box: Box,
    along: tuple[Floats, np.ndarray[tuple[int, ...], np.dtype[np.intp]]],
    place: tuple[Floats, Floats, Floats],
    details: CanalDetails,
) -> None:
    number, sample = along
    left, back, half = place
    table = np.array(_CORD)
    told = np.where(number > 12, number + (20.3 - details.conus) * np.clip((number - 12) / 6, 0, 1), number)
    depth = (np.interp(told, table[:, 0], table[:, 1]) * details.size).astype(np.float32)[sample]
    wide = (np.interp(told, table[:, 0], table[:, 2]) * details.size).astype(np.float32)[sample]
    ends = told[sample] < 20.3
    lean = (np.interp(number, [2, 5, 12, 19, 21], [0, -0.1, -0.2, 0.25, 0.5])).astype(np.float32)[sample]
    distance = ellipsoid_flat(left, back - lean * (half - depth), wide, depth)
    canvas.paint(box, np.where(ends, distance, np.float32(9)), "cord", grain=0.06)


def paint_openings(canvas: Canvas, skeleton: Skeleton, rng: np.random.Generator) -> None:
    """Paint, beside and behind each disc, the fat of the nerve's opening with its root, and the fat behind the sac."""
    for number in range(3, 25):
        frame, segment = skeleton.frames[number], skeleton.segments[number]
        size = segment.depth / 34
        behind = segment.depth / 2 + segment.canal_depth
        hole = frame.moved(front=-segment.depth / 2 - segment.canal_depth * 0.35, up=-segment.height * 0.42)
        box = canvas.grid.box(hole.middle, 16 * size + 4, segment.canal_width / 2 + 14 * size + 3)
        if box is None:
            continue
        left, front, up = hole.local(canvas.grid, box)
        side = np.abs(left) - segment.canal_width / 2 - 3 * size
        opening = block((side, front, up), (9 * size, 6.5 * size, 9.5 * size), 4 * size)
        canvas.paint(box, opening, "fat", grain=0.12)
        root = ellipsoid((side, front - 1 * size, up - 3.2 * size + 0.25 * side), (11 * size, 2.5 * size, 2.9 * size))
        canvas.paint(box, root, "root")
        vein = ellipsoid((side, front - 1, up - 7.5 * size), (9 * size, 1.3 * size, 1.1 * size))
        canvas.paint(box, vein, "flow" if rng.random() < 0.6 else "vein")
        pad = frame.moved(front=-behind - 2.0 * size, up=-segment.height * 0.62)
        box = canvas.grid.box(pad.middle, 15 * size, 9 * size)
        if box is None:
            continue
        left, front, up = pad.local(canvas.grid, box)
        canvas.paint(box, ellipsoid((left, front + 0.3 * up, up), (6 * size, 4.6 * size, 9 * size)), "fat", grain=0.1)
        flavum = ellipsoid(
            (np.abs(left) - 7 * size, front - 1.5 * size, up + 2 * size), (6 * size, 2.2 * size, 11 * size)
        )
        canvas.paint(box, flavum, "flavum")


def paint_ligaments(canvas: Canvas, curve: CanalCurve, unrolled: Unrolled) -> None:
    """Paint the dark lines along the front and the back of the vertebral bodies."""
    box = _near(canvas, unrolled, 12)
    if box is None:
        return
    sample, back = unrolled.sample[box[1:]][None], unrolled.back[box[1:]][None]
    left = canvas.grid.laterals[box[0], None, None] - unrolled.x[box[1:]][None]
    middle = np.clip(1.4 - np.abs(left) / 9, 0, 1) * ((curve.number > 1.8) & (curve.number < 25))[sample]
    rear = np.abs(back + (curve.depth / 2)[sample] - 0.3) - 0.7
    canvas.lay(box, middle * np.clip(0.5 - rear / canvas.grid.step, 0, 0.8), "ligament")
