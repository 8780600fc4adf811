"""Passages of invented reports: several sentences that have to be read together, with their truth.

A passage speaks of up to three disc levels, `{A}`, `{B}` and `{C}`, which are drawn for each report; `{A_upper}` and
`{A_lower}` are the vertebrae of `{A}`, `{A_root}` the root at that level.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.training.report_levels import slots_of

_SLOTS = ("A", "B", "C")


@dataclass(frozen=True)
class Passage:
    """Sentences and what they make true.

    `stenosis` and `herniation` are the slots whose level has it; the other slots of the text have neither. `present`,
    `absent` and `open` are the conditions that the text says are there, says are not there, and leaves unclear.
    """

    text: str
    stenosis: tuple[str, ...] = ()
    herniation: tuple[str, ...] = ()
    present: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    open: tuple[str, ...] = ()

    @property
    def slots(self) -> tuple[str, ...]:
        """Give the slots of levels that the text has."""
        return tuple(slot for slot in _SLOTS if re.search(rf"\{{{slot}(_\w+)?\}}", self.text))

    @property
    def speaks_of(self) -> frozenset[str]:
        """Give the conditions that the text settles or leaves unclear, so that nothing else may be said of them."""
        return frozenset((*self.present, *self.absent, *self.open))

    def states(self, levels: Mapping[str, str]) -> dict[str, str]:
        """Give what each level shows, `levels` being the level of each slot: stenosis, herniation or quiet."""
        return {level: self._state(slot) for slot, level in levels.items()}

    def _state(self, slot: str) -> str:
        if slot in self.herniation:
            return "herniation"
        return "stenosis" if slot in self.stenosis else "quiet"


def passage_slots(levels: Mapping[str, str], written: Mapping[str, str]) -> dict[str, str]:
    """Give what the slots of a passage stand for: `levels` by slot, and those levels as this report writes them."""
    slots: dict[str, str] = {}
    for slot, level in levels.items():
        names = slots_of(level, written[slot])
        slots |= {slot: names["level"]} | {f"{slot}_{name}": names[name] for name in ("upper", "lower", "root")}
    return slots
