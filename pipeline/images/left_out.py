"""Words for the images of a series that are not read, and for what sets two stacks apart."""

from collections import Counter
from collections.abc import Iterator

import numpy as np

from pipeline.images.regularity import FEWEST_SLICES
from pipeline.images.stacks import SplitSeries, Stack, reach_of, same_echo

_FEW = 4  # images that are named one by one
_STATION_MM = 20.0


def describe_left_out(series: SplitSeries, chosen: Stack) -> str:
    """Say in words which images of a stack's series are not in it; empty where all are."""
    apart: dict[str, list[str]] = {}
    for image, reason in series.strangers:
        apart.setdefault(reason, []).append(image.label)
    for stack in series.stacks:
        if stack is not chosen and stack.orientation != chosen.orientation:
            apart.setdefault(stack.orientation, []).extend(image.label for image in stack.images)
    for image in chosen.duplicates:
        apart.setdefault("shows the place of another", []).append(image.label)
    notes = [note for reason, labels in apart.items() for note in _name(labels, reason)]
    notes += [
        f"a stack of {len(stack.images)} ({what_differs(stack, chosen)})"
        for stack in series.stacks
        if stack is not chosen and stack.orientation == chosen.orientation
    ]
    return f"left out: {', '.join(notes)}" if notes else ""


def _name(labels: list[str], reason: str) -> Iterator[str]:
    if len(labels) > _FEW:
        yield f"{len(labels)} images ({reason})"
    else:
        yield from (f"{label} ({reason})" for label in labels)


def what_differs(stack: Stack, chosen: Stack) -> str:
    """Say in words what sets a stack apart from another of the same orientation: what it is, then where and when."""
    found = [*_by_contrast(stack, chosen), *_by_place(stack, chosen)]
    mine, other = stack.images[0], chosen.images[0]
    if not found and (mine.acquisition, mine.acquired) != (other.acquisition, other.acquired):
        number = "" if mine.acquisition is None else f"acquisition {mine.acquisition}, "
        found.append(f"{number}{'acquired earlier' if mine.acquired < other.acquired else 'another time'}")
    if len(stack.images) < len(chosen.images) and stack.plane.rows == chosen.plane.rows and stack.spacing:
        found.append("fewer slices")
    return ", ".join(found) or "the same place and contrast"


def _by_contrast(stack: Stack, chosen: Stack) -> Iterator[str]:
    mine, other = stack.images[0], chosen.images[0]
    if stack.weighting.kind == "none":
        yield stack.weighting.why
    if not same_echo(mine.echo_time, other.echo_time):
        yield f"echo time {mine.echo_time:g} ms" if mine.echo_time else "no echo time"
    if mine.inversion_time != other.inversion_time:
        yield f"inversion time {mine.inversion_time:g} ms" if mine.inversion_time else "no inversion time"
    if mine.fat_suppressed != other.fat_suppressed:
        yield "fat-suppressed" if mine.fat_suppressed else "without fat suppression"
    if stack.weighting.kind != "none" and mine.image_type != other.image_type:
        yield f"image type {'/'.join(mine.image_type)}"
    if mine.repeat != other.repeat:
        yield f"time point or stack {mine.repeat or 'not numbered'}"


def _by_place(stack: Stack, chosen: Stack) -> Iterator[str]:
    one, two = stack.plane, chosen.plane
    if (one.rows, one.columns) != (two.rows, two.columns):
        yield f"matrix {one.rows} x {one.columns}"
    if not np.allclose(one.spacing, two.spacing, rtol=1e-3):
        yield f"pixels of {one.spacing[0]:.3g} x {one.spacing[1]:.3g} mm"
    if not np.allclose((one.along_row, one.along_column), (two.along_row, two.along_column), atol=0.01):
        yield "another angle"
    higher = reach_of(stack)[0] - reach_of(chosen)[0]
    if abs(higher) > _STATION_MM:
        yield f"{abs(higher):.0f} mm {'higher' if higher > 0 else 'lower'}"


def is_mixed(series: SplitSeries) -> bool:
    """Tell whether a series is a set of scouts: several orientations, none of which has slices enough."""
    sizes = Counter(stack.orientation for stack in series.stacks)
    return len(sizes) > 1 and max(len(stack.images) for stack in series.stacks) < FEWEST_SLICES


def describe_mixture(series: SplitSeries) -> str:
    """Say how many images of a mixed series lie in which plane."""
    counts: Counter[str] = Counter()
    for stack in series.stacks:
        counts[stack.orientation] += len(stack.images)
    return f"mixed orientation: {', '.join(f'{count} {name}' for name, count in sorted(counts.items()))}"
