"""Images of one series to stacks of parallel, evenly spaced slices."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipeline.images.errors import UnusableStack
from pipeline.images.geometry import normal_of, offset_of, orientation_of, plane_of, reach_of_plane
from pipeline.images.headers import ImageHeader, Plane
from pipeline.images.regularity import measure_spacing
from pipeline.images.repeats import split_repeats
from pipeline.images.weighting import Weighting, weigh

_STATION_MM = 20.0  # in-plane shift from which images belong to another station of the table
_SAME_DIRECTION = 0.01  # difference of direction cosines, about half a degree
_SAME_ECHO = 0.005  # share of the echo time


@dataclass(frozen=True)
class Stack:
    """Slices of one series that belong together, from the patient's right to the left (or along their normal).

    `fault` says in words why no volume can be made of it, and is empty otherwise. `spacing` is the mm between slices,
    None where there is no usual one. `duplicates` are images left out because another lies at their place.
    """

    images: tuple[ImageHeader, ...]
    orientation: str
    weighting: Weighting
    spacing: float | None
    fault: str
    duplicates: tuple[ImageHeader, ...]

    @property
    def plane(self) -> Plane:
        """The plane of the first slice."""
        return plane_of(self.images[0])


@dataclass(frozen=True)
class SplitSeries:
    """The stacks of one series, and the images in none, each with the reason."""

    stacks: tuple[Stack, ...]
    strangers: tuple[tuple[ImageHeader, str], ...]


def split_series(images: Iterable[ImageHeader]) -> SplitSeries:
    """Split a series by orientation, size, contrast, station of the table and acquisition.

    A series holds several stacks when echoes, stations or repetitions share its UID. The same images in any order give
    the same stacks.
    """
    ordered = sorted(images, key=lambda image: (image.number or 0, image.frame or 0, image.instance_uid))
    strangers = [(image, image.plane_fault) for image in ordered if image.plane is None]
    groups = _cluster([image for image in ordered if image.plane is not None], _alike)
    groups = [part for group in groups for part in _cluster(group, _at_one_station)]
    parts = [part for group in groups for part in split_repeats(group)]
    return SplitSeries(tuple(_make_stack(images, duplicates) for images, duplicates in parts), tuple(strangers))


def reach_of(stack: Stack) -> tuple[float, float]:
    """Lowest and highest patient z of a stack's corners, mm."""
    return reach_of_plane(stack.plane)


def same_echo(one: float | None, other: float | None) -> bool:
    """Tell whether echo times are one but for rounding."""
    return one == other or (one is not None and other is not None and math.isclose(one, other, rel_tol=_SAME_ECHO))


def _alike(image: ImageHeader, other: ImageHeader) -> bool:
    """Tell whether two images can be slices of one stack: size, contrast, and direction to half a degree."""
    one, two = plane_of(image), plane_of(other)
    return (
        _contrast(image) == _contrast(other)
        and same_echo(image.echo_time, other.echo_time)
        and (one.rows, one.columns) == (two.rows, two.columns)
        and np.allclose(one.spacing, two.spacing, rtol=1e-3)
        and np.allclose(one.along_row, two.along_row, atol=_SAME_DIRECTION)
        and np.allclose(one.along_column, two.along_column, atol=_SAME_DIRECTION)
    )


def _contrast(image: ImageHeader) -> tuple[object, ...]:
    return image.inversion_time, image.image_type, image.fat_suppressed, image.repeat


def _at_one_station(image: ImageHeader, other: ImageHeader) -> bool:
    """Tell whether two images lie over each other, which the stations of a whole-spine examination do not."""
    first = plane_of(image)
    shift = np.array([first.along_row, first.along_column]) @ np.subtract(plane_of(other).position, first.position)
    return float(np.abs(shift).max()) < _STATION_MM


def _cluster(
    images: Iterable[ImageHeader], together: Callable[[ImageHeader, ImageHeader], bool]
) -> list[list[ImageHeader]]:
    """Put each image to the first cluster whose first image it goes together with."""
    clusters: list[list[ImageHeader]] = []
    for image in images:
        for cluster in clusters:
            if together(cluster[0], image):
                cluster.append(image)
                break
        else:
            clusters.append([image])
    return clusters


def _make_stack(images: list[ImageHeader], duplicates: Sequence[ImageHeader]) -> Stack:
    normal = normal_of(plane_of(images[0]))
    ordered = tuple(sorted(images, key=lambda image: offset_of(image, normal)))
    stack = Stack(ordered, orientation_of(plane_of(images[0])), weigh(images[0]), None, "", tuple(duplicates))
    try:
        return replace(stack, spacing=measure_spacing(ordered))
    except UnusableStack as error:
        return replace(stack, fault=str(error))
