"""Which version of a report is current, whatever the order of arrival (pure; the clock is in the messages)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from integrations.hl7.reports import ReportMessage
from integrations.hl7.status import Status
from integrations.hl7.text import joined


@dataclass(frozen=True)
class VersionOrder:
    """What versions of one report are ordered by: OBR-22, MSH-7 and the status; None where a time was not sent."""

    result_time: datetime | None
    message_time: datetime | None
    status: Status


def order_of(report: ReportMessage) -> VersionOrder:
    """Give what a report's place among its versions depends on."""
    result, message = report.result_time, report.message_time
    return VersionOrder(result.earliest if result else None, message.earliest if message else None, report.status)


def supersedes(newer: VersionOrder, current: VersionOrder) -> bool:
    """Tell whether a message that arrived later replaces the current version.

    An older or less final one never does. Age is by OBR-22, then MSH-7; of two that are as old, the later arrival
    counts. A withdrawal is as final as a report, so that it replaces one and a later report revives it.
    """
    if newer.status.finality < current.status.finality:
        return False
    for theirs, ours in (
        (newer.result_time, current.result_time),
        (newer.message_time, current.message_time),
    ):
        if theirs is not None and ours is not None and theirs != ours:
            return theirs > ours
    return True


def says_the_same(one: ReportMessage, other: ReportMessage) -> bool:
    """Tell whether two messages carry the same report, so that the second is no version of its own."""
    return (one.status, one.text, one.covers) == (other.status, other.text, other.covers)


def versions_of(arrived: Sequence[ReportMessage]) -> tuple[ReportMessage, ...]:
    """Drop the messages that repeat another; the rest stay in the order of arrival.

    What the last version said again, and what an earlier one said with the same OBR-22, is a repetition. The same
    report with a later OBR-22 after a withdrawal is a new version.
    """
    versions: list[ReportMessage] = []
    for report in arrived:
        alike = [earlier for earlier in versions if says_the_same(report, earlier)]
        if not any(each is versions[-1] or each.result_time == report.result_time for each in alike):
            versions.append(report)
    return tuple(versions)


def current_version(arrived: Sequence[ReportMessage]) -> ReportMessage:
    """Give what one report says after all its messages, at least one, in the order of arrival.

    An addendum without the report's body joins the report that it is not older than; an addendum sent with the body
    replaces it.
    """
    versions = versions_of(arrived)
    bodies = [report for report in versions if not report.joins] or [versions[0]]
    base = bodies[0]
    for report in bodies[1:]:
        base = report if supersedes(order_of(report), order_of(base)) else base
    addenda = [
        report
        for report in versions
        if report.joins and report is not base and supersedes(order_of(report), order_of(base))
    ]
    if base.status is Status.CANCELLED or not addenda:
        return base
    blocks = (*base.blocks, *(block for report in addenda for block in report.blocks))
    last = addenda[-1]
    return replace(
        base,
        status=last.status,
        blocks=blocks,
        text=joined(blocks),
        result_time=last.result_time,
        message_time=last.message_time,
        review=(*base.review, *(reason for report in addenda for reason in report.review)),
    )


def labellings_of(arrived: Sequence[ReportMessage]) -> int:
    """Count how often the report had to be labelled as its messages arrived: whenever a text became current."""
    count, labelled = 0, None
    for place in range(1, len(arrived) + 1):
        current = current_version(arrived[:place])
        if current.to_be_labelled and current.text != labelled:
            count += 1
        labelled = current.text if current.to_be_labelled else labelled
    return count
