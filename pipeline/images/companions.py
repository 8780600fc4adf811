"""Other sagittal scans of a study that may show the anchor which the chosen series lacks."""

from collections.abc import Iterator
from dataclasses import replace

from pipeline.images.errors import UnusableStack
from pipeline.images.regularity import measure_spacing
from pipeline.images.series import SeriesChoice
from pipeline.images.stacks import Stack, reach_of

_FURTHER_MM = 20.0
_FEWEST_SLICES = 3  # a localizer has few


def choose_companions(choice: SeriesChoice) -> tuple[Stack, ...]:
    """Give the stacks that reach further down, and further up, than the chosen one by 20 mm: one of each at most.

    They are sagittal, of any weighting, and lie in the chosen one's frame of reference (PS3.3 C.7.4.1), so that places
    can be compared. A localizer of three slices will do.
    """
    chosen = choice.stack
    if chosen is None or not chosen.images[0].frame_of_reference:
        return ()
    low, high = reach_of(chosen)
    others = list(_usable(choice, chosen))
    lower = min((s for s in others if reach_of(s)[0] < low - _FURTHER_MM), key=_rank_low, default=None)
    upper = min((s for s in others if reach_of(s)[1] > high + _FURTHER_MM), key=_rank_high, default=None)
    return tuple(stack for stack in (lower, upper if upper is not lower else None) if stack is not None)


def _usable(choice: SeriesChoice, chosen: Stack) -> Iterator[Stack]:
    frame = chosen.images[0].frame_of_reference
    for judged in choice.series:
        for stack in judged.split.stacks:
            first = stack.images[0]
            if stack is chosen or stack.orientation != "sagittal" or first.frame_of_reference != frame:
                continue
            if first.modality not in {"MR", ""} or stack.weighting.kind == "none":
                continue
            try:
                yield replace(stack, spacing=measure_spacing(stack.images, _FEWEST_SLICES), fault="")
            except UnusableStack:
                continue


def _rank_low(stack: Stack) -> tuple[bool, float, str]:
    """Put a T2 first, then what reaches furthest; a UID decides between equals."""
    return stack.weighting.kind != "T2", reach_of(stack)[0], stack.images[0].instance_uid


def _rank_high(stack: Stack) -> tuple[bool, float, str]:
    return stack.weighting.kind != "T2", -reach_of(stack)[1], stack.images[0].instance_uid
