"""A stack's pixels as a volume that lies one way, with the way back to the images and the patient."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydicom.pixels.processing import apply_rescale
from pydicom.pixels.utils import pixel_array

from pipeline.images.codestreams import coded_size_in
from pipeline.images.elements import DAMAGE
from pipeline.images.errors import NotAnImage, UnreadablePixels
from pipeline.images.files import read_received
from pipeline.images.headers import ImageHeader, Plane
from pipeline.images.stacks import Stack

Voxels = npt.NDArray[np.float32]
MOST_VOLUME_BYTES = 1024 * 1024 * 1024
"""Of a series in memory; whole-spine scans of the finest slices take a third of it."""


@dataclass(frozen=True)
class ImagePoint:
    """A place on an image as it was received: pixel indices, the first pixel's middle at (0, 0).

    `frame` counts from 1 and is None for an image that is an object of its own.
    """

    sop_instance_uid: str
    row: float
    column: float
    frame: int | None = None


@dataclass(frozen=True)
class Volume:
    """Voxels (slices, rows, columns): slices from the patient's right to the left, superior up, anterior left.

    `spacing_mm` is between slices, rows and columns. `planes` and `instance_uids` are those of the images as received,
    in the order of the slices; a row of the volume may be a column of the image. `frames` are those of multi-frame
    objects, counted from 1, and empty or None for others.
    """

    voxels: Voxels
    spacing_mm: tuple[float, float, float]
    planes: tuple[Plane, ...]
    instance_uids: tuple[str, ...]
    frames: tuple[int | None, ...] = ()

    def image_point(self, slice_index: int, row: float, column: float) -> ImagePoint:
        """Map a place on a slice to the image it came from."""
        image_row, image_column = _to_image(self.planes[slice_index], row, column)
        frame = self.frames[slice_index] if self.frames else None
        return ImagePoint(self.instance_uids[slice_index], image_row, image_column, frame)

    def patient_mm(self, slice_index: float, row: float, column: float) -> tuple[float, float, float]:
        """Map a voxel, also between slices, to patient coordinates in mm (PS3.3 C.7.6.2.1.1)."""
        last = len(self.planes) - 1
        low = int(np.clip(np.floor(slice_index), 0, last - 1))
        share = slice_index - low
        ends = [_patient_point(self.planes[i], *_to_image(self.planes[i], row, column)) for i in (low, low + 1)]
        x, y, z = ends[0] * (1 - share) + ends[1] * share
        return float(x), float(y), float(z)


def load_volume(stack: Stack) -> Volume:
    """Decode a stack's images into a volume; values go through the images' own rescale (PS3.3 C.11.1).

    Raises:
        UnreadablePixels: an image cannot be decoded, its size is not the one its header gave, or all are too many.
    """
    planes = [image.plane for image in stack.images if image.plane is not None]
    if sum(plane.rows * plane.columns for plane in planes) * np.dtype(np.float32).itemsize > MOST_VOLUME_BYTES:
        raise UnreadablePixels(
            f"its {len(planes)} images would take more than {MOST_VOLUME_BYTES >> 20} MiB; they are kept and not read"
        )
    slices = [_lay(decode_image(image), plane) for image, plane in zip(stack.images, planes, strict=True)]
    row, column = stack.plane.spacing
    if _is_transposed(stack.plane):
        row, column = column, row
    spacing = (stack.spacing or 0.0, row, column)
    uids, frames = zip(*((image.instance_uid, image.frame) for image in stack.images), strict=True)
    return Volume(np.stack(slices), spacing, tuple(planes), uids, frames)


def decode_image(image: ImageHeader) -> Voxels:
    """Decode one image's pixels, (rows, columns) as it was received, through its rescale; larger is brighter.

    Raises:
        UnreadablePixels: it cannot be decoded, its size is not the one its header gave, or a value is not finite.
    """
    if image.pixel_fault:
        raise UnreadablePixels(f"image {image.label} {image.pixel_fault}; send it again")
    try:
        coded = coded_size_in(image.path, (image.frame or 1) - 1)
        if coded is not None and image.plane is not None and coded != (image.plane.rows, image.plane.columns):
            # Found out here, since a decoder would first make room for a picture of that size.
            raise UnreadablePixels(f"image {image.label} does not have the size its header gives; send it again")
        pixels, inverted = _stored(image)
    except (NotAnImage, RuntimeError, OSError, *DAMAGE) as error:
        raise UnreadablePixels(
            f"image {image.label} cannot be decoded ({type(error).__name__}); send it again"
        ) from error
    if image.plane is None or pixels.shape != (image.plane.rows, image.plane.columns):
        raise UnreadablePixels(f"image {image.label} does not have the size its header gives; send it again")
    values: Voxels = np.asarray(pixels, np.float32)
    if not np.isfinite(values).all():
        raise UnreadablePixels(f"image {image.label} holds values that are no numbers; send it again")
    return values.max() - values if inverted else values


def _stored(image: ImageHeader) -> tuple[npt.NDArray[np.generic], bool]:
    """Decode pixels through their rescale, of the one frame where there are several; tell whether larger is darker."""
    if image.rescale is None:
        ds = read_received(image.path)
        return apply_rescale(ds.pixel_array, ds), ds.get("PhotometricInterpretation") == "MONOCHROME1"
    slope, intercept = image.rescale  # those of a frame lie in its functional groups (PS3.3 C.7.6.16.2.9)
    pixels = pixel_array(image.path, index=(image.frame or 1) - 1)
    kind = read_received(image.path, specific_tags=["PhotometricInterpretation"], stop_before_pixels=True)
    return pixels * slope + intercept, kind.get("PhotometricInterpretation") == "MONOCHROME1"


def _is_transposed(plane: Plane) -> bool:
    """Tell whether the image's rows run along the patient's axis, so that they become columns."""
    return abs(plane.along_row[2]) > abs(plane.along_row[1])


def _flips(plane: Plane) -> tuple[bool, bool]:
    """Tell whether rows, then columns, must be turned round for superior up and anterior left."""
    down, across = plane.along_column, plane.along_row
    if _is_transposed(plane):
        down, across = across, down
    return down[2] > 0, across[1] < 0


def _lay(pixels: Voxels, plane: Plane) -> Voxels:
    laid = pixels.T if _is_transposed(plane) else pixels
    rows, columns = _flips(plane)
    return laid[:: -1 if rows else 1, :: -1 if columns else 1]


def _to_image(plane: Plane, row: float, column: float) -> tuple[float, float]:
    transposed = _is_transposed(plane)
    rows, columns = (plane.columns, plane.rows) if transposed else (plane.rows, plane.columns)
    flip_rows, flip_columns = _flips(plane)
    row, column = (rows - 1 - row if flip_rows else row), (columns - 1 - column if flip_columns else column)
    return (column, row) if transposed else (row, column)


def _patient_point(plane: Plane, row: float, column: float) -> npt.NDArray[np.float64]:
    across = np.array(plane.along_row) * plane.spacing[1] * column
    down = np.array(plane.along_column) * plane.spacing[0] * row
    point: npt.NDArray[np.float64] = np.array(plane.position) + across + down
    return point
