"""Discs painted between the endplates of their neighbours, and where their middles are."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from pipeline.training.held_out.bones import Bone, body_surfaces
from pipeline.training.held_out.grid import Box, Canvas, Floats, Grid, Point, Signal, block, ellipsoid
from pipeline.training.held_out.skeleton import Frame, Skeleton

_MODIC = {"1": "wet marrow", "2": "fatty marrow", "3": "sclerosis"}


@dataclass(frozen=True)
class Disc:
    """One disc to paint, below the vertebra of its number.

    `wear` is 0 for a bright, full nucleus to 1 for a black one; `bulge`, and `extrusion` beyond the rear edge, in mm.
    `modic` is the type of change beside it, `cage` a metal or plastic spacer with bone grown through.
    """

    number: int
    wear: float = 0.0
    cleft: float = 0.5
    bulge: float = 0.5
    extrusion: float = 0.0
    aside: float = 0.0
    vacuum: bool = False
    modic: str | None = None
    cage: bool = False


@dataclass(frozen=True)
class DiscSpace:
    """The space of a disc at a box's points: `distance` to its surface (below 0 inside), `radius` (1 at the rim).

    `height` is from the mean plane, as a share of half the `thickness` there. `into_upper` and `into_lower` are mm
    beyond the endplates into the bodies.
    """

    distance: Floats
    radius: Floats
    height: Floats
    thickness: Floats
    into_upper: Floats
    into_lower: Floats


def disc_frame(skeleton: Skeleton, number: int) -> Frame:
    """Give the disc's own frame: half way between the endplates' middles, with the mean of their directions."""
    above, below = skeleton.frames[number], skeleton.frames[number + 1]
    upper = above.at(0, 0, -skeleton.segments[number].height / 2)
    lower = below.at(0, 0, skeleton.segments[number + 1].height / 2)
    axes = above.axes + below.axes
    return Frame((upper + lower) / 2, axes / np.linalg.norm(axes, axis=1, keepdims=True))


def disc_box(skeleton: Skeleton, number: int, grid: Grid) -> Box | None:
    """Give the part of a grid that a disc and what is beside it can lie in; None where there is none."""
    segment = skeleton.segments[number]
    return grid.box(disc_frame(skeleton, number).middle, segment.depth / 2 + 11, segment.width / 2 + 5)


def disc_space(skeleton: Skeleton, bones: Mapping[int, Bone], disc: Disc, grid: Grid, box: Box) -> DiscSpace:
    """Measure the space between two bodies at a box's points."""
    upper, lower = skeleton.segments[disc.number], skeleton.segments[disc.number + 1]
    above = skeleton.frames[disc.number].local(grid, box)
    below = skeleton.frames[disc.number + 1].local(grid, box)
    _, floor, radius_above = body_surfaces(skeleton, bones[disc.number], above)
    roof, _, radius_below = body_surfaces(skeleton, bones[disc.number + 1], below)
    into_upper, into_lower = above[2] + floor, roof - below[2]
    radius = (radius_above + radius_below) / 2
    back = np.clip(-(above[1] + below[1]) / np.float32(upper.depth), 0, 1)
    thickness = np.maximum(-into_lower - into_upper, np.float32(0.3))
    height = (into_upper - into_lower) / thickness
    wall = (radius - 1) * np.float32((upper.depth + lower.depth) / 4) - np.float32(disc.bulge) * (0.4 + 0.6 * back)
    wall = wall + 1.6 * np.minimum(height * height, 1.5) - 0.6  # rounded, highest between the rims
    distance = np.maximum(np.maximum(into_upper, into_lower), wall)
    return DiscSpace(distance, radius, height, thickness, into_upper, into_lower)


def disc_middle(skeleton: Skeleton, bones: Mapping[int, Bone], number: int) -> Point:
    """Give the centroid of a disc's body in patient coordinates, wherever the picture ends.

    Bulges, spurs and Schmorl's nodes do not belong to the body.
    """
    frame = disc_frame(skeleton, number)
    half = skeleton.segments[number].width / 2
    laterals = np.linspace(frame.middle[0] - half, frame.middle[0] + half, 9, dtype=np.float32)
    side = 2 * int(skeleton.segments[number].depth / 2 + 10)
    grid = Grid(laterals, (side, side), 1.0, (float(frame.middle[1]), float(frame.middle[2])), 0.0)
    box = (slice(0, 9), slice(0, side), slice(0, side))
    smooth = {
        n: replace(bones[n], shape=replace(bones[n].shape, spur=0.0, node=(0.0, 0.0))) for n in (number, number + 1)
    }
    inside = disc_space(skeleton, smooth, Disc(number, bulge=0), grid, box).distance < 0
    if not inside.any():
        return frame.middle
    return np.array([np.broadcast_to(part, inside.shape)[inside].mean() for part in grid.points(box)], float)


def paint_disc(canvas: Canvas, skeleton: Skeleton, bones: Mapping[int, Bone], disc: Disc) -> Floats | None:
    """Paint a disc; give the distance to its surface in its `disc_box`, None where that is empty."""
    box = disc_box(skeleton, disc.number, canvas.grid)
    if box is None:
        return None
    space = disc_space(skeleton, bones, disc, canvas.grid, box)
    half_depth = np.float32(skeleton.segments[disc.number].depth / 2)
    if disc.modic is not None:
        for into in (space.into_upper, space.into_lower):
            inside = np.clip((1 - space.radius) * half_depth - 1, 0, 1) * np.clip(into - 0.8, 0, 1)
            share = inside * np.clip(1.5 - into / 6 + 0.35 * canvas.grain[box], 0, 1) * 0.9
            canvas.lay(box, share, _MODIC[disc.modic])
    if disc.cage:
        _paint_cage(canvas, skeleton, disc, box, space)
        return space.distance
    canvas.paint(box, space.distance - 0.3, "annulus")
    side, ends = (0.74 - space.radius) * half_depth, (0.93 - np.abs(space.height)) * space.thickness / 2
    share = np.clip(0.5 + side / np.float32(5.5), 0, 1) * np.clip(0.5 + ends / np.float32(1.4), 0, 1)
    share = share * np.clip(0.5 - space.distance, 0, 1)
    canvas.lay(box, share, _nucleus(canvas, disc.wear), grain=0.1)
    if disc.cleft:
        band = np.exp(-((space.height / 0.3) ** 2)) * np.clip(1.3 - 1.5 * space.radius, 0, 1)
        canvas.lay(box, share * band * np.float32(disc.cleft), "annulus")
    if disc.vacuum:
        slit = np.maximum((np.abs(space.height) - 0.4) * space.thickness / 2, (space.radius - 0.72) * half_depth)
        canvas.paint(box, slit, "air")
    if disc.extrusion:
        _paint_extrusion(canvas, skeleton, disc, box)
    return space.distance


def _nucleus(canvas: Canvas, wear: float) -> Signal:
    wet, dry = canvas.tissues["nucleus"], canvas.tissues["dry nucleus"]
    keep = (1 - wear) ** 1.5
    return wet[0] * keep + dry[0] * (1 - keep), wet[1] * keep + dry[1] * (1 - keep)


def _paint_extrusion(canvas: Canvas, skeleton: Skeleton, disc: Disc, box: Box) -> None:
    """Paint disc material behind the disc, hanging down."""
    left, front, up = disc_frame(skeleton, disc.number).local(canvas.grid, box)
    size = disc.extrusion
    rear = skeleton.segments[disc.number].depth / 2 + size * 0.12
    lump = ellipsoid((left - disc.aside, front + rear, up + 0.25 * size), (size * 1.1, size * 0.62, size * 0.7))
    canvas.paint(box, lump, "ligament")
    dry, wet = canvas.tissues["dry nucleus"], canvas.tissues["nucleus"]
    canvas.paint(box, lump + 1.1, (dry[0] * 0.8 + wet[0] * 0.2, 0), grain=0.3, edge=2.5)


def _paint_cage(canvas: Canvas, skeleton: Skeleton, disc: Disc, box: Box, space: DiscSpace) -> None:
    """Paint marrow grown across the space, and the walls of a spacer in it."""
    canvas.paint(box, space.distance - 1.2, "fatty marrow", grain=0.2, edge=2)
    segment = skeleton.segments[disc.number]
    offsets = disc_frame(skeleton, disc.number).local(canvas.grid, box)
    halves = (segment.width * 0.22, segment.depth * 0.32, segment.disc_height / 2 + 1)
    spacer = block(offsets, halves, 1.5)
    canvas.paint(box, spacer, "air")
    canvas.paint(box, block(offsets, (halves[0] - 4, halves[1] - 4, halves[2]), 1), "marrow", grain=0.3)
