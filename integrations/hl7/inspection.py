"""What the reader takes from files of messages, and what it would answer, storing nothing."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from config.settings import Hl7Settings
from integrations.hl7.acks import Acknowledgement, Stamp, acknowledge, refuse_unreadable
from integrations.hl7.batches import read_batch
from integrations.hl7.charset import widened
from integrations.hl7.errors import UnreadableMessage
from integrations.hl7.explaining import NO_ENTRY, what_entry_changes, why_of
from integrations.hl7.framing import CutShort, Deframer, Frame
from integrations.hl7.identifiers import PatientId
from integrations.hl7.merges import Merge, current_ids
from integrations.hl7.oru import ReadMessage, check_settings, read_message
from integrations.hl7.reports import ReportMessage
from integrations.hl7.segments import split_messages
from integrations.hl7.text import Section, joined
from integrations.hl7.versions import current_version, labellings_of, versions_of

_STAMP = Stamp(datetime(1970, 1, 1, tzinfo=UTC), lambda: "INSPECT")
_LABEL_OF_SECTION = {Section.CONCLUSION: "conclusion", Section.ADDENDUM: "addendum"}


def inspect_messages(files: Iterable[Path], settings: Hl7Settings) -> dict[str, Any]:
    """Read the messages of files, framed or not, as if they arrived in this order.

    Returns:
        `messages`, one entry each; `reports`, the current version of each; `identities`, what each patient number
        that was merged now means.

    Raises:
        UnusableHl7Setting: see `oru.check_settings`.
        OSError: a file cannot be read.
    """
    check_settings(settings)
    messages: list[dict[str, Any]] = []
    reports: dict[tuple[str | None, ...], list[tuple[ReadMessage, ReportMessage]]] = {}
    merges: list[Merge] = []
    seen: dict[tuple[str, str], bytes] = {}
    for file in files:
        for raw, cut, batch in _messages_in(file.read_bytes()):
            read = _read(raw, settings) if cut is None else None
            noted = [cut] if cut is not None else [*batch, *_noted(read, seen, raw)]
            entry = what_entry_changes(raw, read, settings) if read is not None else NO_ENTRY
            messages.append({"file": str(file), **_answered(read, cut), "noted": noted, **entry})
            if read is not None and read.fault is None:
                merges += read.merges
                for key, report in _keyed(read.reports):
                    reports.setdefault(key, []).append((read, report))
    now = current_ids(merges)
    return {
        "messages": messages,
        "reports": [_current(each, now) for each in reports.values()],
        "identities": [
            {"id": number, "authority": authority, "current": current.id}
            for (number, authority), current in now.items()
        ],
    }


def _messages_in(content: bytes) -> Iterator[tuple[bytes, str | None, tuple[str, ...]]]:
    """Give each message of a file, with the reason where it is cut short, else None, and what its batch says."""
    if b"\x0b" not in content or (widened(content) is not None and not content.startswith(b"\x0b")):
        yield from _in_frame(content)
        return
    deframer = Deframer(limit=len(content))
    for frame in [*deframer.feed(content), *deframer.finish(CutShort.CLOSED)]:
        if isinstance(frame, Frame):
            yield from _in_frame(frame.content)
        else:
            yield frame.content, frame.reason.value, ()


def _in_frame(content: bytes) -> Iterator[tuple[bytes, str | None, tuple[str, ...]]]:
    messages = split_messages(content)
    batch = read_batch(messages)
    yield from ((raw, None, batch.notes_on(place)) for place, raw in enumerate(messages) if raw.strip())


def _read(raw: bytes, settings: Hl7Settings) -> ReadMessage | None:
    try:
        return read_message(raw, settings)
    except UnreadableMessage:
        return None


def _noted(read: ReadMessage | None, seen: dict[tuple[str, str], bytes], raw: bytes) -> list[str]:
    if read is None:
        return ["There is no MSH segment."]
    notes = [*read.notes]
    if seen.setdefault((read.sender, read.control_id), raw) != raw:
        notes.append("reused control id: another message of this sender has it")
    return notes


def _answered(read: ReadMessage | None, cut: str | None) -> dict[str, Any]:
    if read is None:
        refusal = None if cut is not None else refuse_unreadable(_STAMP).application
        return {"control_id": None, "message_type": None, "ack": _described(refusal), "commit_ack": None}
    answer = acknowledge(read.header, read.fault, _STAMP, originally=read.rules.answers_originally)
    return {
        "control_id": read.control_id,
        "message_type": read.message_type,
        "ack": _described(answer.application),
        "commit_ack": _described(answer.commit),
    }


def _described(acknowledgement: Acknowledgement | None) -> dict[str, Any] | None:
    if acknowledgement is None:
        return None
    fault = acknowledgement.fault
    return {
        "code": acknowledgement.code,
        "control_id": acknowledgement.control_id,
        "err": fault
        and {
            "segment": fault.place.segment,
            "field": fault.place.field or None,
            "code": fault.code,
            "problem": fault.problem,
        },
        "sender": acknowledgement.sender,
        "receiver": acknowledgement.receiver,
    }


def _keyed(reports: Sequence[ReportMessage]) -> Iterator[tuple[tuple[str | None, ...], ReportMessage]]:
    """Tell reports apart by accession number, else by study, else by patient, procedure and time.

    Two under one number in one message are two reports, told apart by the filler's number or their place.
    """
    accessions = [report.accession for report in reports]
    for place, report in enumerate(reports):
        patient = report.patient.id.id if report.patient and report.patient.id else None
        if accessions.count(report.accession) > 1:
            yield (report.accession, report.study_uid, report.filler_number or str(place)), report
        elif report.accession or report.study_uid:
            yield (report.accession, None if report.accession else report.study_uid), report
        else:
            observed = report.observed_at.iso if report.observed_at else None
            yield (None, None, patient, report.procedure_code, observed), report


def _current(
    arrived: Sequence[tuple[ReadMessage, ReportMessage]], now: Mapping[tuple[str, str], PatientId]
) -> dict[str, Any]:
    read = arrived[-1][0]
    versions = [report for _, report in arrived]
    report = current_version(versions)
    return {
        "accession": report.accession,
        "accession_issuer": report.accession_issuer,
        "covers": list(report.covers),
        "placer_number": report.placer_number,
        "filler_number": report.filler_number,
        "study_uid": report.study_uid,
        "sender": read.sender,
        **_patient(report, now),
        "birth_date": report.birth_date,
        "observed_at": report.observed_at.iso if report.observed_at else None,
        "status": report.status.value,
        "labelled": report.to_be_labelled,
        "labellings": labellings_of(versions),
        "versions": len(versions_of(versions)),
        "text": report.text,
        "sections": {
            name: joined(block for block in report.blocks if block.section is section)
            for section, name in _LABEL_OF_SECTION.items()
            if any(block.section is section for block in report.blocks)
        },
        "review": list(report.review),
        "why": why_of(report),
    }


def _patient(report: ReportMessage, now: Mapping[tuple[str, str], PatientId]) -> dict[str, Any]:
    patient = report.patient
    chosen = patient.id if patient else None
    current = now.get((chosen.id, chosen.authority), chosen) if chosen else None
    others = patient.others if patient else ()
    return {
        "patient_id": current.id if current else None,
        "sent_patient_id": chosen.id if chosen else None,
        "patient_authority": chosen.authority if chosen else None,
        "patient_id_type": chosen.type if chosen else None,
        "other_patient_ids": [{"id": each.id, "authority": each.authority, "type": each.type} for each in others],
        "family": patient.family if patient else None,
        "given": patient.given if patient else None,
        "middle": patient.middle if patient else None,
        "sex": patient.sex if patient else None,
    }
