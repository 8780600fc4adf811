"""Labelled reports, and patients with labelled images, parted into those that are learnt from and those tested on."""

import hashlib
import re
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

Part = Literal["fitted", "calibrated", "tested"]
_PARTS: tuple[tuple[float, Part], ...] = ((0.6, "fitted"), (0.8, "calibrated"), (1.0, "tested"))


@dataclass(frozen=True)
class SplitItem:
    """What decides where a report goes: its digest, its patient if known, and what is present in it."""

    digest: str
    patient: str | None
    present: frozenset[Hashable]


@dataclass(frozen=True)
class Split:
    """Places of the reports to calibrate on and of those to test on, in the order that they were given in."""

    calibration: tuple[int, ...]
    test: tuple[int, ...]


def part_of_patient(patient: str) -> Part:
    """Say whether a patient's images are fitted on (3 of 5), calibrated on or tested on (1 of 5 each).

    The name alone decides, so that a patient never changes sides when others are added, renamed or left out.
    """
    drawn = int.from_bytes(hashlib.sha256(patient.encode()).digest()[:8], "big") / 2**64
    return next(part for end, part in _PARTS if drawn < end)


def report_digest(text: str) -> str:
    """Give the SHA-256 of a report's words, so that case, spaces and punctuation do not make it another report."""
    words = re.findall(r"\w+", text.casefold())
    return hashlib.sha256(" ".join(words).encode()).hexdigest()


def split_reports(items: Sequence[SplitItem], *, share: float = 0.5, seed: int = 0) -> Split:
    """Part reports so that both sides have like shares of each label; order and repetition of the rows do not matter.

    Reports of one patient, and reports of the same words, go to the same side. What is present in the fewest reports
    is shared out first. `share` is that of the calibration side, in (0, 1).
    """
    groups = _groups(items)
    common = Counter(label for group in groups for label in _present(items, group))

    def stratum(group: Sequence[int]) -> str:
        labels = _present(items, group)
        return min((f"{common[label]:09d} {label}" for label in labels), default="none")

    def drawn(group: Sequence[int]) -> str:
        digest = min(items[place].digest for place in group)
        return hashlib.sha256(f"{seed} {digest}".encode()).hexdigest()

    ordered = sorted(groups, key=lambda group: (stratum(group), drawn(group)))
    chosen = {
        place
        for number, group in enumerate(ordered)
        if int((number + 1) * share) > int(number * share)
        for place in group
    }
    places = range(len(items))
    return Split(
        tuple(place for place in places if place in chosen), tuple(place for place in places if place not in chosen)
    )


def _present(items: Sequence[SplitItem], group: Sequence[int]) -> frozenset[Hashable]:
    return frozenset().union(*(items[place].present for place in group))


def _groups(items: Sequence[SplitItem]) -> list[list[int]]:
    """Join the places that share a patient or a digest, also by way of others."""
    group_of: dict[tuple[str, str], list[int]] = {}
    for place, item in enumerate(items):
        keys = [("digest", item.digest)]
        if item.patient is not None:
            keys.append(("patient", item.patient))
        joined = [place]
        for known in {id(group_of[key]): group_of[key] for key in keys if key in group_of}.values():
            joined += known
        for member in joined:
            group_of[("digest", items[member].digest)] = joined
            if (patient := items[member].patient) is not None:
                group_of[("patient", patient)] = joined
    return list({id(group): group for group in group_of.values()}.values())
