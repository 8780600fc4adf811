"""The page of one HL7 message: what came of it. Its text is not shown."""

from dataclasses import dataclass

from sqlmodel import Session, col, select

from service.fetches import fetches_of_reports
from service.store.tables import Message, Pairing, Report, Study, row_id
from service.web.timeline import Event, message_timeline


@dataclass(frozen=True)
class ReportLine:
    """A report of a message, with the studies that it is about, and what is said of fetching one."""

    report: Report
    studies: list[Study]
    fetching: str = ""


@dataclass(frozen=True)
class MessagePage:
    """Everything that the page of a message shows."""

    message: Message
    reports: list[ReportLine]
    events: list[Event]


def message_page(session: Session, link: str) -> MessagePage | None:
    """Gather the page of the message with a link; None where there is no such message."""
    message = session.exec(select(Message).where(Message.link == link)).one_or_none()
    if message is None:
        return None
    reports = session.exec(select(Report).where(Report.message_id == message.id).order_by(col(Report.id))).all()
    paired = select(Pairing.report_id, Study).join(Study).where(col(Pairing.report_id).in_([r.id for r in reports]))
    studies: dict[int, list[Study]] = {}
    for number, study in session.exec(paired):
        studies.setdefault(number, []).append(study)
    fetching = fetches_of_reports(session, reports)
    lines = [
        ReportLine(report, studies.get(row_id(report), []), fetching.get(row_id(report), "")) for report in reports
    ]
    return MessagePage(message, lines, message_timeline(session, message))
