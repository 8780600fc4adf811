"""Whose report it is and of what: patient identifiers, order numbers, Study Instance UIDs, names.

Sources: HL7 2.x chapter 3 (PID) and 4 (ORC, OBR, IPC); IHE Radiology TF-2 (ZDS).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from integrations.hl7.delimiters import NULL
from integrations.hl7.escapes import plain_value
from integrations.hl7.places import FieldPlace
from integrations.hl7.segments import Parsed, Segment

_UID = re.compile(r"(?=.{5,64}\Z)[0-2](?:\.(?:0|[1-9][0-9]*))+")
_STUDY_UID_FIELDS = {"ZDS": 1, "IPC": 3}
STUDY_UID_POINTERS = ("HD", "RP")
"""OBX-2 of values that a Study Instance UID is looked for in, whatever OBX-3 says."""
STUDY_UID_TYPES = (*STUDY_UID_POINTERS, "UI", "EI", "ST")
STUDY_UID_CODES = ("113014", "110180")
"""OBX-3 that name the study (DCM), and OBX-2 of values that are read under them."""
_IN_ADDRESS = re.compile(r"(?i)[?&;\\](?:T\\)?study(?:instance)?uid=([0-9.]+)")
_CLEARABLE = {"family": (5, 1), "given": (5, 2), "middle": (5, 3), "birth_date": (7, 1), "sex": (8, 1)}


@dataclass(frozen=True)
class PatientId:
    """A patient identifier with its assigning authority and type (HL7 table 0203); empty where not sent."""

    id: str
    authority: str
    type: str


@dataclass(frozen=True)
class OrderNumber:
    """A number of the order with the field that it stood in; `issuer` is empty where not sent."""

    place: FieldPlace
    number: str
    issuer: str


@dataclass(frozen=True)
class Patient:
    """What PID says; a value that was not sent is empty.

    `others` are further identifiers. `cleared` names the fields that were
    sent as `""`: their values are to be deleted, while those of empty fields stay.
    """

    id: PatientId | None
    others: tuple[PatientId, ...]
    family: str
    given: str
    middle: str
    sex: str
    cleared: frozenset[str]


def component(field: str, parsed: Parsed, number: int, sub: int = 1) -> str:
    """Give a subcomponent of a field's first repetition, unescaped; null is empty."""
    if not field:
        return ""
    delimiters = parsed.delimiters
    whole = delimiters.component_of(delimiters.repetitions(field)[0], number)
    return plain_value(delimiters.subcomponent_of(whole, sub), delimiters, parsed.codec)


def read_patient(pid: Segment, parsed: Parsed, authority: str | None, types: Sequence[str]) -> Patient:
    """Read PID. The id is the one of our `authority` if one is, then the one whose type comes first in `types`."""
    # PID-2 came before PID-3 was a list (HL7 2.2); it counts only where PID-3 names nobody.
    ids = patient_ids(pid.field(3), parsed) or patient_ids(pid.field(2), parsed)
    chosen = best_id(ids, authority, types)
    return Patient(
        id=chosen,
        others=tuple(each for each in ids if each is not chosen),
        family=component(pid.field(5), parsed, 1),
        given=component(pid.field(5), parsed, 2),
        middle=component(pid.field(5), parsed, 3),
        sex=component(pid.field(8), parsed, 1).upper(),
        cleared=frozenset(
            name for name, (field, number) in _CLEARABLE.items() if _is_null(pid.field(field), parsed, number)
        ),
    )


def patient_ids(field: str, parsed: Parsed) -> list[PatientId]:
    """Give the identifiers of a field such as PID-3 or MRG-1; null and empty repetitions are none."""
    sent = parsed.delimiters.repetitions(field)
    ids = (PatientId(component(each, parsed, 1), _authority(each, parsed), component(each, parsed, 5)) for each in sent)
    return [each for each in ids if each.id]


def _authority(identifier: str, parsed: Parsed) -> str:
    """Give the name of CX-4, or where it has none, its universal id."""
    return component(identifier, parsed, 4) or component(identifier, parsed, 4, sub=2)


def best_id(ids: Iterable[PatientId], authority: str | None, types: Sequence[str]) -> PatientId | None:
    """Choose among identifiers: our `authority` first, then the order of `types`, then the order as sent."""

    def rank(candidate: PatientId) -> tuple[bool, int]:
        order = types.index(candidate.type) if candidate.type in types else len(types)
        return authority is not None and candidate.authority != authority, order

    return min(ids, key=rank, default=None)


def order_numbers(order: Iterable[Segment | None], places: Iterable[FieldPlace], parsed: Parsed) -> list[OrderNumber]:
    """Give the numbers that an order's segments carry in these fields, in the order of the fields."""
    segments = {segment.name: segment for segment in order if segment is not None}
    found: list[OrderNumber] = []
    for place in places:
        field = segments[place.segment].field(place.field) if place.segment in segments else ""
        if number := component(field, parsed, 1):
            found.append(OrderNumber(place, number, _issuer(field, parsed)))
    return found


def _issuer(field: str, parsed: Parsed) -> str:
    """Give the namespace of an entity identifier, or where it has none, its universal id, in components or below."""
    delimiters = parsed.delimiters
    if delimiters.component not in field and delimiters.subcomponent not in field:
        return ""
    places = ((2, 1), (1, 2), (3, 1), (1, 3))
    return next((value for number, sub in places if (value := component(field, parsed, number, sub))), "")


def parent_numbers(request: Segment, parsed: Parsed) -> list[OrderNumber]:
    """Give the filler's and the placer's number of the order that OBR-29 says this one belongs to."""
    field, place = request.field(29), FieldPlace("OBR", 29, request.number)
    both = ((component(field, parsed, number), component(field, parsed, number, sub=2)) for number in (2, 1))
    return [OrderNumber(place, number, issuer) for number, issuer in both if number]


def study_uid(segments: Iterable[Segment], parsed: Parsed) -> str | None:
    """Give the Study Instance UID from ZDS-1, IPC-3, or an OBX that holds one; None where there is none."""
    for segment in segments:
        if segment.name in _STUDY_UID_FIELDS:
            value = component(segment.field(_STUDY_UID_FIELDS[segment.name]), parsed, 1)
        elif segment.name == "OBX" and points_to_study(segment, parsed):
            address = _IN_ADDRESS.search(segment.field(5))  # of a viewer, whose & may not be escaped
            value = address[1] if address else component(segment.field(5), parsed, 1)
        else:
            continue
        if _UID.fullmatch(value):
            return value
    return None


def points_to_study(obx: Segment, parsed: Parsed) -> bool:
    """Tell whether an OBX holds what says which study is meant, and no line of the report."""
    kind = obx.field(2).strip().upper()
    named = component(obx.field(3), parsed, 1) in STUDY_UID_CODES
    return kind in STUDY_UID_POINTERS or (named and kind in STUDY_UID_TYPES)


def _is_null(field: str, parsed: Parsed, number: int) -> bool:
    delimiters = parsed.delimiters
    first = delimiters.repetitions(field)[0]
    return first == NULL or delimiters.component_of(first, number) == NULL
