"""Discs in a volume to discs on the images as received, where people and reports see them."""

import math

import numpy as np

from pipeline.images.detectors.protocol import LocatedDisc
from pipeline.images.volume import ImagePoint, Volume
from pipeline.values import Disc

_HALF_LENGTH, _HALF_HEIGHT = 0.52, 0.15  # of a disc's width: what a lumbar disc's outline takes in
_OUTLINE_POINTS = 24


def place_disc(volume: Volume, disc: LocatedDisc) -> Disc:
    """Map a disc to the image that shows its middle, to patient coordinates, and draw its outline.

    The outline's points are (column, row) with the first pixel's middle at (0.5, 0.5), as spatial coordinates have it
    (PS3.3 C.18.6.1.1), and stay on the image.
    """
    middle, row, column = disc.centre
    index = int(np.clip(round(middle), 0, len(volume.voxels) - 1))
    centre = volume.image_point(index, row, column)
    outline = tuple(_outline(volume, disc, index))
    return Disc(
        level=disc.level,
        sop_instance_uid=centre.sop_instance_uid,
        row=centre.row,
        column=centre.column,
        centre_mm=volume.patient_mm(middle, row, column),
        angle_deg=_angle_on_image(volume, disc, index),
        confidence=disc.confidence,
        outline=outline,
        frame=centre.frame,
    )


def _point_along(volume: Volume, disc: LocatedDisc, index: int, offset: tuple[float, float]) -> ImagePoint:
    """Map a point given in mm along the disc (to posterior) and down from its middle."""
    along, down = offset
    _, row_mm, column_mm = volume.spacing_mm
    cos, sin = math.cos(disc.tilt), math.sin(disc.tilt)
    row = disc.centre[1] + (along * sin + down * cos) / row_mm
    return volume.image_point(index, row, disc.centre[2] + (along * cos - down * sin) / column_mm)


def _angle_on_image(volume: Volume, disc: LocatedDisc, index: int) -> float:
    """Tilt on the image in degrees, clockwise from the columns, in (-90, 90]."""
    one, other = (_point_along(volume, disc, index, (along, 0.0)) for along in (-10.0, 10.0))
    plane = volume.planes[index]
    down, right = (other.row - one.row) * plane.spacing[0], (other.column - one.column) * plane.spacing[1]
    angle = math.degrees(math.atan2(down, right))
    return angle - 180 if angle > 90 else angle + 180 if angle <= -90 else angle


def _outline(volume: Volume, disc: LocatedDisc, index: int) -> list[tuple[float, float]]:
    plane = volume.planes[index]
    points = []
    for turn in np.linspace(0, 2 * math.pi, _OUTLINE_POINTS, endpoint=False):
        along, down = (math.copysign(abs(share) ** 0.5, share) for share in (math.cos(turn), math.sin(turn)))
        offset = (along * _HALF_LENGTH * disc.width, down * _HALF_HEIGHT * disc.width)
        point = _point_along(volume, disc, index, offset)
        column, row = np.clip((point.column + 0.5, point.row + 0.5), 0, (plane.columns, plane.rows))
        points.append((round(float(column), 2), round(float(row), 2)))
    return [*points, points[0]]
