"""Patient numbers that became others: ADT^A40 and its kin (HL7 2.x chapter 3, MRG)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from integrations.hl7.faults import MERGED_INTO_ITSELF, NO_MERGED, NO_MRG, NO_SURVIVOR
from integrations.hl7.identifiers import PatientId, best_id, patient_ids
from integrations.hl7.places import Fault
from integrations.hl7.segments import Parsed

MERGES = frozenset(f"ADT^A{event}" for event in (18, 30, 34, 36, 40, 46, 47))


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
    survivor: list[PatientId] = []
    for segment in parsed.segments:
        if segment.name == "PID":
            survivor = patient_ids(segment.field(3), parsed)
        elif segment.name == "MRG":
            old = best_id(patient_ids(segment.field(1), parsed), authority, types)
            # A number becomes one of the same authority, where the surviving patient has numbers of several.
            alike = [each for each in survivor if old is not None and each.authority == old.authority]
            new = best_id(alike or survivor, authority, types)
            if new is None:
                return ReadMerges((), NO_SURVIVOR)
            if old is None:
                return ReadMerges((), NO_MERGED.in_segment(segment.number))
            if _key(old) == _key(new):
                return ReadMerges((), MERGED_INTO_ITSELF.in_segment(segment.number))
            merges.append(Merge(old, new))
    if not merges:
        return ReadMerges((), NO_MRG)
    return ReadMerges(tuple(merges), None)


def current_ids(merges: Iterable[Merge]) -> dict[tuple[str, str], PatientId]:
    """Give, for each (number, authority) that was ever merged, the number it means after all merges, in this order.

    A merge back makes the number current again, so that none is followed in a circle.
    """
    steps: dict[tuple[str, str], PatientId] = {}
    for merge in merges:
        if _key(merge.old) in [_key(passed) for passed in _path(merge.new, steps)]:
            del steps[_key(merge.new)]
        steps[_key(merge.old)] = merge.new
    return {old: [new, *_path(new, steps)][-1] for old, new in steps.items()}


def _path(patient: PatientId, steps: dict[tuple[str, str], PatientId]) -> list[PatientId]:
    """Give what a number leads to, the last one being current."""
    path = []
    while (known := steps.get(_key(patient))) is not None:
        path.append(known)
        patient = known
    return path


def _key(patient: PatientId) -> tuple[str, str]:
    return patient.id, patient.authority
