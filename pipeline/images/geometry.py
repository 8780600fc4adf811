"""Where images lie to each other and to the patient's planes."""

import math

import numpy as np

from pipeline.images.errors import UnusableStack
from pipeline.images.headers import ImageHeader, Plane

_OBLIQUE = 0.8  # a normal with no component above this is oblique
OBLIQUE_DEGREES = round(math.degrees(math.acos(_OBLIQUE)))
"""How far a picture may be turned away from one of the patient's planes and still be called after it."""


def plane_of(image: ImageHeader) -> Plane:
    """Give the plane of an image that has one.

    Raises:
        UnusableStack: it has none.
    """
    if image.plane is None:
        raise UnusableStack(f"image {image.label} has {image.plane_fault}")
    return image.plane


def normal_of(plane: Plane) -> np.ndarray:
    """Give the unit normal, turned so that its largest component is positive: left, posterior or superior."""
    normal = np.cross(plane.along_row, plane.along_column)
    length = float(np.linalg.norm(normal))
    if abs(length - 1) > 1e-9:  # rows and columns not quite at right angles
        normal = normal / length
    towards: np.ndarray = normal * np.sign(normal[np.argmax(np.abs(normal))])
    return towards


def offset_of(image: ImageHeader, normal: np.ndarray) -> float:
    """Give the place of an image along a normal, mm."""
    return float(np.dot(plane_of(image).position, normal))


def orientation_of(plane: Plane) -> str:
    """Name the anatomical plane: sagittal, coronal, axial or oblique."""
    normal = np.abs(normal_of(plane))
    return ("sagittal", "coronal", "axial")[int(np.argmax(normal))] if normal.max() >= _OBLIQUE else "oblique"


def degrees_from_sagittal(plane: Plane) -> float:
    """Give the angle between a picture and the patient's sagittal plane, 0 to 90 degrees."""
    return math.degrees(math.acos(min(abs(float(normal_of(plane)[0])), 1.0)))


def reach_of_plane(plane: Plane) -> tuple[float, float]:
    """Lowest and highest patient z of a picture's corners, mm."""
    height = (plane.rows - 1) * plane.spacing[0] * plane.along_column[2]
    width = (plane.columns - 1) * plane.spacing[1] * plane.along_row[2]
    low, high = min(height, 0.0) + min(width, 0.0), max(height, 0.0) + max(width, 0.0)
    return plane.position[2] + low, plane.position[2] + high
