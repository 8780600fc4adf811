"""A plane that tissues are painted on, two cells per mm."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, auto

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

Floats = npt.NDArray[np.float64]
CELLS_PER_MM = 2


class Tissue(IntEnum):
    """What a cell shows."""

    AIR = 0
    FAT = auto()
    SKIN_FAT = auto()
    MUSCLE = auto()
    VESSEL = auto()
    BOWEL = auto()
    GAS = auto()
    BLADDER = auto()
    LIGAMENT = auto()
    FLUID = auto()
    CORD = auto()
    EPIDURAL = auto()
    ROOT = auto()
    MARROW = auto()
    CORTEX = auto()
    ANNULUS = auto()
    NUCLEUS = auto()
    WORN_NUCLEUS = auto()
    PROCESS = auto()
    SACRUM = auto()
    SACRAL_DISC = auto()
    ENDPLATE_CHANGE = auto()
    BRIGHT_LESION = auto()
    DARK_LESION = auto()
    METAL = auto()
    PILE_UP = auto()
    LUNG = auto()
    BRAIN = auto()


@dataclass(frozen=True)
class Field:
    """What part of the body a picture shows: `anchor` (x, y in mm of the spine) lands at `at` (column, row, in mm).

    `size` is (rows, columns) in mm. `turn` is in radians, `zoom` a factor.
    """

    size: tuple[int, int]
    anchor: Floats
    at: tuple[float, float]
    turn: float = 0.0
    zoom: float = 1.0

    @property
    def matrix(self) -> Floats:
        """The turn and zoom of directions, (2, 2)."""
        cos, sin = np.cos(self.turn), np.sin(self.turn)
        return np.array([[cos, -sin], [sin, cos]]) * self.zoom

    def place(self, points: Floats) -> Floats:
        """Turn points of the spine, (…, 2) in mm, into (column, row) in mm of the picture."""
        return (np.asarray(points, float) - self.anchor) @ self.matrix.T + self.at


class Canvas:
    """Tissues painted over each other on one plane."""

    def __init__(self, field: Field) -> None:
        rows, columns = field.size
        self._field = field
        self._image = Image.new("L", (columns * CELLS_PER_MM, rows * CELLS_PER_MM), Tissue.FAT)
        self._draw = ImageDraw.Draw(self._image)

    def polygon(self, points: Floats, tissue: Tissue) -> None:
        """Fill a closed outline, (n, 2) in mm of the spine."""
        self._draw.polygon(self._cells(points), fill=int(tissue))

    def band(self, left: Floats, right: Floats, tissue: Tissue) -> None:
        """Fill between two lines that run alike, each (n, 2) in mm."""
        self.polygon(np.vstack([_rounded(left), _rounded(right)[::-1]]), tissue)

    def line(self, points: Floats, tissue: Tissue, width: int) -> None:
        """Draw a line, `width` in cells."""
        self._draw.line(self._cells(_rounded(points)), fill=int(tissue), width=width)

    def ellipse(self, centre: Floats, half_axes: Sequence[float] | Floats, angle: float, tissue: Tissue) -> None:
        """Fill an ellipse; half axes in mm, the first along `angle`."""
        turn = np.linspace(0, 2 * np.pi, 20 if max(half_axes) < 20 else 60, endpoint=False)
        along, across = half_axes[0] * np.cos(turn), half_axes[1] * np.sin(turn)
        offsets = np.stack(
            [along * np.cos(angle) - across * np.sin(angle), along * np.sin(angle) + across * np.cos(angle)]
        )
        self.polygon(np.asarray(centre, float) + offsets.T, tissue)

    def labels(self) -> npt.NDArray[np.uint8]:
        """Give the tissue of each cell, (rows, columns) at CELLS_PER_MM."""
        return np.asarray(self._image)

    def _cells(self, points: Floats) -> list[tuple[float, float]]:
        return [tuple(point) for point in (self._field.place(points) * CELLS_PER_MM).tolist()]


def _rounded(line: Floats) -> Floats:
    """Cut the corners of an open line twice (Chaikin 1974); its ends stay."""
    for _ in range(2):
        near, far = line[:-1] * 0.75 + line[1:] * 0.25, line[:-1] * 0.25 + line[1:] * 0.75
        line = np.vstack([line[:1], np.stack([near, far], axis=1).reshape(-1, 2), line[-1:]])
    return line
