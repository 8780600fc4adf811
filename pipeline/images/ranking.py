"""Which of several usable stacks is read, and in words why not another."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.images.image_kinds import kind_of
from pipeline.images.stacks import Stack, reach_of

_SAME_BOTTOM_MM = 50.0  # stacks whose lower edges differ by less show the same station
_WHOLE_SHARE = 0.8  # of the slices that another scan with the same protocol has


@dataclass(frozen=True)
class _Criterion:
    """What is better about a stack, as a value where larger is better, and what is said of one that falls short."""

    value: Callable[[Stack], Any]
    short: Callable[[Stack, Stack], str]


def best_stack(stacks: Sequence[Stack]) -> Stack:
    """Give the stack to read.

    Without fat suppression, as acquired rather than derived, the lowest station, whole rather than cut short, the
    latest, the one of most slices; then a name with T2, and a UID, which decides between equals.
    """
    criteria = _criteria(stacks)
    return max(stacks, key=lambda stack: [criterion.value(stack) for criterion in criteria])


def why_not(stack: Stack, chosen: Stack, stacks: Sequence[Stack]) -> str:
    """Say in words by what a usable stack falls short of the chosen one, both of them among the stacks."""
    for criterion in _criteria(stacks):
        if criterion.value(stack) != criterion.value(chosen):
            return criterion.short(stack, chosen)
    return "the same as the chosen one"


def _criteria(stacks: Sequence[Stack]) -> tuple[_Criterion, ...]:
    lowest = min(reach_of(stack)[0] for stack in stacks)
    return (
        _Criterion(
            lambda s: not s.weighting.fat_suppressed, lambda _, __: "fat-suppressed, which the chosen one is not"
        ),
        _Criterion(lambda s: not variant_of(s), lambda s, _: f"{variant_of(s)}, where the chosen one is as acquired"),
        _Criterion(
            lambda s: reach_of(s)[0] - lowest < _SAME_BOTTOM_MM,
            lambda s, best: f"its lower edge lies {reach_of(s)[0] - reach_of(best)[0]:.0f} mm higher",
        ),
        _Criterion(
            lambda s: not _is_cut_short(s, stacks),
            lambda s, best: f"cut short: {len(s.images)} slices where the chosen one has {len(best.images)}",
        ),
        _Criterion(lambda s: s.images[0].acquired, lambda _, __: "acquired earlier"),
        _Criterion(lambda s: len(s.images), lambda s, best: f"{len(s.images)} slices, fewer than {len(best.images)}"),
        _Criterion(lambda s: "t2" in s.images[0].names.lower(), lambda _, __: "equal, and its name does not say T2"),
        _Criterion(lambda s: s.images[0].instance_uid, lambda _, __: "equal in all, so its UID decided"),
    )


def variant_of(stack: Stack) -> str:
    """Say what sets a stack apart from one as acquired; empty where nothing does."""
    return kind_of(stack.images[0].image_type).variant


def _is_cut_short(stack: Stack, stacks: Sequence[Stack]) -> bool:
    return any(
        len(stack.images) < _WHOLE_SHARE * len(other.images) and _have_one_protocol(stack, other) for other in stacks
    )


def _have_one_protocol(one: Stack, other: Stack) -> bool:
    first, second = one.plane, other.plane
    return (
        (first.rows, first.columns) == (second.rows, second.columns)
        and np.allclose((*first.spacing, one.spacing or 0), (*second.spacing, other.spacing or 0), rtol=0.05)
        and abs(reach_of(one)[0] - reach_of(other)[0]) < _SAME_BOTTOM_MM
    )
