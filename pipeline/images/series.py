"""Which series of a study is read: the plain sagittal T2 stack, with the reason in words for each series."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.images.errors import NotAnImage
from pipeline.images.headers import ImageHeader, read_header
from pipeline.images.stacks import SplitSeries, Stack, describe_left_out, is_mixed, reach_of, split_series

WHOLE_SPINE_MM = 400.0
"""From C7 to S1 a spine takes this much of a picture's height at least; chosen, and not validated."""
_SAME_BOTTOM_MM = 50.0  # stacks whose lower edges differ by less show the same station


@dataclass(frozen=True)
class JudgedSeries:
    """One series: its stack that comes closest to what is read, whether it can be, and why in words."""

    series_uid: str
    description: str
    stack: Stack
    split: SplitSeries
    usable: bool
    reason: str


@dataclass(frozen=True)
class SeriesChoice:
    """The stack that is read, None where there is none; `reason` in words; all series in the order of their UIDs."""

    stack: Stack | None
    reason: str
    series: tuple[JudgedSeries, ...]


def choose_series(images: Iterable[ImageHeader]) -> SeriesChoice:
    """Choose the sagittal T2 stack of one study by geometry and times; names only break ties.

    Among several: without fat suppression, as acquired rather than reformatted, the lowest station, the latest, the
    one of most slices. The same images in any order give the same choice.
    """
    by_series: dict[str, list[ImageHeader]] = defaultdict(list)
    for image in images:
        by_series[image.series_uid].append(image)
    judged = [judge for uid in sorted(by_series) if (judge := _judge(split_series(by_series[uid])))]
    usable = [judge for judge in judged if judge.usable]
    if not usable:
        return SeriesChoice(None, _why_none(judged), tuple(judged))
    chosen = _best(usable)
    reason = f"the {'only' if len(usable) == 1 else 'best'} usable sagittal T2 series: {chosen.reason}"
    return SeriesChoice(chosen.stack, reason, tuple(judged))


def choose_whole_spine(choice: SeriesChoice) -> Stack | None:
    """Give the latest usable stack that shows a whole spine; None where no single stack of the study is high enough.

    A spine that only several stations together show is not put together.

    Source: Park et al. 2024, section 4: of several sequences the latest whole-spine one counts.
    """
    whole = [judge.stack for judge in choice.series if judge.usable and _height(judge.stack) >= WHOLE_SPINE_MM]

    def rank(stack: Stack) -> tuple[bool, str, int, str]:
        first = stack.images[0]
        return not stack.weighting.fat_suppressed, first.acquired, len(stack.images), first.instance_uid

    return max(whole, key=rank, default=None)


def _why_none(judged: Sequence[JudgedSeries]) -> str:
    if not judged:
        return "no MR images"
    reasons = "; ".join(f"{judge.description or 'series without a name'}: {judge.reason}" for judge in judged)
    return f"no usable sagittal T2 series ({reasons})"


def _judge(split: SplitSeries) -> JudgedSeries | None:
    """Judge a series by its best stack; None for one in which no image has a position."""
    if not split.stacks:
        return None
    wanted = [s for s in split.stacks if s.orientation == "sagittal" and s.weighting.kind == "T2"]
    whole = [stack for stack in wanted if not stack.fault]
    stack = _best_stack(whole or wanted or split.stacks)
    image = stack.images[0]
    notes = "; ".join(part for part in (stack.weighting.why, describe_left_out(split, stack)) if part)
    if image.modality not in {"MR", ""}:
        reason = f"{image.modality} and not MR"
        return JudgedSeries(image.series_uid, image.description, stack, split, usable=False, reason=reason)
    if is_mixed(split):
        return JudgedSeries(image.series_uid, image.description, stack, split, usable=False, reason="mixed orientation")
    if whole:
        reason = f"sagittal, {len(stack.images)} slices {stack.spacing:g} mm apart, {notes}"
    elif wanted:
        reason = stack.fault
    elif stack.orientation != "sagittal":
        reason = f"{stack.orientation}, not sagittal"
    else:
        reason = f"not T2: {stack.weighting.why}"
    return JudgedSeries(image.series_uid, image.description, stack, split, bool(whole), reason)


def _height(stack: Stack) -> float:
    """Distance between the lowest and the highest patient z of a stack's corners, mm."""
    low, high = reach_of(stack)
    return high - low


def _best_stack(stacks: Sequence[Stack]) -> Stack:
    lowest = min(reach_of(stack)[0] for stack in stacks)

    def rank(stack: Stack) -> tuple[bool, bool, bool, str, int, bool, str]:
        first = stack.images[0]
        return (
            not stack.weighting.fat_suppressed,
            "DERIVED" not in first.image_type,
            reach_of(stack)[0] - lowest < _SAME_BOTTOM_MM,
            first.acquired,
            len(stack.images),
            "t2" in first.names.lower(),
            first.instance_uid,
        )

    return max(stacks, key=rank)


def _best(usable: Sequence[JudgedSeries]) -> JudgedSeries:
    stack = _best_stack([judge.stack for judge in usable])
    return next(judge for judge in usable if judge.stack is stack)


def read_headers(paths: Iterable[Path]) -> tuple[tuple[ImageHeader, ...], tuple[tuple[Path, str], ...]]:
    """Read the headers of files, and name those that are no images, each with the reason."""
    images, problems = [], []
    for path in paths:
        try:
            images.append(read_header(path))
        except NotAnImage as error:
            problems.append((path, str(error)))
    return tuple(images), tuple(problems)


def inspect_study(paths: Sequence[Path]) -> dict[str, Any]:
    """Say which series files hold, which is chosen and why, as `spinelabel inspect study --json` prints it.

    Files of several studies are kept apart; what is no image is a problem of the first study, or of one without UID.
    """
    images, problems = read_headers(paths)
    by_study: dict[str, list[ImageHeader]] = defaultdict(list)
    for image in images:
        by_study[image.study_uid].append(image)
    studies = [_study_value(uid, choose_series(by_study[uid])) for uid in sorted(by_study)]
    if problems and not studies:
        studies = [_study_value(None, SeriesChoice(None, "no MR images", ()))]
    if studies:
        studies[0]["problems"] = [{"file": path.name, "reason": reason} for path, reason in problems]
    return {"studies": studies}


def _study_value(uid: str | None, choice: SeriesChoice) -> dict[str, Any]:
    return {
        "study_uid": uid,
        "chosen": choice.stack.images[0].series_uid if choice.stack else None,
        "reason": choice.reason,
        "series": [_series_value(judge) for judge in choice.series],
        "problems": [],
    }


def _series_value(judge: JudgedSeries) -> dict[str, Any]:
    stack = judge.stack
    row, column = stack.plane.spacing
    return {
        "series_uid": judge.series_uid,
        "description": judge.description,
        "orientation": "mixed" if judge.reason == "mixed orientation" else stack.orientation,
        "weighting": stack.weighting.kind,
        "slices": len(stack.images),
        "usable": judge.usable,
        "reason": judge.reason,
        "spacing_mm": [stack.spacing, row, column],
        "shape": [len(stack.images), stack.plane.rows, stack.plane.columns],
    }
