"""Whether slices make a volume: enough of them, evenly spaced, in line, and whole."""

from collections.abc import Sequence

import numpy as np

from pipeline.images.errors import ImpossibleField, MissingPixels, ShiftedSlices, SliceGap, TooFewSlices
from pipeline.images.geometry import normal_of, plane_of
from pipeline.images.headers import ImageHeader, Plane

FEWEST_SLICES = 5
_SPACING_TOLERANCE = 0.1  # share of the usual distance
_ROUNDING_MM = 0.11  # between two positions that were each rounded to a tenth
_IN_LINE_MM = 5.0  # how far a slice may be shifted within its plane
_FIELD_MM = (20.0, 2000.0)  # what a picture of a spine can measure


def measure_spacing(ordered: Sequence[ImageHeader], fewest: int = FEWEST_SLICES) -> float:
    """Check that slices, sorted along their normal, are evenly spaced, in line and whole; give the distance in mm.

    Raises:
        TooFewSlices: fewer than `fewest`.
        ImpossibleField: a picture is lower or narrower than 20 mm, or more than 2 m.
        SliceGap: distances off the usual (median) one by more than a tenth and more than rounding.
        ShiftedSlices: a slice is shifted within its plane by more than 5 mm.
        MissingPixels: images with too few bytes of pixels.
    """
    if len(ordered) < fewest:
        raise TooFewSlices(len(ordered), fewest)
    planes = [plane_of(image) for image in ordered]
    height, width = (float(size) for size in np.multiply(planes[0].spacing, (planes[0].rows, planes[0].columns)))
    if not _FIELD_MM[0] <= min(height, width) <= max(height, width) <= _FIELD_MM[1]:
        raise ImpossibleField(height, width)
    usual = _usual_step(planes)
    shifts = _shifts(planes)
    if shifted := [f"image {image.label}" for image, shift in zip(ordered, shifts, strict=True) if shift > _IN_LINE_MM]:
        raise ShiftedSlices(shifted, float(shifts.max()))
    if faults := [f"image {image.label} {image.pixel_fault}" for image in ordered if image.pixel_fault]:
        raise MissingPixels(faults)
    return round(usual, 4)


def _usual_step(planes: Sequence[Plane]) -> float:
    places = np.array([plane.position for plane in planes])
    steps = np.diff(places @ normal_of(planes[0]))
    usual = float(np.median(steps))
    tolerance = max(_SPACING_TOLERANCE * usual, min(_ROUNDING_MM, 0.25 * usual))
    odd = np.flatnonzero(np.abs(steps - usual) > tolerance)
    if len(odd):
        raise SliceGap(
            [(float(places[i, 0]), float(places[i + 1, 0]), float(steps[i])) for i in odd], usual, len(steps)
        )
    return usual


def _shifts(planes: Sequence[Plane]) -> np.ndarray:
    """Distance of each slice, within its plane, from where most lie, mm."""
    first = planes[0]
    within = np.array([plane.position for plane in planes]) @ np.array([first.along_row, first.along_column]).T
    away: np.ndarray = np.hypot(*(within - np.median(within, axis=0)).T)
    return away
