"""Finding a study or a message by what people hold in their hands."""

from dataclasses import dataclass

from sqlalchemy import exists
from sqlmodel import Session, col, or_, select

from service.identities import patients_with_number
from service.store.tables import Message, OrderNumber, Pairing, Patient, Report, Study

MOST = 50


@dataclass(frozen=True)
class Found:
    """What a search found: studies with their patients, and messages whose reports have no study among them."""

    studies: list[tuple[Study, Patient]]
    messages: list[Message]

    @property
    def only_address(self) -> str | None:
        """Give the page of the only thing found, or None where there are several or none."""
        addresses = [f"/studies/{study.link}" for study, _ in self.studies]
        addresses += [f"/messages/{message.link}" for message in self.messages]
        return addresses[0] if len(addresses) == 1 else None


def search(session: Session, wanted: str) -> Found:
    """Find by accession or order number, patient ID, Study Instance UID or message control ID, exactly as written.

    A patient ID finds all of who has or had it, whatever number that patient has now.
    """
    patients = patients_with_number(session, wanted)
    numbers = select(OrderNumber.report_id).where(OrderNumber.number == wanted)
    messages = select(Message.id).where(Message.control_id == wanted)
    reports = select(Report.id).where(
        or_(
            col(Report.id).in_(numbers),
            col(Report.message_id).in_(messages),
            col(Report.patient_identifier) == wanted,
            col(Report.patient_id).in_(patients),
            col(Report.accession) == wanted,
        )
    )
    paired = select(Pairing.study_id).where(col(Pairing.report_id).in_(reports))
    studies = (
        select(Study, Patient)
        .join(Patient)
        .where(
            or_(
                col(Study.accession) == wanted,
                col(Study.study_uid) == wanted,
                col(Study.patient_identifier) == wanted,
                col(Study.patient_id).in_(patients),
                col(Study.id).in_(paired),
            )
        )
        .order_by(col(Study.first_received).desc())
        .limit(MOST)
    )
    current = or_(col(Report.superseded_by).is_(None), col(Report.message_id).in_(messages))
    is_paired = exists().where(col(Pairing.report_id) == Report.id)
    unpaired = select(Report.message_id).where(col(Report.id).in_(reports), current, ~is_paired)
    carries_report = exists().where(col(Report.message_id) == Message.id)
    reportless = select(Message.id).where(Message.control_id == wanted, ~carries_report)
    found_messages = (
        select(Message)
        .where(or_(col(Message.id).in_(unpaired), col(Message.id).in_(reportless)))
        .order_by(col(Message.received).desc())
        .limit(MOST)
    )
    return Found(list(session.exec(studies).all()), list(session.exec(found_messages)))
