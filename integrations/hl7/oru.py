"""Reading one message: what it is, whether it can be taken, and the reports that it carries.

Pure: bytes and settings in, values out. `read_message` raises nothing but this room's errors.
Source: HL7 2.x chapter 7 (ORU^R01).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from config.settings import Hl7Settings
from integrations.hl7.adt import USED, Adt, read_adt
from integrations.hl7.charset import site_codec
from integrations.hl7.faults import NO_ORDER, unidentified
from integrations.hl7.header import Header, header_fault, header_of
from integrations.hl7.merges import Merge
from integrations.hl7.places import Fault, read_place
from integrations.hl7.reports import MessageContext, ReportMessage, read_reports
from integrations.hl7.segments import parse
from integrations.hl7.senders import SenderRules, rules_for
from integrations.hl7.structure import strange_segments
from integrations.hl7.times import HospitalTime, offset_of, read_time, zone_of

REPORT_TYPES = {"ORU^R01", "ORU"}


@dataclass(frozen=True)
class ReadMessage:
    """One message. `reports` is empty for types other than ORU^R01, `adt` for those that say nothing of a patient.

    `fault` is why the message is refused, None where it is taken; `notes` are for the message log.
    """

    header: Header
    rules: SenderRules
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
    adt: Adt
    fault: Fault | None

    @property
    def merges(self) -> tuple[Merge, ...]:
        """Give the numbers that became others."""
        return self.adt.merges


def check_settings(settings: Hl7Settings) -> None:
    """Check at start what only HL7 can tell of the settings.

    Raises:
        UnusableHl7Setting: names the key, what was found and what is allowed.
    """
    senders = settings.senders.values()
    for charset in (settings.charset, *(sender.charset for sender in senders)):
        if charset is not None:
            site_codec(charset)
    for places in (settings.accession_from, *(sender.accession_from for sender in senders)):
        for place in places or ():
            read_place(place)


def read_message(raw: bytes, settings: Hl7Settings) -> ReadMessage:
    """Read one message without its MLLP framing.

    Raises:
        UnreadableMessage: there is no MSH segment; answer with `acks.refuse_unreadable`.
        UnusableHl7Setting: see `check_settings`.
    """
    parsed = parse(raw, site_codec(settings.charset))
    header = header_of(parsed)
    rules = rules_for(header.value(3), header.value(4), settings)
    if rules.settings.charset != settings.charset:
        parsed = parse(raw, site_codec(rules.settings.charset))
        header = header_of(parsed)
    settings = rules.settings
    zone = zone_of(settings.time_zone)
    time = read_time(header.value(7), zone)
    notes = [*parsed.notes]
    if time is None:
        notes.append("time: MSH-7 is missing or no time")
    context = MessageContext(parsed, settings, offset_of(time, header.value(7)) or zone, time, rules.meanings)
    fault = header_fault(header)
    reports: tuple[ReportMessage, ...] = ()
    adt = Adt()
    if fault is None and header.message_type in REPORT_TYPES:
        reports = read_reports(context)
        fault = _report_fault(reports, settings)
        notes.extend(strange_segments(parsed.segments, "ORU_R01", header.value(12)))
    elif fault is None and header.message_type in USED:
        adt = read_adt(header, parsed, settings, context.zone)
        fault = adt.fault
    elif fault is None:
        notes.append("type: kept and acknowledged, not used")
    return ReadMessage(
        header=header,
        rules=rules,
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
        adt=adt,
        fault=fault,
    )


def _report_fault(reports: Sequence[ReportMessage], settings: Hl7Settings) -> Fault | None:
    if not reports:
        return NO_ORDER
    return None if all(report.is_identified for report in reports) else unidentified(settings.accession_from)
