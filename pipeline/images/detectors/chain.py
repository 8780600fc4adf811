"""Candidates to the one chain of discs that runs down a spine."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from pipeline.images.detectors.peaks import Candidate

_STEP_MM = (9.0, 85.0)  # least and greatest distance of two neighbouring discs
_USUAL_STEP = 1.15  # usual distance over the sum of two half widths
_MISSED_STEP = (1.62, 2.6)  # a step this many times its neighbours' passes over one disc
_FEWEST_FOR_GAPS = 4


def chain_discs(candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Find the chain, from head to foot, with the most heat and the least unlikely steps.

    A disc passed over between evenly spaced ones is put in where it must be, with a heat of 0.
    """
    ordered = sorted(candidates, key=lambda candidate: candidate.place[0])
    if not ordered:
        return ()
    scores = [candidate.heat for candidate in ordered]
    before: list[int | None] = [None] * len(ordered)
    for j, lower in enumerate(ordered):
        for i, upper in enumerate(ordered[:j]):
            penalty = _step_penalty(upper, lower)
            if penalty is not None and scores[i] + lower.heat - penalty > scores[j]:
                scores[j], before[j] = scores[i] + lower.heat - penalty, i
    chain = []
    at: int | None = int(np.argmax(scores))
    while at is not None:
        chain.append(ordered[at])
        at = before[at]
    return _fill_gaps(chain[::-1])


def _step_penalty(upper: Candidate, lower: Candidate) -> float | None:
    """How unlikely a step from a disc to the next one is; None where it cannot be."""
    step = np.subtract(lower.place, upper.place)
    length = float(np.hypot(*step))
    if not _STEP_MM[0] <= length <= _STEP_MM[1] or step[0] <= 4:
        return None
    penalty = abs(upper.lateral - lower.lateral) / 40
    for disc in (upper, lower):  # a step runs across discs, not along them
        penalty += max(0.0, abs(float(np.dot(step, disc.anterior))) / length - 0.45) * 1.2
    ratio = length / max(_USUAL_STEP * (upper.half_width + lower.half_width), 8.0)
    return penalty + max(0.0, ratio - 1.35) * 0.8 + max(0.0, 0.55 - ratio) * 4


def _fill_gaps(chain: list[Candidate]) -> tuple[Candidate, ...]:
    if len(chain) < _FEWEST_FOR_GAPS:
        return tuple(chain)
    steps = [float(np.hypot(*np.subtract(b.place, a.place))) for a, b in pairwise(chain)]
    filled = [chain[0]]
    for i, (step, lower) in enumerate(zip(steps, chain[1:], strict=True)):
        beside = [steps[k] for k in (i - 2, i - 1, i + 1, i + 2) if 0 <= k < len(steps)]
        low, high = (bound * float(np.median(beside)) for bound in _MISSED_STEP)
        if low < step < high:
            filled.append(_between(filled[-1], lower))
        filled.append(lower)
    return tuple(filled)


def _between(upper: Candidate, lower: Candidate) -> Candidate:
    row, column = np.add(upper.place, lower.place) / 2
    return replace(
        upper,
        place=(float(row), float(column)),
        lateral=(upper.lateral + lower.lateral) / 2,
        half_width=(upper.half_width + lower.half_width) / 2,
        heat=0.0,
        lowest=0.0,
    )
