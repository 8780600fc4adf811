"""Images of one series to stacks of parallel, evenly spaced slices."""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipeline.images.errors import ImpossibleField, MissingPixels, SliceGap, TooFewSlices, UnusableStack
from pipeline.images.headers import ImageHeader, Plane
from pipeline.images.weighting import Weighting, weigh

FEWEST_SLICES = 5
_SPACING_TOLERANCE = 0.1  # share of the usual distance
_SAME_PLACE_MM = 0.05
_STATION_MM = 20.0  # in-plane shift from which images belong to another station of the table
_SAME_DIRECTION = 0.01  # difference of direction cosines, about half a degree
_FIELD_MM = (20.0, 2000.0)  # what a picture of a spine can measure
_OBLIQUE = 0.8  # a normal with no component above this is oblique


@dataclass(frozen=True)
class Stack:
    """Slices of one series that belong together, from the patient's right to the left (or along their normal).

    `fault` says in words why no volume can be made of it, and is empty otherwise. `spacing` is the mm between slices,
    None where there is no usual one. `duplicates` are images left out because another shows the same.
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
        return _plane(self.images[0])


@dataclass(frozen=True)
class SplitSeries:
    """The stacks of one series, and the images in none, each with the reason."""

    stacks: tuple[Stack, ...]
    strangers: tuple[tuple[ImageHeader, str], ...]


def split_series(images: Iterable[ImageHeader]) -> SplitSeries:
    """Split a series by orientation, size, contrast, station of the table and acquisition.

    A series holds several stacks when echoes, stations or repetitions share its UID. Acquisition numbers split only
    where positions repeat, since some scanners count one up with each slice. The same images in any order give the
    same stacks.
    """
    ordered = sorted(images, key=lambda image: (image.number or 0, image.instance_uid))
    strangers = [(image, "no position, no MR image") for image in ordered if image.plane is None]
    groups = _cluster([image for image in ordered if image.plane is not None], _alike)
    groups = [part for group in groups for part in _cluster(group, _at_one_station)]
    parts = [part for group in groups for part in _split_repeats(group)]
    return SplitSeries(tuple(_make_stack(images, duplicates) for images, duplicates in parts), tuple(strangers))


def _plane(image: ImageHeader) -> Plane:
    if image.plane is None:
        raise UnusableStack(f"image {image.label} has no position")
    return image.plane


def normal_of(plane: Plane) -> np.ndarray:
    """Give the unit normal, turned so that its largest component is positive: left, posterior or superior."""
    normal = np.cross(plane.along_row, plane.along_column)
    towards: np.ndarray = normal * np.sign(normal[np.argmax(np.abs(normal))])
    return towards


def orientation_of(plane: Plane) -> str:
    """Name the anatomical plane: sagittal, coronal, axial or oblique."""
    normal = np.abs(normal_of(plane))
    return ("sagittal", "coronal", "axial")[int(np.argmax(normal))] if normal.max() >= _OBLIQUE else "oblique"


def _alike(image: ImageHeader, other: ImageHeader) -> bool:
    """Tell whether two images can be slices of one stack: size, contrast, and direction to half a degree."""
    one, two = _plane(image), _plane(other)
    contrast = (image.echo_time, image.inversion_time, image.image_type)
    return (
        contrast == (other.echo_time, other.inversion_time, other.image_type)
        and (one.rows, one.columns) == (two.rows, two.columns)
        and np.allclose(one.spacing, two.spacing, rtol=1e-3)
        and np.allclose(one.along_row, two.along_row, atol=_SAME_DIRECTION)
        and np.allclose(one.along_column, two.along_column, atol=_SAME_DIRECTION)
    )


def _at_one_station(image: ImageHeader, other: ImageHeader) -> bool:
    """Tell whether two images lie over each other, which the stations of a whole-spine examination do not."""
    first = _plane(image)
    shift = np.array([first.along_row, first.along_column]) @ np.subtract(_plane(other).position, first.position)
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


def _group(images: Iterable[ImageHeader], key: Callable[[ImageHeader], Hashable]) -> list[list[ImageHeader]]:
    groups: dict[Hashable, list[ImageHeader]] = defaultdict(list)
    for image in images:
        groups[key(image)].append(image)
    return list(groups.values())


def _offset(image: ImageHeader, normal: np.ndarray) -> float:
    return float(np.dot(_plane(image).position, normal))


def _split_repeats(group: list[ImageHeader]) -> list[tuple[list[ImageHeader], list[ImageHeader]]]:
    """Part whole repetitions by acquisition; otherwise keep the first image at each place, as the rest are copies."""
    normal = normal_of(_plane(group[0]))
    places = _group(group, lambda image: round(_offset(image, normal) / _SAME_PLACE_MM))
    if len(places) < len(group):
        acquisitions = _group(group, lambda image: image.acquisition)
        counts = [len({round(_offset(image, normal) / _SAME_PLACE_MM) for image in part}) for part in acquisitions]
        if len(acquisitions) > 1 and min(counts) == len(places):
            return [part for acquisition in acquisitions for part in _split_repeats(acquisition)]
    return [([place[0] for place in places], [image for place in places for image in place[1:]])]


def _make_stack(images: list[ImageHeader], duplicates: Sequence[ImageHeader]) -> Stack:
    normal = normal_of(_plane(images[0]))
    ordered = tuple(sorted(images, key=lambda image: _offset(image, normal)))
    stack = Stack(ordered, orientation_of(_plane(images[0])), weigh(images[0]), None, "", tuple(duplicates))
    try:
        return replace(stack, spacing=measure_spacing(ordered))
    except UnusableStack as error:
        return replace(stack, fault=str(error))


def measure_spacing(ordered: Sequence[ImageHeader], fewest: int = FEWEST_SLICES) -> float:
    """Check that slices, sorted along their normal, are evenly spaced and whole; give the distance in mm.

    Raises:
        TooFewSlices: fewer than `fewest`.
        ImpossibleField: a picture is lower or narrower than 20 mm, or more than 2 m.
        SliceGap: a distance off the usual (median) one by more than a tenth.
        MissingPixels: images with too few bytes of pixels.
    """
    if len(ordered) < fewest:
        raise TooFewSlices(len(ordered), fewest)
    planes = [_plane(image) for image in ordered]
    height, width = (float(size) for size in np.multiply(planes[0].spacing, (planes[0].rows, planes[0].columns)))
    if not _FIELD_MM[0] <= min(height, width) <= max(height, width) <= _FIELD_MM[1]:
        raise ImpossibleField(height, width)
    places = np.array([plane.position for plane in planes])
    steps = np.diff(places @ normal_of(planes[0]))
    usual = float(np.median(steps))
    for i in np.flatnonzero(np.abs(steps - usual) > _SPACING_TOLERANCE * usual):
        raise SliceGap((float(places[i, 0]), float(places[i + 1, 0])), float(steps[i]), usual)
    if faults := [f"image {image.label} {image.pixel_fault}" for image in ordered if image.pixel_fault]:
        raise MissingPixels(faults)
    return round(usual, 4)


def reach_of(stack: Stack) -> tuple[float, float]:
    """Lowest and highest patient z of a stack's corners, mm."""
    plane = stack.plane
    height = (plane.rows - 1) * plane.spacing[0] * plane.along_column[2]
    width = (plane.columns - 1) * plane.spacing[1] * plane.along_row[2]
    low, high = min(height, 0.0) + min(width, 0.0), max(height, 0.0) + max(width, 0.0)
    return plane.position[2] + low, plane.position[2] + high


def describe_left_out(series: SplitSeries, chosen: Stack) -> str:
    """Say in words which images of a chosen stack's series are not in it; empty where all are."""
    notes = [f"{image.label} ({reason})" for image, reason in series.strangers]
    notes += [f"{image.label} (shows the same as another)" for image in chosen.duplicates]
    for stack in series.stacks:
        if stack is chosen:
            continue
        if stack.orientation != chosen.orientation:
            notes += [f"{image.label} ({stack.orientation})" for image in stack.images]
        else:
            notes.append(f"a stack of {len(stack.images)} ({_difference(stack, chosen)})")
    return f"left out: {', '.join(notes)}" if notes else ""


def _difference(stack: Stack, chosen: Stack) -> str:
    mine, other = stack.images[0], chosen.images[0]
    if mine.echo_time != other.echo_time:
        return f"echo time {mine.echo_time:g} ms" if mine.echo_time else "no echo time"
    if mine.image_type != other.image_type:
        return f"image type {'/'.join(mine.image_type)}"
    if mine.acquisition != other.acquisition and stack.plane == chosen.plane:
        return f"acquisition {mine.acquisition}"
    return "another place"


def is_mixed(series: SplitSeries) -> bool:
    """Tell whether a series is a set of scouts: several orientations, none of which has slices enough."""
    sizes = Counter(stack.orientation for stack in series.stacks)
    return len(sizes) > 1 and max(len(stack.images) for stack in series.stacks) < FEWEST_SLICES
