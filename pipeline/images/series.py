"""Which series of a study is read: the plain sagittal T2 stack, with the reason in words for each series."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.images.errors import NotAnImage
from pipeline.images.geometry import OBLIQUE_DEGREES, degrees_from_sagittal
from pipeline.images.headers import ImageHeader, read_images
from pipeline.images.left_out import describe_left_out, describe_mixture, is_mixed
from pipeline.images.ranking import best_stack, variant_of, why_not
from pipeline.images.stacks import SplitSeries, Stack, reach_of, split_series

WHOLE_SPINE_MM = 400.0
"""From C7 to S1 a spine takes this much of a picture's height at least; chosen, and not validated."""


@dataclass(frozen=True)
class JudgedSeries:
    """One series: its stack that comes closest to what is read, whether it can be, and why in words.

    `stack` is None where no image of the series has a place in the patient.
    """

    first: ImageHeader
    stack: Stack | None
    split: SplitSeries
    usable: bool
    reason: str

    @property
    def series_uid(self) -> str:
        """Series Instance UID."""
        return self.first.series_uid

    @property
    def description(self) -> str:
        """Series Description, which may be empty."""
        return self.first.description


@dataclass(frozen=True)
class SeriesChoice:
    """The stack that is read, None where there is none; `reason` in words; all series in the order of their UIDs."""

    stack: Stack | None
    reason: str
    series: tuple[JudgedSeries, ...]


def choose_series(images: Iterable[ImageHeader]) -> SeriesChoice:
    """Choose the sagittal T2 stack of one study by geometry and times; names only break ties.

    Among several, see `best_stack`. The same images in any order give the same choice.
    """
    by_series: dict[str, list[ImageHeader]] = defaultdict(list)
    for image in images:
        by_series[image.series_uid].append(image)
    judged = [_judge(split_series(by_series[uid])) for uid in sorted(by_series)]
    stacks = [judge.stack for judge in judged if judge.usable and judge.stack]
    if not stacks:
        return SeriesChoice(None, _why_none(judged), tuple(judged))
    best = best_stack(stacks)
    chosen = next(judge for judge in judged if judge.stack is best)
    others = {
        judge.series_uid: why_not(judge.stack, best, stacks)
        for judge in judged
        if judge.usable and judge.stack and judge is not chosen
    }
    reason = f"the {'best' if others else 'only'} usable sagittal T2 series: {chosen.reason}"
    judged = [
        replace(judge, reason=f"{judge.reason}; not chosen: {others[judge.series_uid]}")
        if judge.series_uid in others
        else judge
        for judge in judged
    ]
    return SeriesChoice(best, reason, tuple(judged))


def choose_whole_spine(choice: SeriesChoice) -> Stack | None:
    """Give the latest usable stack that shows a whole spine; None where no single stack of the study is high enough.

    A spine that only several stations together show is not put together; one that the scanner composed counts.

    Source: Park et al. 2024, section 4: of several sequences the latest whole-spine one counts.
    """
    usable = [judge.stack for judge in choice.series if judge.usable and judge.stack]
    whole = [stack for stack in usable if _height(stack) >= WHOLE_SPINE_MM]

    def rank(stack: Stack) -> tuple[bool, str, int, str]:
        first = stack.images[0]
        return not stack.weighting.fat_suppressed, first.acquired, len(stack.images), first.instance_uid

    return max(whole, key=rank, default=None)


def _why_none(judged: Sequence[JudgedSeries]) -> str:
    if not judged:
        return "no MR images"
    reasons = "; ".join(f"{judge.description or 'series without a name'}: {judge.reason}" for judge in judged)
    return f"no usable sagittal T2 series ({reasons})"


def _judge(split: SplitSeries) -> JudgedSeries:
    """Judge a series by its best stack."""
    if not split.stacks:
        first = split.strangers[0][0]
        reasons = dict.fromkeys(reason for _, reason in split.strangers)
        return JudgedSeries(first, None, split, usable=False, reason="; ".join(reasons))
    wanted = [s for s in split.stacks if s.orientation == "sagittal" and s.weighting.kind == "T2"]
    whole = [stack for stack in wanted if not stack.fault]
    stack = best_stack(whole) if whole else max(wanted or split.stacks, key=_size)
    return JudgedSeries(stack.images[0], stack, split, *_verdict(split, stack, is_wanted=bool(wanted)))


def _verdict(split: SplitSeries, stack: Stack, *, is_wanted: bool) -> tuple[bool, str]:
    modality = stack.images[0].modality
    if modality not in {"MR", ""}:
        return False, f"{modality} and not MR"
    if is_mixed(split):
        return False, describe_mixture(split)
    left_out = describe_left_out(split, stack)
    if is_wanted and not stack.fault:
        notes = [_shape(stack), stack.weighting.why, variant_of(stack), left_out]
    elif is_wanted:
        notes = [stack.fault, left_out]
    elif stack.orientation == "oblique":
        angle = degrees_from_sagittal(stack.plane)
        notes = [f"oblique, {angle:.0f} degrees from sagittal, where up to {OBLIQUE_DEGREES} is read"]
    elif stack.orientation != "sagittal":
        notes = [f"{stack.orientation}, not sagittal"]
    else:
        notes = [f"not T2: {stack.weighting.why}"]
    return is_wanted and not stack.fault, "; ".join(note for note in notes if note)


def _shape(stack: Stack) -> str:
    angle, thickness = degrees_from_sagittal(stack.plane), stack.images[0].thickness
    turned = f" ({angle:.0f} degrees oblique)" if angle >= 1 else ""
    words = f"sagittal{turned}, {len(stack.images)} slices {stack.spacing:g} mm apart"
    if thickness and stack.spacing and thickness > 1.05 * stack.spacing:
        words += f" that overlap, being {thickness:g} mm thick"
    return words


def _size(stack: Stack) -> tuple[int, str]:
    return len(stack.images), stack.images[0].instance_uid


def _height(stack: Stack) -> float:
    """Distance between the lowest and the highest patient z of a stack's corners, mm."""
    low, high = reach_of(stack)
    return high - low


def read_headers(paths: Iterable[Path]) -> tuple[tuple[ImageHeader, ...], tuple[tuple[Path, str], ...]]:
    """Read the headers of files, and of each frame where one holds several; name what is no image, with the reason."""
    images: list[ImageHeader] = []
    problems = []
    for path in paths:
        try:
            images += read_images(path)
        except NotAnImage as error:
            problems.append((path, str(error)))
    return tuple(images), tuple(problems)
