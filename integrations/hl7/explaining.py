"""Saying to an interface analyst why a message is read as it is, and what an entry of `hl7.senders` changes."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from config.settings import Hl7Settings
from integrations.hl7.acks import Stamp, acknowledge
from integrations.hl7.oru import ReadMessage, read_message
from integrations.hl7.reports import ReportMessage
from integrations.hl7.status import Status

NO_ENTRY: dict[str, Any] = {"sender_entry": None, "changed": []}
_STAMP = Stamp(datetime(1970, 1, 1, tzinfo=UTC), lambda: "INSPECT")


def what_entry_changes(raw: bytes, read: ReadMessage, settings: Hl7Settings) -> dict[str, Any]:
    """Give the entry of `hl7.senders` that applies to a message, and each thing that would be otherwise without it."""
    if read.rules.entry is None:
        return NO_ENTRY
    without = read_message(raw, settings.model_copy(update={"senders": {}}))
    before, after = dict(_facts(without)), dict(_facts(read))
    names = dict.fromkeys((*before, *after))
    changed = [
        f"{name}: {before.get(name) or 'none'} becomes {after.get(name) or 'none'}"
        for name in names
        if before.get(name) != after.get(name)
    ]
    return {"sender_entry": read.rules.entry, "changed": changed}


def why_of(report: ReportMessage) -> list[str]:
    """Give a sentence for each thing that an analyst asks of a report: where its number is from, why it is held."""
    found = next((each for each in report.order_numbers if each.number == report.accession), None)
    others = [f"{each.place} ({each.number})" for each in report.order_numbers if each.number != report.accession]
    reasons = []
    if found is not None:
        reasons.append(f"The accession number is from {found.place}.")
    elif report.study_uid:
        reasons.append("There is no accession number; the Study Instance UID says which study it is.")
    else:
        reasons.append("There is neither accession number nor Study Instance UID; it is paired by patient and time.")
    if others:
        reasons.append(f"Other numbers are kept: {', '.join(dict.fromkeys(others))}.")
    return [*reasons, _standing(report)]


def _standing(report: ReportMessage) -> str:
    if report.review:
        return "It is held for a person."
    if report.status is Status.CANCELLED:
        return "It is withdrawn and not labelled."
    if report.status in {Status.NONE, Status.PRELIMINARY}:
        return f"Its status is {report.status.value}; the final one is labelled when it arrives."
    return "It is labelled." if report.text else "It holds no text."


def _facts(read: ReadMessage) -> Iterator[tuple[str, str]]:
    answer = acknowledge(read.header, read.fault, _STAMP, originally=read.rules.answers_originally)
    codes = [each.code for each in (answer.commit, answer.application) if each is not None]
    yield "acknowledgement", ", ".join(codes)
    yield "character set", read.codec
    several = len(read.reports) > 1
    for place, report in enumerate(read.reports, start=1):
        of = f" of report {place}" if several else ""
        patient = report.patient.id if report.patient else None
        yield f"accession number{of}", report.accession or ""
        yield f"patient id{of}", f"{patient.id} ({patient.authority})" if patient else ""
        yield f"status{of}", report.status.value
        yield f"observed{of}", report.observed_at.iso if report.observed_at else ""
        yield f"labelled{of}", "yes" if report.to_be_labelled else "no"
        yield f"text{of}", report.text
