"""Images of one stack that lie at one place: copies, or the whole stack scanned again."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any

import numpy as np

from pipeline.images.geometry import normal_of, offset_of, plane_of
from pipeline.images.headers import ImageHeader
from pipeline.images.regularity import FEWEST_SLICES

_SAME_PLACE_MM = 0.05
_SAME_SLICE = 0.2  # of a scan's distance between slices; more would join scans that share slices out in turn

Run = list[ImageHeader]


def split_repeats(group: Run) -> list[tuple[Run, Run]]:
    """Part images into scans of the same places, each with the copies that are left out of it.

    Acquisition numbers and times tell scans apart, also where one was cut short or lies a little beside the other. They
    do so only where places repeat, since some scanners count one up with each slice. Without them, the first image at
    each place is kept, by number.
    """
    normal = normal_of(plane_of(group[0]))
    offsets = {id(image): offset_of(image, normal) for image in group}
    near = _nearness(group, offsets)
    by_number = _in_runs(group, lambda image: (image.acquisition or 0, image.acquired), (offsets, near))
    by_time = _in_runs(group, lambda image: (image.acquired, image.acquisition or 0), (offsets, near))
    runs = min(by_number, by_time, key=len)
    if max(map(len, runs)) < FEWEST_SLICES:
        runs = [group]
    return [_first_of_each_place(run, offsets) for run in runs]


def _nearness(group: Run, offsets: dict[int, float]) -> float:
    """Distance in mm within which images of two scans show one slice; a scan's own spacing tells, where there is one.

    Without a scan by itself it is what rounding does to one position.
    """
    for key in (lambda image: image.acquisition, lambda image: image.acquired):
        parts = _group(group, key)
        if len(parts) > 1 and len(largest := max(parts, key=len)) >= FEWEST_SLICES:
            steps = np.diff(sorted({round(offsets[id(image)], 1) for image in largest}))
            return max(_SAME_SLICE * float(np.median(steps)), _SAME_PLACE_MM) if len(steps) else _SAME_PLACE_MM
    return _SAME_PLACE_MM


def _in_runs(group: Run, key: Callable[[ImageHeader], Any], places: tuple[dict[int, float], float]) -> list[Run]:
    """Put parts with one key together, in the order of the keys, until one shows a place again."""
    offsets, near = places
    runs: list[Run] = []
    for part in sorted(_group(group, key), key=lambda part: key(part[0])):
        if runs and not _overlap([offsets[id(i)] for i in runs[-1]], [offsets[id(i)] for i in part], near):
            runs[-1].extend(part)
        else:
            runs.append(list(part))
    return runs


def _overlap(one: Sequence[float], other: Sequence[float], near: float) -> bool:
    return bool((np.abs(np.subtract.outer(one, other)) < near).any())


def _first_of_each_place(run: Run, offsets: dict[int, float]) -> tuple[Run, Run]:
    """Keep one image of those that lie within rounding of each other, the first by number."""
    kept: Run = []
    copies: Run = []
    along = sorted(run, key=lambda image: offsets[id(image)])
    places: list[Run] = []
    for image in along:
        if places and offsets[id(image)] - offsets[id(places[-1][0])] < _SAME_PLACE_MM:
            places[-1].append(image)
        else:
            places.append([image])
    for place in places:
        first, *others = sorted(place, key=lambda image: (image.number or 0, image.frame or 0, image.instance_uid))
        kept.append(first)
        copies += others
    return kept, copies


def _group(images: Iterable[ImageHeader], key: Callable[[ImageHeader], Hashable]) -> list[Run]:
    groups: dict[Hashable, Run] = defaultdict(list)
    for image in images:
        groups[key(image)].append(image)
    return list(groups.values())
