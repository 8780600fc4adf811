"""Where each vertebra stands: a chain of rigid bodies from the sacrum up to C2 and down to the coccyx."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from pipeline.training.held_out.grid import Box, Floats, Grid, Point
from pipeline.training.held_out.morphometry import (
    FIRST,
    LAST,
    LAST_PRESACRAL,
    Segment,
    mean_segment,
    seeming_number,
)

Axes = npt.NDArray[np.float64]
Local = tuple[Floats, Floats, Floats]
"""Offsets from a bone's middle to the left, to the front and upwards, in mm."""


@dataclass(frozen=True)
class Frame:
    """A place and three directions, the rows of `axes`: left, front, up, in patient coordinates."""

    middle: Point
    axes: Axes

    def local(self, grid: Grid, box: Box) -> Local:
        """Give the offsets of a box's points from the middle, along the axes."""
        x, y, z = grid.points(box)
        offsets = (x - np.float32(self.middle[0]), y - np.float32(self.middle[1]), z - np.float32(self.middle[2]))
        left, front, up = (
            sum((part * np.float32(axis[i]) for i, part in enumerate(offsets[1:], 1)), offsets[0] * np.float32(axis[0]))
            for axis in self.axes
        )
        return left, front, up

    def at(self, left: float, front: float, up: float) -> Point:
        """Give the patient coordinates of a local place."""
        point: Point = self.middle + np.array([left, front, up]) @ self.axes
        return point

    def turned(self, lordotic: float = 0.0, coronal: float = 0.0, axial: float = 0.0) -> "Frame":
        """Turn by degrees: the front opening upwards, to the left side rising, and about its own length."""
        left, front, up = self.axes
        cos, sin = _cos_sin(lordotic)
        front, up = front * cos + up * sin, up * cos - front * sin
        cos, sin = _cos_sin(coronal)
        left, up = left * cos + up * sin, up * cos - left * sin
        cos, sin = _cos_sin(axial)
        left, front = left * cos + front * sin, front * cos - left * sin
        return Frame(self.middle, np.stack([left, front, up]))

    def moved(self, left: float = 0.0, front: float = 0.0, up: float = 0.0) -> "Frame":
        """Move along the own axes."""
        return Frame(self.at(left, front, up), self.axes)


@dataclass(frozen=True)
class Alignment:
    """How a spine stands: degrees, and mm for `slips` of a vertebra forwards on the next, by its number.

    `coronal` and `axial` are tilt and rotation of each vertebra (31, from C2), `bends` is added to each disc's wedge.
    """

    sacral_slope: float
    lordosis: float
    kyphosis: float
    bends: Floats
    coronal: Floats
    axial: Floats
    slips: Mapping[int, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Skeleton:
    """Segments and frames by number, from C2 to the coccyx."""

    segments: Mapping[int, Segment]
    frames: Mapping[int, Frame]


def draw_segments(rng: np.random.Generator, size: float, shift: float) -> dict[int, Segment]:
    """Draw the vertebrae of a person, `size` times the mean, the lumbosacral border moved by `shift` vertebrae."""
    segments = {}
    person = rng.normal(1, [0.04, 0.05, 0.1, 0.08])
    for number in range(FIRST, LAST + 1):
        mean = mean_segment(seeming_number(number, shift)).scaled(size)
        height, depth, disc, canal = person * rng.normal(1, [0.02, 0.02, 0.06, 0.03])
        segments[number] = replace(
            mean,
            height=mean.height * float(height),
            depth=mean.depth * float(depth),
            disc_height=mean.disc_height * float(disc),
            canal_depth=mean.canal_depth * float(canal),
            spine_length=mean.spine_length * rng.normal(1, 0.08),
        )
    return segments


def stand(segments: Mapping[int, Segment], alignment: Alignment) -> Skeleton:
    """Stack the vertebrae, the middle of S1's upper endplate at (0, 0, 0)."""
    tilt = np.radians(alignment.sacral_slope)
    front, up = (0, -np.cos(tilt), np.sin(tilt)), (0, -np.sin(tilt), -np.cos(tilt))
    start = Frame(np.zeros(3), np.array([(1, 0, 0), front, up], float))
    frames: dict[int, Frame] = {}
    here = start
    for number in range(LAST_PRESACRAL, FIRST - 1, -1):
        segment, bend = segments[number], _wedges(number, segments[number], alignment)
        place = number - FIRST
        lateral = {
            "coronal": float(alignment.coronal[place] - alignment.coronal[place + 1]),
            "axial": float(alignment.axial[place] - alignment.axial[place + 1]),
        }
        here = here.moved(up=segment.disc_height / 2).turned(bend[1], **lateral).moved(up=segment.disc_height / 2)
        here = here.moved(front=alignment.slips.get(number, 0.0))
        frames[number] = here.turned(bend[0] / 2).moved(up=segment.height / 2)
        here = frames[number].moved(up=segment.height / 2).turned(bend[0] / 2)
    here = start
    for number in range(LAST_PRESACRAL + 1, LAST + 1):
        segment = segments[number]
        frames[number] = here.turned(-segment.wedge / 2).moved(up=-segment.height / 2)
        here = frames[number].moved(up=-segment.height / 2).turned(-segment.wedge / 2)
        here = here.moved(up=-segment.disc_height).turned(-segment.disc_wedge)
    return Skeleton(segments, dict(sorted(frames.items())))


def _wedges(number: int, segment: Segment, alignment: Alignment) -> tuple[float, float]:
    """Give the wedge of a body and of the disc below it."""
    bend = float(alignment.bends[number - FIRST])
    body = segment.wedge * (alignment.kyphosis if 8 <= number <= 19 else 1.0)
    gain = alignment.lordosis if number >= 20 or number < 8 else 1.0
    return body, segment.disc_wedge * gain + bend


def _cos_sin(degrees: float) -> tuple[float, float]:
    return float(np.cos(np.radians(degrees))), float(np.sin(np.radians(degrees)))
