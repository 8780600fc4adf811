"""Patient numbers that became others: ADT^A18, A34, A40, A47 (HL7 2.x chapter 3, MRG)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from integrations.hl7.identifiers import PatientId, best_id, patient_ids
from integrations.hl7.places import Fault, FieldPlace
from integrations.hl7.segments import Parsed

MERGES = frozenset({"ADT^A18", "ADT^A34", "ADT^A40", "ADT^A47"})


@dataclass(frozen=True)
class Merge:
    """The number `old` (MRG-1) is from now on `new` (PID-3)."""

    old: PatientId
    new: PatientId


@dataclass(frozen=True)
class ReadMerges:
    """The merges of one message; `fault` is why it is refused, None where it is taken."""

    merges: tuple[Merge, ...]
    fault: Fault | None


def read_merges(parsed: Parsed, authority: str | None, types: Sequence[str]) -> ReadMerges:
    """Read each MRG with the PID before it. A number that would become itself is refused, and so is a missing one."""
    merges: list[Merge] = []
    new: PatientId | None = None
    for segment in parsed.segments:
        if segment.name == "PID":
            new = best_id(patient_ids(segment.field(3), parsed), authority, types)
        elif segment.name == "MRG":
            old = best_id(patient_ids(segment.field(1), parsed), authority, types)
            place = FieldPlace("MRG", 1, segment.number)
            if new is None:
                return ReadMerges((), Fault(FieldPlace("PID", 3), "101", "There is no number to merge into."))
            if old is None:
                return ReadMerges((), Fault(place, "101", "There is no number to merge."))
            if _key(old) == _key(new):
                return ReadMerges((), Fault(place, "205", "The number would be merged into itself."))
            merges.append(Merge(old, new))
    if not merges:
        return ReadMerges((), Fault(FieldPlace("MRG", 0), "100", "There is no MRG segment."))
    return ReadMerges(tuple(merges), None)


def current_ids(merges: Iterable[Merge]) -> dict[tuple[str, str], PatientId]:
    """Give, for each (number, authority) that was ever merged, the number it means after all merges, in this order.

    A merge back makes the number current again, so that none is followed in a circle.
    """
    steps: dict[tuple[str, str], PatientId] = {}
    for merge in merges:
        if _key(_follow(merge.new, steps)) == _key(merge.old):
            del steps[_key(merge.new)]
        steps[_key(merge.old)] = merge.new
    return {old: _follow(new, steps) for old, new in steps.items()}


def _follow(patient: PatientId, steps: dict[tuple[str, str], PatientId]) -> PatientId:
    while (known := steps.get(_key(patient))) is not None:
        patient = known
    return patient


def _key(patient: PatientId) -> tuple[str, str]:
    return patient.id, patient.authority
