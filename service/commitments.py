"""Storage commitment that peers ask of us: what is written down, what counts as kept, and what is said when.

An object is kept if its row is in use with its pixels and its file holds the data set that was received: all of it is
read and its digest compared. That takes a second for some hundred megabytes and keeps nobody waiting, since the request
was answered before. What is only here without its pixels (`storage.keep_images_days`), or whose content by this peer
differs from what came first and waits for a person, is not kept.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from config.settings import Peer, Settings
from integrations.dicom.calling import Refused, Unreachable
from integrations.dicom.commitment import (
    CLASS_CONFLICT,
    NO_SUCH_INSTANCE,
    PROCESSING_FAILURE,
    CommitmentReport,
    CommitmentRequest,
    Failed,
    Reference,
    in_words,
)
from integrations.dicom.commitment_calls import Done, Taken, report_commitments
from integrations.dicom.commitment_service import SAME_ASSOCIATION_SECONDS
from integrations.dicom.errors import MayNotAsk, TransactionOpen
from service.destinations import pause
from service.store.columns import utc_now
from service.store.commitment_tables import Commitment, CommitmentReference
from service.store.database import reading, writing
from service.store.integrity import holds
from service.store.objects import ObjectStore
from service.store.states import CommitmentState, ObjectState
from service.store.tables import Instance, row_id

AT_A_TIME = 20
_AT_ONCE = 500
_OPEN = select(Commitment).where(
    col(Commitment.delivery_id).is_(None), col(Commitment.state) == CommitmentState.WAITING
)
"""What peers asked of us and have not been told yet."""


@dataclass(frozen=True)
class Commitments:
    """What it takes to answer for what we received."""

    engine: Engine
    store: ObjectStore
    settings: Settings

    def may_ask(self, title: str) -> bool:
        """Tell whether a calling AE title may ask us to commit."""
        return committing_peer(self.settings, title) is not None

    def take(self, request: CommitmentRequest, now: datetime | None = None) -> int:
        """Write a request down, safely on the disk, and give its number.

        Raises:
            MayNotAsk: no peer of that title may ask.
            TransactionOpen: a request of the same Transaction UID has not been reported yet.
        """
        peer, at = committing_peer(self.settings, request.calling_ae), now or utc_now()
        if peer is None:
            raise MayNotAsk
        with writing(self.engine) as session:
            same = _OPEN.where(Commitment.transaction_uid == request.transaction_uid)
            if session.exec(same).first() is not None:
                raise TransactionOpen
            row = Commitment(
                transaction_uid=request.transaction_uid,
                peer=peer.name,
                our_title=request.called_ae,
                asked=at,
                # Until then it is reported on its own association, if the peer keeps that open.
                next_attempt=at + timedelta(seconds=SAME_ASSOCIATION_SECONDS),
                expires=at + timedelta(days=self.settings.dicom.commitment.report_days),
            )
            session.add(row)
            session.flush()
            session.add_all(
                CommitmentReference(commitment_id=row_id(row), **vars(reference)) for reference in request.references
            )
        return row_id(row)

    def examine(self, number: int) -> CommitmentReport:
        """Look what is kept of the objects of a request, at this moment."""
        with reading(self.engine) as session:
            row = session.get_one(Commitment, number)
            named = select(CommitmentReference).where(CommitmentReference.commitment_id == number)
            rows = session.exec(named.order_by(col(CommitmentReference.id))).all()
            references = [Reference(each.sop_class_uid, each.sop_instance_uid) for each in rows]
            found = _instances(session, references)
        titles = {peer.ae_title for peer in self.settings.peers if peer.name == row.peer}
        failures = {each: self._failure(each, found.get(each.sop_instance_uid, ()), titles) for each in references}
        return CommitmentReport(
            row.transaction_uid,
            kept=tuple(reference for reference, reason in failures.items() if reason is None),
            failed=tuple(Failed(reference, reason) for reference, reason in failures.items() if reason is not None),
        )

    def _failure(self, reference: Reference, found: Sequence[Instance], titles: set[str]) -> int | None:
        """Give the reason why an object is not kept, or None."""
        in_use = [each for each in found if each.state in {ObjectState.STORED, ObjectState.HEADER}]
        if not in_use:
            return NO_SUCH_INSTANCE
        instance = in_use[0]
        if instance.sop_class_uid != reference.sop_class_uid:
            return CLASS_CONFLICT
        in_doubt = any(each.state == ObjectState.CONFLICT and each.calling_ae in titles for each in found)
        if instance.state == ObjectState.HEADER or in_doubt:
            return PROCESSING_FAILURE
        whole = holds(self.store.path(instance.file), instance.sha256, instance.bytes)
        return None if whole else PROCESSING_FAILURE

    def settle(
        self, number: int, report: CommitmentReport | None, answer: Taken | None, now: datetime | None = None
    ) -> None:
        """Note how the peer took the report; without an answer it is due on an association of our own."""
        at = now or utc_now()
        with writing(self.engine) as session:
            row = session.get_one(Commitment, number, with_for_update=True)
            if row.state != CommitmentState.WAITING:
                return
            if answer is None or report is None:
                row.next_attempt = at
            else:
                _note(session, row, report, answer, at)
            session.add(row)


def committing_peer(settings: Settings, title: str) -> Peer | None:
    """Give the peer of an AE title that may ask us to commit, and to which we report."""
    return next((peer for peer in settings.peers if peer.ae_title.strip() == title and "commit" in peer.may), None)


def report_to(commitments: Commitments, peer: Peer, now: datetime) -> None:
    """Report to a peer what is due, on associations that call from the title that it called."""
    with reading(commitments.engine) as session:
        due = session.exec(
            _OPEN.where(Commitment.peer == peer.name, Commitment.next_attempt <= now)
            .order_by(col(Commitment.next_attempt), col(Commitment.id))
            .limit(AT_A_TIME)
        ).all()
    for title in dict.fromkeys(row.our_title for row in due):
        numbers = [row_id(row) for row in due if row.our_title == title]
        reports = [commitments.examine(number) for number in numbers]
        answers = report_commitments(peer, title, reports)
        for number, report, answer in zip(numbers, reports, answers, strict=True):
            commitments.settle(number, report, answer, now)


def _note(session: Session, row: Commitment, report: CommitmentReport, answer: Taken, now: datetime) -> None:
    row.attempts += 1
    if isinstance(answer, Done):
        row.state, row.ended, row.answer = CommitmentState.ENDED, now, _summary(report)
        let_go(session, row, now)
    elif isinstance(answer, Refused) and answer.status is not None:
        said = f"{answer.status:04X}H {answer.comment}".strip()
        row.state, row.ended = CommitmentState.GIVEN_UP, now
        row.answer = f"{row.peer} would not be told what is kept: {said}."
    else:
        reason = answer.reason if isinstance(answer, Unreachable) else answer.comment
        until = put_off(session, row, now)
        row.answer = f"{reason}. It is tried again from {until:%Y-%m-%d %H:%M:%S} UTC."
        if until > row.expires:
            row.state, row.ended = CommitmentState.GIVEN_UP, now
            row.answer = f"{row.peer} could not be told what is kept: {reason}. Its `host` and `port` have to be right."


def put_off(session: Session, row: Commitment, now: datetime) -> datetime:
    """Put off what a peer could not be called for, and all else that waits for it in the same direction; gives to when.

    The pause grows with what was tried most often, so that a peer that is away is called once for each pause, however
    much comes to wait for it.
    """
    others = _waiting_with(session, row)
    until = now + pause(max(each.attempts for each in (row, *others)))
    for each in (row, *others):
        each.next_attempt = max(each.next_attempt, until)
        session.add(each)
    return until


def let_go(session: Session, row: Commitment, now: datetime) -> None:
    """Make due what waited for a peer that was called successfully about a row."""
    for other in _waiting_with(session, row):
        if other.attempts:
            other.next_attempt = now
            session.add(other)


def _waiting_with(session: Session, row: Commitment) -> list[Commitment]:
    waiting = select(Commitment).where(Commitment.peer == row.peer, Commitment.state == CommitmentState.WAITING)
    asked_by_us = col(Commitment.delivery_id).is_not(None)
    direction = asked_by_us if row.delivery_id is not None else ~asked_by_us
    return list(session.exec(waiting.where(Commitment.id != row.id, direction)))


def _summary(report: CommitmentReport) -> str:
    reasons = Counter(failed.reason for failed in report.failed)
    failures = ", ".join(f"{count} not ({in_words(reason)})" for reason, count in sorted(reasons.items()))
    return f"{len(report.kept)} kept{', ' if failures else ''}{failures}."


def _instances(session: Session, references: Sequence[Reference]) -> dict[str, list[Instance]]:
    """Give the rows of objects, by their SOP Instance UIDs."""
    found: dict[str, list[Instance]] = {}
    uids = list({reference.sop_instance_uid for reference in references})
    for start in range(0, len(uids), _AT_ONCE):
        some = select(Instance).where(col(Instance.sop_instance_uid).in_(uids[start : start + _AT_ONCE]))
        for instance in session.exec(some):
            found.setdefault(instance.sop_instance_uid or "", []).append(instance)
    return found
