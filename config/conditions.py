"""The conditions file: what reports are asked, and how each answer is coded. A condition is data, never code."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator

from config.errors import UnusableConditions
from config.files import read_yaml

EMBEDDED_CONDITIONS = Path(__file__).with_name("conditions.yaml")
DISC_LEVELS = (
    *(f"C{n}-C{n + 1}" for n in range(2, 7)),
    "C7-T1",
    *(f"T{n}-T{n + 1}" for n in range(1, 12)),
    "T12-L1",
    *(f"L{n}-L{n + 1}" for n in range(1, 5)),
    "L5-S1",
)
"""All disc levels from head to foot."""

_SCT_VALUE = re.compile(r"[1-9][0-9]{5,17}")


class Code(NamedTuple):
    """A coded concept: value, coding scheme designator and meaning (DICOM PS3.3 section 8)."""

    value: str
    scheme: str
    meaning: str


class Condition(BaseModel):
    """One condition that reports are asked about. The fields are explained at the head of `conditions.yaml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=64)]
    prompt_name: str = ""
    definition: Annotated[str, Field(min_length=1)]
    definition_version: str = "1"
    leave_out: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    bag: tuple[str, str] = (DISC_LEVELS[0], DISC_LEVELS[-1])
    finding: Code | None = None
    site: Code | None = None

    @property
    def asked_as(self) -> str:
        """The name that the question uses."""
        return self.prompt_name or self.name

    @property
    def bag_levels(self) -> tuple[str, ...]:
        """The levels of the discs that speak together for the patient on images, from head to foot."""
        first, last = (DISC_LEVELS.index(level) for level in self.bag)
        return DISC_LEVELS[first : last + 1]

    @field_validator("definition")
    @classmethod
    def _ends_in_full_stop(cls, definition: str) -> str:
        if not definition.rstrip().endswith("."):
            raise ValueError("must end in a full stop, since the question follows it")
        return definition.strip()

    @field_validator("levels", "bag")
    @classmethod
    def _are_disc_levels(cls, levels: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := [level for level in levels if level not in DISC_LEVELS]:
            raise ValueError(f"unknown disc level {unknown[0]}; write it like L4-L5")
        return levels

    @field_validator("bag")
    @classmethod
    def _runs_from_head_to_foot(cls, bag: tuple[str, str]) -> tuple[str, str]:
        if DISC_LEVELS.index(bag[0]) > DISC_LEVELS.index(bag[1]):
            raise ValueError("names the level nearer to the head first")
        return bag

    @field_validator("finding", "site")
    @classmethod
    def _passes_check_digit(cls, code: Code | None) -> Code | None:
        if code is None:
            return code
        if len(code.meaning) > 64:
            raise ValueError("a code meaning has at most 64 characters (DICOM PS3.3 section 8.3)")
        if code.scheme == "SCT" and not has_snomed_check_digit(code.value):
            raise ValueError(f"{code.value} fails the SNOMED CT check digit")
        return code


def questions(conditions: Sequence[Condition]) -> Iterator[tuple[Condition, str | None]]:
    """Give every condition with None, for the report as a whole, then with each of its levels, in their order."""
    for condition in conditions:
        for level in (None, *condition.levels):
            yield condition, level


def has_snomed_check_digit(value: str) -> bool:
    """Tell whether a SNOMED CT identifier's last digit is its Verhoeff check digit.

    Source: SNOMED CT Release File Specification, section 6.2.
    """
    if not _SCT_VALUE.fullmatch(value):
        return False
    check = 0
    for place, digit in enumerate(reversed(value)):
        permuted = int(digit)
        for _ in range(place % 8):
            permuted = _PERMUTATION[permuted]
        check = _dihedral(check, permuted)
    return check == 0


_PERMUTATION = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)


def _dihedral(a: int, b: int) -> int:
    """Multiply in the dihedral group of the pentagon, which Verhoeff's check digit counts in."""
    if a < 5:
        return (a + b) % 5 if b < 5 else 5 + (a + b) % 5
    return 5 + (a - b) % 5 if b < 5 else (a - b) % 5


def load_conditions(path: Path = EMBEDDED_CONDITIONS) -> tuple[Condition, ...]:
    """Read a conditions file.

    Raises:
        UnusableConditions: the file is missing, is no YAML list, or an entry breaks a rule; names the entry.
    """
    entries = read_yaml(path, UnusableConditions, "Set `conditions` to a readable file.")
    try:
        conditions = TypeAdapter(tuple[Condition, ...]).validate_python(entries)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(step) for step in first["loc"]) or "the file"
        raise UnusableConditions(f"{path}, entry {place}: {first['msg']}.") from error
    names = [condition.name for condition in conditions]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UnusableConditions(f"{path}: the condition {twice[0]} stands there twice. Give each its own name.")
    return conditions
