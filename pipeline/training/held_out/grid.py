"""The grid that anatomy is painted on, and the paint.

Patient coordinates are (x, y, z) in mm: to the left, to the back, to the feet, from the middle of S1's upper endplate.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Floats = npt.NDArray[np.floating[Any]]
"""Single precision, but for what is small."""
Box = tuple[slice, slice, slice]
Point = npt.NDArray[np.float64]
Signal = tuple[float, float]
"""What water and fat of a tissue send."""


@dataclass(frozen=True)
class Grid:
    """Sagittal planes at `laterals` (x), each `shape` points `step` apart, about `middle` (y, z), turned by `turn`."""

    laterals: Floats
    shape: tuple[int, int]
    step: float
    middle: tuple[float, float]
    turn: float

    @cached_property
    def plane(self) -> tuple[Floats, Floats]:
        """Patient y and z of every point of a plane, each (rows, columns)."""
        down = (np.arange(self.shape[0], dtype=np.float32) - (self.shape[0] - 1) / 2)[:, None] * self.step
        back = (np.arange(self.shape[1], dtype=np.float32) - (self.shape[1] - 1) / 2)[None] * self.step
        cos, sin = np.cos(self.turn), np.sin(self.turn)
        y = self.middle[0] + cos * back - sin * down
        z = self.middle[1] + sin * back + cos * down
        return y.astype(np.float32), z.astype(np.float32)

    def place(self, y: float, z: float) -> tuple[float, float]:
        """Give the row and column of a patient's (y, z)."""
        cos, sin = np.cos(self.turn), np.sin(self.turn)
        y, z = y - self.middle[0], z - self.middle[1]
        row = (-sin * y + cos * z) / self.step + (self.shape[0] - 1) / 2
        column = (cos * y + sin * z) / self.step + (self.shape[1] - 1) / 2
        return float(row), float(column)

    def box(self, point: Point, reach: float, lateral_reach: float | None = None) -> Box | None:
        """Give the part of the grid within reach of a point; None where there is none."""
        row, column = self.place(point[1], point[2])
        wide = reach if lateral_reach is None else lateral_reach
        inside = np.flatnonzero(np.abs(self.laterals - point[0]) <= wide)
        points = reach / self.step
        rows = slice(max(0, int(row - points)), max(0, min(self.shape[0], int(row + points) + 2)))
        columns = slice(max(0, int(column - points)), max(0, min(self.shape[1], int(column + points) + 2)))
        if not inside.size or rows.start >= rows.stop or columns.start >= columns.stop:
            return None
        return slice(int(inside[0]), int(inside[-1]) + 1), rows, columns

    def points(self, box: Box) -> tuple[Floats, Floats, Floats]:
        """Give x (planes, 1, 1), and y and z (1, rows, columns) of a box."""
        y, z = self.plane
        return self.laterals[box[0], None, None], y[None, box[1], box[2]], z[None, box[1], box[2]]


@dataclass(frozen=True)
class Canvas:
    """What water and fat send at every point of a grid, (planes, rows, columns); painted in place.

    `tissues` gives the signals by name. `grain` is unevenness of deviation 1.
    """

    grid: Grid
    tissues: Mapping[str, Signal]
    water: Floats
    fat: Floats
    grain: Floats

    @property
    def whole(self) -> Box:
        """The box of the whole grid."""
        planes, rows, columns = self.water.shape
        return slice(0, planes), slice(0, rows), slice(0, columns)

    def paint(self, box: Box, distance: Floats, tissue: str | Signal, grain: float = 0.0, edge: float = 1.0) -> None:
        """Paint a tissue where `distance` (mm, of the box's shape) is below 0, edges shared over `edge` steps."""
        share = np.clip(np.float32(0.5) - distance / np.float32(self.grid.step * edge), 0, 1)
        self.lay(box, share, tissue, grain)

    def lay(self, box: Box, share: Floats, tissue: str | Signal, grain: float = 0.0) -> None:
        """Lay a tissue over a box, each point by its share in [0, 1]."""
        signals = self.tissues[tissue] if isinstance(tissue, str) else tissue
        uneven = 1 + np.float32(grain) * self.grain[box] if grain else np.float32(1)
        for channel, signal in zip((self.water, self.fat), signals, strict=True):
            part = channel[box]
            part += share * (np.float32(signal) * uneven - part)

    def refined(self, laterals: Floats, times: int) -> "Canvas":
        """Give the same picture on more planes, each repeated."""
        grid = Grid(laterals, self.grid.shape, self.grid.step, self.grid.middle, self.grid.turn)
        water, fat, grain = (np.repeat(part, times, axis=0) for part in (self.water, self.fat, self.grain))
        return Canvas(grid, self.tissues, water, fat, grain)


def noise(rng: np.random.Generator, shape: tuple[int, ...], cells: tuple[float, ...]) -> Floats:
    """Draw smooth noise of about deviation 1; `cells` are its grain's size in points along each axis."""
    coarse = [max(2, int(np.ceil(size / cell)) + 1) for size, cell in zip(shape, cells, strict=True)]
    field = rng.standard_normal(coarse, dtype=np.float32)
    for axis, (size, cell) in enumerate(zip(shape, cells, strict=True)):
        at = np.minimum(np.arange(size) / max(cell, size / (coarse[axis] - 1) * 0.999), coarse[axis] - 1.001)
        low = at.astype(int)
        share = (at - low).astype(np.float32)
        share = share * share * (3 - 2 * share)
        share = share.reshape([-1 if i == axis else 1 for i in range(len(shape))])
        field = np.take(field, low, axis) * (1 - share) + np.take(field, low + 1, axis) * share
    result: Floats = field * np.float32(1.4 if min(cells) > 1 else 1.0)
    return result


def smooth_noise(rng: np.random.Generator, shape: tuple[int, ...], widths: tuple[float, ...]) -> Floats:
    """Draw noise of deviation 1 without a lattice; `widths` are those of its Gaussian, in points along each axis."""
    field: Floats = ndimage.gaussian_filter(rng.standard_normal(shape, dtype=np.float32), widths, mode="nearest")
    return field / np.float32(max(float(field.std()), 1e-6))


def ellipsoid(offsets: tuple[Floats, Floats, Floats], radii: tuple[float, float, float]) -> Floats:
    """Give about the distance in mm to an ellipsoid's surface, below 0 inside."""
    squares = [(part / np.float32(radius)) ** 2 for part, radius in zip(offsets, radii, strict=True)]
    scaled = np.sqrt(squares[0] + squares[1] + squares[2])
    slope = np.sqrt(sum(square / np.float32(r * r) for square, r in zip(squares, radii, strict=True)))
    result: Floats = scaled * (scaled - 1) / np.maximum(slope, np.float32(1e-4))
    return result


def block(offsets: tuple[Floats, Floats, Floats], halves: tuple[float, float, float], rounding: float) -> Floats:
    """Give the distance in mm to a box with rounded corners, below 0 inside."""
    beyond = [np.abs(part) - np.float32(half - rounding) for part, half in zip(offsets, halves, strict=True)]
    outside = np.sqrt(sum(np.maximum(part, 0) ** 2 for part in beyond))
    inside = np.minimum(np.maximum(np.maximum(beyond[0], beyond[1]), beyond[2]), 0)
    result: Floats = outside + inside - np.float32(rounding)
    return result


def blurred(values: Floats, sigma: float) -> Floats:
    """Smooth along the only axis, ends kept."""
    smooth: Floats = ndimage.gaussian_filter1d(values, sigma, mode="nearest")
    return smooth
