"""The reports of one ORU^R01 message (HL7 2.x chapter 7): one for each order that has text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from functools import cached_property

from config.settings import Hl7Settings
from integrations.hl7.identifiers import (
    OrderNumber,
    Patient,
    component,
    order_numbers,
    parent_numbers,
    read_patient,
    study_uid,
)
from integrations.hl7.orders import OrderGroup, group_orders
from integrations.hl7.places import FieldPlace, read_place
from integrations.hl7.segments import Parsed, Segment
from integrations.hl7.status import Status, read_status
from integrations.hl7.text import ReportText, Section, TextBlock, joined, read_text
from integrations.hl7.times import HospitalTime, read_time

_PLACER = (FieldPlace("OBR", 2), FieldPlace("ORC", 2))
_FILLER = (FieldPlace("OBR", 3), FieldPlace("ORC", 3))


@dataclass(frozen=True)
class ReportMessage:
    """One report as one message brought it; several messages may bring versions of the same report.

    `accession` and `study_uid` are None where not sent, never empty. `covers` are all accession numbers of the
    report. `order_numbers` are all numbers in the accession fields, `placer_number` and `filler_number` those of OBR
    and ORC. `joins` says that this is an addendum without the report itself. `review` says why a person must look
    before it is labelled; `notes` are for the message log. Neither holds a patient's value.
    """

    accession: str | None
    accession_issuer: str | None
    covers: tuple[str, ...]
    order_numbers: tuple[OrderNumber, ...]
    placer_number: str | None
    filler_number: str | None
    study_uid: str | None
    patient: Patient | None
    birth_date: str | None
    procedure_code: str | None
    procedure: str | None
    observed_at: HospitalTime | None
    result_time: HospitalTime | None
    message_time: HospitalTime | None
    status: Status
    joins: bool
    text: str
    blocks: tuple[TextBlock, ...]
    notes: tuple[str, ...]
    review: tuple[str, ...]

    @property
    def to_be_labelled(self) -> bool:
        """Tell whether the report may be labelled: final by meaning, readable, and not empty."""
        labelled = {Status.FINAL, Status.CORRECTED, Status.ADDENDED}
        return self.status in labelled and not self.review and bool(self.text)

    @property
    def is_identified(self) -> bool:
        """Tell whether anything says which study or patient the report is of."""
        return bool(self.covers or self.study_uid or (self.patient is not None and self.patient.id is not None))


@dataclass(frozen=True)
class MessageContext:
    """What reading a report needs beside its order; `zone` is that of times without an offset."""

    parsed: Parsed
    settings: Hl7Settings
    zone: tzinfo
    message_time: HospitalTime | None
    meanings: Mapping[str, Status]

    @cached_property
    def accession_numbers(self) -> dict[str, list[OrderNumber]]:
        """Give, by each number that an order of the message has, the numbers in its accession fields."""
        places = [read_place(place) for place in self.settings.accession_from]
        found: dict[str, list[OrderNumber]] = {}
        for group in group_orders(self.parsed.segments):
            numbers = order_numbers([group.common, group.request, *group.others], places, self.parsed)
            own = order_numbers([group.request, group.common], (*_PLACER, *_FILLER), self.parsed)
            for each in (*numbers, *own):
                found.setdefault(each.number, numbers)
        return found


def read_reports(context: MessageContext) -> tuple[ReportMessage, ...]:
    """Make a report of each order that has text; one that has none shares the text of the order after it."""
    reports: list[ReportMessage] = []
    waiting: list[OrderGroup] = []
    groups = group_orders(context.parsed.segments)
    for place, group in enumerate(groups):
        text = read_text(group.rows, context.parsed)
        last = place + 1 == len(groups) or groups[place + 1].patient is not group.patient
        if text.rows or last:
            if not text.rows and reports and reports[-1].patient == _patient(group, context):
                reports[-1] = _covering(reports[-1], [*waiting, group], context)
            else:
                reports.append(_report([*waiting, group], text, context))
            waiting = []
        else:
            waiting.append(group)
    return tuple(reports)


def _report(groups: Sequence[OrderGroup], text: ReportText, context: MessageContext) -> ReportMessage:
    """Make the report of the last group; those before it are orders that it covers too."""
    group = groups[-1]
    parsed = context.parsed
    request = group.request or Segment("OBR", 0, ("OBR",))
    sections = {block.section for block in text.blocks}
    notes: list[str] = []
    addendum = Section.ADDENDUM in sections
    alone = sections == {Section.ADDENDUM}
    code = component(request.field(25), parsed, 1).upper()
    status = read_status(code, text.codes, context.meanings, addendum=addendum, alone=alone)
    numbers = [number for each in groups for number in _numbers(each, context)]
    accession = next(iter([*_numbers(group, context), *numbers]), None)
    placer, filler = (order_numbers([group.request, group.common], places, parsed) for places in (_PLACER, _FILLER))
    birth_field = group.patient.field(7) if group.patient else ""
    birth = _time(birth_field, FieldPlace("PID", 7), context, notes)
    return ReportMessage(
        accession=accession.number if accession else None,
        accession_issuer=accession.issuer or None if accession else None,
        covers=_accessions(groups, context),
        order_numbers=tuple(numbers),
        placer_number=placer[0].number if placer else None,
        filler_number=filler[0].number if filler else None,
        study_uid=_study_uid(groups, context),
        patient=_patient(group, context),
        birth_date=birth.date if birth else None,
        procedure_code=component(request.field(4), parsed, 1) or None,
        procedure=component(request.field(4), parsed, 2) or None,
        observed_at=_time(request.field(7), FieldPlace("OBR", 7, request.number), context, notes),
        result_time=_time(request.field(22), FieldPlace("OBR", 22, request.number), context, notes),
        message_time=context.message_time,
        status=status.status,
        joins=alone and status.status is not Status.CANCELLED,
        text=joined(text.blocks),
        blocks=text.blocks,
        notes=(*notes, *text.notes, *status.notes),
        review=text.review or _empty(status.status, text),
    )


def _empty(status: Status, text: ReportText) -> tuple[str, ...]:
    """Hand a final report without a word to a person: its text most likely stands where nobody looked."""
    if status.finality < Status.FINAL.finality or status is Status.CANCELLED or joined(text.blocks):
        return ()
    return ("The report is final and holds no text. Look for it in the original.",)


def _time(field: str, place: FieldPlace, context: MessageContext, notes: list[str]) -> HospitalTime | None:
    sent = component(field, context.parsed, 1)
    time = read_time(sent, context.zone)
    if sent and time is None:
        notes.append(f"time: {place} is no time and left empty")
    return time


def _numbers(group: OrderGroup, context: MessageContext) -> list[OrderNumber]:
    places = [read_place(place) for place in context.settings.accession_from]
    found = order_numbers([group.common, group.request, *group.others], places, context.parsed)
    if found or group.request is None:
        return found
    # A part of another order that has no number of its own is reported under that order's.
    parents = parent_numbers(group.request, context.parsed)
    known = (context.accession_numbers.get(each.number) for each in parents)
    return next((numbers for numbers in known if numbers), parents)


def _accessions(groups: Sequence[OrderGroup], context: MessageContext) -> tuple[str, ...]:
    first = (next(iter(_numbers(group, context)), None) for group in groups)
    return tuple(dict.fromkeys(number.number for number in first if number is not None))


def _study_uid(groups: Sequence[OrderGroup], context: MessageContext) -> str | None:
    segments = (segment for group in reversed(groups) for segment in (*group.others, *group.rows))
    return study_uid(segments, context.parsed)


def _patient(group: OrderGroup, context: MessageContext) -> Patient | None:
    if group.patient is None:
        return None
    settings = context.settings
    return read_patient(group.patient, context.parsed, settings.authority, settings.identifier_types)


def _covering(report: ReportMessage, groups: Sequence[OrderGroup], context: MessageContext) -> ReportMessage:
    """Add orders without text that stand after the report's own."""
    covers = dict.fromkeys((*report.covers, *_accessions(groups, context)))
    numbers = (number for group in groups for number in _numbers(group, context))
    uid = report.study_uid or _study_uid(groups, context)
    return replace(report, covers=tuple(covers), order_numbers=(*report.order_numbers, *numbers), study_uid=uid)
