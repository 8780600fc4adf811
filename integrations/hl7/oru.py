"""Reading one message: what it is, whether it can be taken, and the reports that it carries.

Pure: bytes and settings in, values out. `read_message` raises nothing but this room's errors.
Source: HL7 2.x chapter 7 (ORU^R01).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo

from config.settings import Hl7Settings
from integrations.hl7.charset import site_codec
from integrations.hl7.header import Header, header_fault, header_of
from integrations.hl7.identifiers import OrderNumber, Patient, component, order_numbers, read_patient, study_uid
from integrations.hl7.merges import MERGES, Merge, read_merges
from integrations.hl7.orders import OrderGroup, group_orders
from integrations.hl7.places import Fault, FieldPlace, read_place
from integrations.hl7.segments import Parsed, Segment, parse
from integrations.hl7.status import Status, read_status
from integrations.hl7.structure import strange_segments
from integrations.hl7.text import ReportText, Section, TextBlock, joined, read_text
from integrations.hl7.times import HospitalTime, offset_of, read_time, zone_of

_REPORT_TYPES = {"ORU^R01", "ORU"}
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
class ReadMessage:
    """One message. `reports` is empty for types other than ORU^R01, `merges` for those that merge no patients.

    `fault` is why the message is refused, None where it is taken; `notes` are for the message log.
    """

    header: Header
    control_id: str
    message_type: str
    sender: str
    sending_facility: str
    receiver: str
    receiving_facility: str
    version: str
    time: HospitalTime | None
    codec: str
    notes: tuple[str, ...]
    reports: tuple[ReportMessage, ...]
    merges: tuple[Merge, ...]
    fault: Fault | None


@dataclass(frozen=True)
class _Context:
    parsed: Parsed
    settings: Hl7Settings
    zone: tzinfo
    message_time: HospitalTime | None


def check_settings(settings: Hl7Settings) -> None:
    """Check at start what only HL7 can tell of the settings.

    Raises:
        UnusableHl7Setting: names the key, what was found and what is allowed.
    """
    site_codec(settings.charset)
    for place in settings.accession_from:
        read_place(place)


def read_message(raw: bytes, settings: Hl7Settings) -> ReadMessage:
    """Read one message without its MLLP framing.

    Raises:
        UnreadableMessage: there is no MSH segment; answer with `acks.refuse_unreadable`.
        UnusableHl7Setting: see `check_settings`.
    """
    parsed = parse(raw, site_codec(settings.charset))
    header = header_of(parsed)
    zone = zone_of(settings.time_zone)
    time = read_time(header.value(7), zone)
    notes = [*parsed.notes]
    if time is None:
        notes.append("time: MSH-7 is missing or no time")
    context = _Context(parsed, settings, offset_of(time, header.value(7)) or zone, time)
    fault = header_fault(header)
    reports: tuple[ReportMessage, ...] = ()
    merges: tuple[Merge, ...] = ()
    if fault is None and header.message_type in _REPORT_TYPES:
        reports = _reports(context)
        fault = _report_fault(reports, settings)
        notes.extend(strange_segments(parsed.segments, "ORU_R01", header.value(12)))
    elif fault is None and header.message_type in MERGES:
        read = read_merges(parsed, settings.authority, settings.identifier_types)
        merges, fault = read.merges, read.fault
    elif fault is None:
        notes.append("type: kept and acknowledged, not used")
    return ReadMessage(
        header=header,
        control_id=header.control_id,
        message_type=header.message_type,
        sender=header.value(3),
        sending_facility=header.value(4),
        receiver=header.value(5),
        receiving_facility=header.value(6),
        version=header.value(12),
        time=time,
        codec=parsed.codec,
        notes=(*notes, *(note for report in reports for note in report.notes)),
        reports=reports,
        merges=merges,
        fault=fault,
    )


def _report_fault(reports: Sequence[ReportMessage], settings: Hl7Settings) -> Fault | None:
    if not reports:
        return Fault(FieldPlace("OBR", 0), "100", "The message has neither an order nor a result.")
    if all(report.is_identified for report in reports):
        return None
    problem = "There is no accession number, no Study Instance UID and no patient id."
    place = read_place(settings.accession_from[0]) if settings.accession_from else FieldPlace("PID", 3)
    return Fault(place, "101", problem)


def _reports(context: _Context) -> tuple[ReportMessage, ...]:
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


def _report(groups: Sequence[OrderGroup], text: ReportText, context: _Context) -> ReportMessage:
    """Make the report of the last group; those before it are orders that it covers too."""
    group = groups[-1]
    parsed = context.parsed
    request = group.request or Segment("OBR", 0, ("OBR",))
    sections = {block.section for block in text.blocks}
    notes: list[str] = []
    addendum = Section.ADDENDUM in sections
    alone = sections == {Section.ADDENDUM}
    status = read_status(component(request.field(25), parsed, 1).upper(), text.codes, addendum=addendum, alone=alone)
    numbers = [number for each in groups for number in _numbers(each, context)]
    accession = next(iter(_numbers(group, context)), None)
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
        review=text.review,
    )


def _time(field: str, place: FieldPlace, context: _Context, notes: list[str]) -> HospitalTime | None:
    sent = component(field, context.parsed, 1)
    time = read_time(sent, context.zone)
    if sent and time is None:
        notes.append(f"time: {place} is no time and left empty")
    return time


def _numbers(group: OrderGroup, context: _Context) -> list[OrderNumber]:
    places = [read_place(place) for place in context.settings.accession_from]
    return order_numbers([group.common, group.request, *group.others], places, context.parsed)


def _accessions(groups: Sequence[OrderGroup], context: _Context) -> tuple[str, ...]:
    first = (next(iter(_numbers(group, context)), None) for group in groups)
    return tuple(dict.fromkeys(number.number for number in first if number is not None))


def _study_uid(groups: Sequence[OrderGroup], context: _Context) -> str | None:
    segments = (segment for group in reversed(groups) for segment in (*group.others, *group.rows))
    return study_uid(segments, context.parsed)


def _patient(group: OrderGroup, context: _Context) -> Patient | None:
    if group.patient is None:
        return None
    settings = context.settings
    return read_patient(group.patient, context.parsed, settings.authority, settings.identifier_types)


def _covering(report: ReportMessage, groups: Sequence[OrderGroup], context: _Context) -> ReportMessage:
    """Add orders without text that stand after the report's own."""
    covers = dict.fromkeys((*report.covers, *_accessions(groups, context)))
    numbers = (number for group in groups for number in _numbers(group, context))
    uid = report.study_uid or _study_uid(groups, context)
    return replace(report, covers=tuple(covers), order_numbers=(*report.order_numbers, *numbers), study_uid=uid)
