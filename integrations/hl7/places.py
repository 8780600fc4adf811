"""Naming a field, and what is wrong there, for settings, notes and acknowledgements."""

import re
from dataclasses import dataclass, replace
from functools import cache
from typing import Self

from integrations.hl7.errors import UnusableHl7Setting


@dataclass(frozen=True)
class FieldPlace:
    """A field of a segment; `number` counts segments of this name in the message from 1."""

    segment: str
    field: int
    number: int = 1

    def __str__(self) -> str:
        return f"{self.segment}[{self.number}]-{self.field}" if self.number > 1 else f"{self.segment}-{self.field}"


@dataclass(frozen=True)
class Fault:
    """Why a message cannot be used: what the sender is told in ERR.

    `code` is of HL7 table 0357. `rejects` is for faults of the header, and for trouble of our own, which give AR; the
    others give AE. `originally` is for those that are answered in original mode whatever was asked for, since many
    that fill in MSH-15 wait for an application acknowledgement. `field` of the place is 0 where the whole segment is
    missing.
    """

    place: FieldPlace
    code: str
    problem: str
    rejects: bool = False
    originally: bool = False

    def in_segment(self, number: int) -> Self:
        """Give the same fault in the segment of that number among those of its name."""
        return replace(self, place=replace(self.place, number=number))


@cache
def read_place(setting: str) -> FieldPlace:
    """Read a field written as in `OBR-18`.

    Raises:
        UnusableHl7Setting: it is not written so.
    """
    found = re.fullmatch(r"([A-Z][A-Z0-9]{2})-([1-9][0-9]?)", setting)
    if found is None:
        raise UnusableHl7Setting(f"hl7.accession_from: {setting} is no field; write segment and number as in OBR-18.")
    return FieldPlace(found[1], int(found[2]))
