"""What ADT messages say of patients: numbers that became others, and names, birth dates and sexes that changed.

Source: HL7 2.x chapter 3. Which events touch us:

- A18, A30, A34, A36, A40 (merge) and A46, A47 (change of number): what had the number in MRG-1 has that of PID-3 now.
- A37 (unlink): where the two numbers were merged, they are parted again.
- A08, A28, A31 (update, add person): demographics. A merge carries those of the surviving patient too.
- A24 (link) leaves both records distinct, A43 moves a number between persons of a master index, and A41, A42, A44, A45,
  A49, A50 are about accounts and visits, which we do not follow: kept and acknowledged, not used.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from itertools import pairwise

from config.settings import Hl7Settings
from integrations.hl7.faults import NO_PATIENT, NOT_TWO_NUMBERS
from integrations.hl7.header import Header
from integrations.hl7.identifiers import PatientId, best_id, component, patient_ids, read_patient
from integrations.hl7.merges import MERGES, Merge, read_merges
from integrations.hl7.places import Fault
from integrations.hl7.segments import Parsed, Segment
from integrations.hl7.times import read_time

UPDATES = frozenset({"ADT^A08", "ADT^A28", "ADT^A31"})
UNLINK = "ADT^A37"
USED = MERGES | UPDATES | {UNLINK}


@dataclass(frozen=True)
class Demographics:
    """What a message says of a patient: None where it leaves a value as it is, empty where it clears it.

    `name` is as in DICOM, family, given and middle with carets; `birth_date` YYYYMMDD or a part of it. `is_former`
    tells that this is how the patient was called before.
    """

    patient: PatientId
    name: str | None
    birth_date: str | None
    sex: str | None
    is_former: bool = False


@dataclass(frozen=True)
class Adt:
    """What one message changes; `occurred` is EVN-2, None where that is no time.

    `fault` is why it is refused, None where it is taken.
    """

    merges: tuple[Merge, ...] = ()
    parted: tuple[tuple[PatientId, PatientId], ...] = ()
    people: tuple[Demographics, ...] = ()
    occurred: datetime | None = None
    fault: Fault | None = None


def read_adt(header: Header, parsed: Parsed, settings: Hl7Settings, zone: tzinfo) -> Adt:
    """Read a message whose type is one of `USED`; a number that would become itself is refused (`read_merges`)."""
    reader = _Reader(parsed, settings, zone)
    people = tuple(reader.people())
    if header.message_type in MERGES:
        read = read_merges(parsed, settings.authority, settings.identifier_types)
        return Adt(read.merges, (), people, reader.occurred(), read.fault)
    if not people:
        return Adt(fault=NO_PATIENT)
    if header.message_type == UNLINK:
        if len({(one.patient.id, one.patient.authority) for one in people}) < 2:
            return Adt(fault=NOT_TWO_NUMBERS)
        return Adt((), tuple(pairwise(one.patient for one in people)), (), reader.occurred())
    return Adt((), (), people, reader.occurred())


@dataclass(frozen=True)
class _Reader:
    parsed: Parsed
    settings: Hl7Settings
    zone: tzinfo

    def occurred(self) -> datetime | None:
        events = (segment for segment in self.parsed.segments if segment.name == "EVN")
        times = (read_time(component(segment.field(2), self.parsed, 1), self.zone) for segment in events)
        return next((time.earliest for time in times if time is not None), None)

    def people(self) -> Iterator[Demographics]:
        authority, types = self.settings.authority, self.settings.identifier_types
        for segment in self.parsed.segments:
            if segment.name == "PID":
                patient = read_patient(segment, self.parsed, authority, types)
                if patient.id is not None:
                    yield self._demographics(patient.id, segment, patient.cleared)
            elif segment.name == "MRG":
                old = best_id(patient_ids(segment.field(1), self.parsed), authority, types)
                if old is not None and (name := self._name(segment.field(7))):
                    yield Demographics(old, name, None, None, is_former=True)

    def _demographics(self, patient: PatientId, pid: Segment, cleared: frozenset[str]) -> Demographics:
        name = self._name(pid.field(5))
        born = read_time(component(pid.field(7), self.parsed, 1), self.zone)
        sex = component(pid.field(8), self.parsed, 1).upper()
        return Demographics(
            patient,
            name or ("" if "family" in cleared else None),
            born.date.replace("-", "") if born else "" if "birth_date" in cleared else None,
            sex or ("" if "sex" in cleared else None),
        )

    def _name(self, field: str) -> str:
        return full_name([component(field, self.parsed, number) for number in (1, 2, 3)])


def full_name(parts: Sequence[str]) -> str:
    """Write family, given and middle name as DICOM does (PS3.5 6.2.1)."""
    return "^".join(part.replace("^", " ").replace("=", " ") for part in parts).rstrip("^")
