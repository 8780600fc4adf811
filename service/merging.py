"""Which patient each number means after merges, merges back and partings: a pure function over their steps."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """The patient row `old` became `new`, or the two were parted (`is_parted`)."""

    old: int
    new: int
    is_parted: bool = False


def current_patients(steps: Iterable[Step]) -> dict[int, int]:
    """Give the current patient of each one that is merged into another, after these steps in this order.

    A merge back makes the patient current again, so that none is followed in a circle. Two that are parted no longer
    lead to each other, directly or through others: the one that was merged into the other stands for itself again.
    """
    leads: dict[int, int] = {}
    for step in steps:
        if step.is_parted:
            for old, new in ((step.old, step.new), (step.new, step.old)):
                if new in _path(old, leads):
                    del leads[old]
        elif step.old != step.new:
            if step.old in _path(step.new, leads):
                del leads[step.new]
            leads[step.old] = step.new
    return {old: _path(old, leads)[-1] for old in leads}


def _path(patient: int, leads: dict[int, int]) -> list[int]:
    """Give what a patient leads to, the last one being current; empty for a current one."""
    path = []
    while (following := leads.get(patient)) is not None:
        path.append(following)
        patient = following
    return path
