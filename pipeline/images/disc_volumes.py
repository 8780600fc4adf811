"""Discs cut out of a volume so that all lie alike for the encoder."""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from pipeline.images.detectors.protocol import LocatedDisc
from pipeline.images.errors import DiscOutsideScan, DiscWithoutSignal
from pipeline.images.volume import Volume

SLICES, ROWS, COLUMNS = 9, 112, 224
WIDTHS_ACROSS = 2.0
"""The cut is this many times as wide as the disc, and half of that high."""
CLIP = 8.0
"""Intensities end here, at 4 times the vertebrae's median, which is 2."""

_BODY_ROWS = (0.4, 0.65)  # where, in disc widths above and below a disc, its two vertebrae are sampled
_BODY_COLUMNS = 0.25

Floats = npt.NDArray[np.float32]


def cut_disc(volume: Volume, disc: LocatedDisc) -> Floats:
    """Cut one disc out, level whatever its tilt, at twice its width.

    Slices are the volume's own, four on each side of the disc's middle; beyond the volume the cut is 0. Intensities
    are divided by half the median of the two vertebrae and end at CLIP.

    Returns:
        (9, 112, 224) float32: slices from the patient's right to the left, rows down the spine, columns from anterior.

    Raises:
        DiscOutsideScan: the disc's middle is outside the volume; the detector or a mapping is wrong.
        DiscWithoutSignal: its vertebrae are black or not in the volume, so that there is no scale.

    Source: Park et al. 2024, section 3; the size is SpineNet's.
    """
    middle, row, column = disc.centre
    slices, rows, columns = volume.voxels.shape
    if not (-0.5 <= middle < slices - 0.5 and -0.5 <= row < rows - 0.5 and -0.5 <= column < columns - 0.5):
        raise DiscOutsideScan(f"the middle of {disc.level or 'a disc'} lies outside the volume")
    step = WIDTHS_ACROSS * disc.width / COLUMNS
    down, along = np.meshgrid(
        (np.arange(ROWS) - (ROWS - 1) / 2) * step, (np.arange(COLUMNS) - (COLUMNS - 1) / 2) * step, indexing="ij"
    )
    places = _places(volume, disc, down, along)
    cut = np.zeros((SLICES, ROWS, COLUMNS), np.float32)
    first = round(middle) - SLICES // 2
    for i in range(SLICES):
        if 0 <= first + i < slices:
            cut[i] = ndimage.map_coordinates(volume.voxels[first + i], places, order=1, cval=0.0)
    scaled: Floats = np.clip(cut / (_vertebra_median(volume, disc) / 2), 0, CLIP)
    return scaled


def _places(
    volume: Volume, disc: LocatedDisc, down: npt.NDArray[np.float64], along: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Turn mm down and along the disc into (row, column) voxels."""
    _, row_mm, column_mm = volume.spacing_mm
    cos, sin = np.cos(disc.tilt), np.sin(disc.tilt)
    rows = disc.centre[1] + (along * sin + down * cos) / row_mm
    columns = disc.centre[2] + (along * cos - down * sin) / column_mm
    return np.stack([rows, columns])


def _vertebra_median(volume: Volume, disc: LocatedDisc) -> float:
    """Median intensity of the two vertebrae beside a disc, on its middle slice."""
    near, far = (share * disc.width for share in _BODY_ROWS)
    reach = _BODY_COLUMNS * disc.width
    below = np.linspace(near, far, 8)
    down, along = np.meshgrid(np.concatenate([-below, below]), np.linspace(-reach, reach, 16), indexing="ij")
    plane = volume.voxels[int(np.clip(round(disc.centre[0]), 0, len(volume.voxels) - 1))]
    rows, columns = _places(volume, disc, down, along)
    inside = (rows >= 0) & (rows <= plane.shape[0] - 1) & (columns >= 0) & (columns <= plane.shape[1] - 1)
    values = ndimage.map_coordinates(plane, np.stack([rows[inside], columns[inside]]), order=1)
    median = float(np.median(values)) if values.size else 0.0
    if median <= 0:
        raise DiscWithoutSignal(f"no signal where the vertebrae beside {disc.level or 'a disc'} should be")
    return median
