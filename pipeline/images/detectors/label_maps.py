"""Discs in a label map, as a segmentation gives them, to middle, tilt and width in a volume."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Labels = npt.NDArray[np.integer]
Floats = npt.NDArray[np.float64]

_LEAST_VOXELS = 12
_FEWEST_IN_MIDDLE = 3  # voxels that have an axis
_LEAST_WIDTH_MM = 10.0
_ROUNDING = 1e-3  # of a slice
_MIDDLE_SHARE = 0.5  # of a disc's slices, around its middle, that its tilt and width are measured on


@dataclass(frozen=True)
class LabelMap:
    """Numbered structures: `labels` in three dimensions, `to_volume` (4, 4) from its indices to a volume's voxels."""

    labels: Labels
    to_volume: Floats


@dataclass(frozen=True)
class MeasuredDisc:
    """Middle (slice, row, column) in voxels of the volume, tilt in radians as a located disc has it, width in mm."""

    centre: tuple[float, float, float]
    tilt: float
    width: float


def measure_disc(labels: LabelMap, number: int, spacing_mm: tuple[float, float, float]) -> MeasuredDisc | None:
    """Measure the largest piece of a numbered structure in the sagittal plane.

    The tilt is that of its long axis on the slices around its middle. The width is what it spans along that axis.

    Args:
        labels: the label map.
        number: the structure's number.
        spacing_mm: of the volume, between slices, rows and columns.

    Returns:
        None where the piece is too small to be a disc that was seen, as at the edge of the picture.
    """
    places = _largest_piece(labels, number)
    if len(places) < _LEAST_VOXELS:
        return None
    centre = places.mean(axis=0)
    slices = np.abs(places[:, 0] - centre[0])
    limit = max(float(slices.min()), _MIDDLE_SHARE * float(slices.max())) + _ROUNDING
    middle = places[slices <= limit]
    if len(middle) < _FEWEST_IN_MIDDLE:
        return None
    in_plane = (middle[:, 1:] - middle[:, 1:].mean(axis=0)) * spacing_mm[1:]
    _, axes = np.linalg.eigh(np.cov(in_plane.T))
    down, back = axes[:, -1] if axes[1, -1] >= 0 else -axes[:, -1]
    along = in_plane @ (down, back)
    width = float(np.ptp(along)) + _voxel_along(labels, (float(down), float(back)), spacing_mm)
    if width < _LEAST_WIDTH_MM:
        return None
    middle_slice, row, column = (float(value) for value in centre)
    return MeasuredDisc((middle_slice, row, column), float(np.arctan2(down, back)), width)


def _largest_piece(labels: LabelMap, number: int) -> Floats:
    """Give the voxels (n, 3) of the structure's largest piece, in voxels of the volume."""
    here = labels.labels == number
    box = ndimage.find_objects(here, 1)[0]  # a disc is a small part of the map
    if box is None:
        return np.empty((0, 3))
    pieces, _ = ndimage.label(here[box], np.ones((3, 3, 3)))
    indices = np.argwhere(pieces == 1 + int(np.argmax(np.bincount(pieces.ravel())[1:])))
    indices += [along.start for along in box]
    places: Floats = indices @ labels.to_volume[:3, :3].T + labels.to_volume[:3, 3]
    return places


def _voxel_along(labels: LabelMap, axis: tuple[float, float], spacing_mm: tuple[float, float, float]) -> float:
    """Give what one voxel of the label map adds to a length along an in-plane axis (down, back), in mm."""
    steps = labels.to_volume[1:3, :3] * np.array(spacing_mm[1:])[:, None]
    return float(np.abs(np.array(axis) @ steps).max())
