"""The receipt ledger: everything that was received has exactly one outcome, or one item that is still open.

Each object, message and structured report stands at one place on its way. Places are settled (nothing more is due),
open (work or a person goes on from there, and it is listed) or unaccounted for: rows that contradict each other, which
no rule of the daemon makes. The ledger is closed when nothing is unaccounted for.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Exists, Select, case, exists, func, not_, or_, select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from service.ledger_places import PLACES, Place, Standing
from service.store.fetch_tables import Fetch
from service.store.states import (
    FOR_A_PERSON,
    HANDED_OVER,
    DeliveryState,
    FetchOrigin,
    MessageState,
    ObjectState,
    PairingState,
    WorkState,
)
from service.store.tables import Delivery, Document, FindingRow, Instance, Message, Pairing, Report, Series, Study
from service.study_images import NO_IMAGES, NOT_IMAGES

MOST_NAMED = 50
_UNDER_WAY = (WorkState.WAITING, WorkState.QUEUED)
_NEVER_LABELLED = ("none", "cancelled")


class Chapter(StrEnum):
    """What the ledger is kept of."""

    OBJECTS = "objects"
    MESSAGES = "messages"
    DELIVERIES = "structured reports"


@dataclass(frozen=True)
class Line:
    """How many of a chapter stand at one place."""

    chapter: Chapter
    place: Place
    count: int


@dataclass(frozen=True)
class Ledger:
    """The lines of all chapters; `unaccounted` names what contradicts itself, the first of each chapter."""

    lines: tuple[Line, ...]
    unaccounted: tuple[str, ...]

    @property
    def is_closed(self) -> bool:
        """Tell whether everything has an outcome or is open."""
        return self.count(Standing.UNACCOUNTED) == 0

    def count(self, standing: Standing, chapter: Chapter | None = None) -> int:
        """Count what stands so, in one chapter or in all."""
        return sum(
            line.count
            for line in self.lines
            if PLACES[line.place].standing == standing and chapter in {None, line.chapter}
        )


def account(session: Session) -> Ledger:
    """Place everything that was received; one reading session sees all of it at one moment."""
    chapters = {Chapter.OBJECTS: _objects(), Chapter.MESSAGES: _messages(), Chapter.DELIVERIES: _deliveries()}
    lines = [line for chapter, placed in chapters.items() for line in _lines(session, chapter, placed)]
    unaccounted = [name for chapter, placed in chapters.items() for name in _unaccounted(session, chapter, placed)]
    return Ledger(tuple(lines), tuple(unaccounted))


def _lines(session: Session, chapter: Chapter, placed: Select[tuple[int, int]]) -> Iterator[Line]:
    rows = placed.subquery()
    counted = select(rows.c.place, func.count()).group_by(rows.c.place).order_by(rows.c.place)
    for place, count in session.execute(counted):
        yield Line(chapter, Place(place), count)


def _unaccounted(session: Session, chapter: Chapter, placed: Select[tuple[int, int]]) -> Iterator[str]:
    rows = placed.subquery()
    wrong = [place for place, meant in PLACES.items() if meant.standing == Standing.UNACCOUNTED]
    found = select(rows.c.number, rows.c.place).where(rows.c.place.in_(wrong)).order_by(rows.c.number).limit(MOST_NAMED)
    for number, place in session.execute(found):
        yield f"{chapter[:-1]} {number}: {PLACES[Place(place)].words}"


def _study_place() -> Select[tuple[int, int]]:
    """Place each study: what is due of it next, else what came of it."""
    is_prior = exists().where(col(Fetch.wanted) == col(Study.study_uid), col(Fetch.origin) == FetchOrigin.PRIOR)
    is_asked_for = exists().where(col(Pairing.study_id) == col(Study.id)) | col(Study.complete_since).is_not(None)

    def has_delivery(*states: DeliveryState) -> Exists:
        its = exists().where(col(Document.study_id) == col(Study.id), col(Delivery.document_id) == col(Document.id))
        return its.where(col(Delivery.state).in_(states))

    place = case(
        (col(Study.review_reason) != "", Place.STUDY_FOR_A_PERSON),
        (col(Study.images) == WorkState.FAILED, Place.READING_FAILED),
        (col(Study.document) == WorkState.FAILED, Place.WRITING_FAILED),
        (col(Study.last_image).is_not(None) & col(Study.images).in_(_UNDER_WAY), Place.TO_BE_READ),
        (col(Study.images) == WorkState.HELD, Place.TO_BE_READ),
        (col(Study.document).in_(_UNDER_WAY) & is_prior & not_(is_asked_for), Place.EARLIER_STUDY),
        (col(Study.document).in_(_UNDER_WAY), Place.TO_BE_WRITTEN),
        (has_delivery(*FOR_A_PERSON), Place.REFUSED_BY_DESTINATION),
        (has_delivery(DeliveryState.WAITING, DeliveryState.QUEUED), Place.ON_ITS_WAY),
        (exists().where(col(Document.study_id) == col(Study.id)), Place.REPORTED),
        (col(Study.document_reason) != "", Place.NOTHING_TO_REPORT),
        (col(Study.last_image).is_(None) & (col(Study.results) == 0), Place.BESIDE_IMAGES),
        else_=Place.READ_WITHOUT_RESULT,
    )
    return select(col(Study.id).label("number"), place.label("place"))


def _objects() -> Select[tuple[int, int]]:
    studies = _study_place().subquery()
    first = aliased(Instance)
    has_first = exists().where(col(first.id) == col(Instance.conflict_of))
    state = col(Instance.state)
    is_beside = or_(
        col(Series.modality).in_(NOT_IMAGES),
        *((col(Instance.sop_class_uid) + ".").startswith(prefix) for prefix in NO_IMAGES),
    )
    place = case(
        (state == ObjectState.REFUSED, Place.OBJECT_REFUSED),
        (state == ObjectState.DISMISSED, Place.DISMISSED),
        (state == ObjectState.RETURNED, Place.OUR_OWN),
        (state.in_((ObjectState.CONFLICT, ObjectState.SAME_CONTENT)) & not_(has_first), Place.REPEATS_NOTHING),
        (state == ObjectState.CONFLICT, Place.CONFLICT),
        (state == ObjectState.SAME_CONTENT, Place.REPEATED),
        (studies.c.number.is_(None), Place.OF_NO_STUDY),
        (is_beside, Place.BESIDE_IMAGES),
        else_=studies.c.place,
    )
    placed = select(col(Instance.id).label("number"), place.label("place"))
    placed = placed.outerjoin(Series, col(Series.id) == col(Instance.series_id))
    return placed.outerjoin(studies, studies.c.number == col(Series.study_id))


def _messages() -> Select[tuple[int, int]]:
    """Place each message; one with several reports stands where the worst of them does."""
    earlier = aliased(Message)
    has_earlier = exists().where(col(earlier.id) == col(Message.repeat_of))
    reports = _reports().subquery()
    worst = select(reports.c.message, func.max(reports.c.place).label("place")).group_by(reports.c.message).subquery()
    state = col(Message.state)
    place = case(
        (state == MessageState.REFUSED, Place.MESSAGE_REFUSED),
        (state == MessageState.INCOMPLETE, Place.INCOMPLETE),
        (state == MessageState.KEPT, Place.KEPT),
        (worst.c.place.is_not(None), worst.c.place),
        (has_earlier, Place.REPEATED),
        (state == MessageState.REPEATED, Place.REPEATS_NOTHING),
        else_=Place.OF_NO_REPORT,
    )
    placed = select(col(Message.id).label("number"), place.label("place"))
    return placed.outerjoin(worst, worst.c.message == col(Message.id))


def _reports() -> Select[tuple[int, int]]:
    """Place each report in each of its studies, by the message that brought it."""
    studies = _study_place().subquery()
    labels, pairing = col(Report.labels), col(Report.pairing)
    has_findings = exists().where(col(FindingRow.report_id) == col(Report.id))
    place = case(
        (col(Report.superseded_by).is_not(None), Place.SUPERSEDED),
        (labels == WorkState.FAILED, Place.LABELLING_FAILED),
        (labels.in_(_UNDER_WAY), Place.TO_BE_LABELLED),
        ((labels == WorkState.DONE) & not_(has_findings), Place.LABELLED_WITHOUT_FINDING),
        ((labels == WorkState.HELD) & col(Report.status).in_(_NEVER_LABELLED), Place.NOT_LABELLED),
        (labels == WorkState.HELD, Place.WAITS_FOR_FINAL),
        (pairing == PairingState.REVIEW, Place.PAIRING_FOR_A_PERSON),
        (pairing == PairingState.UNPAIRED, Place.UNPAIRED),
        (studies.c.number.is_(None), Place.PAIRED_WITH_NOTHING),
        else_=studies.c.place,
    )
    placed = select(col(Report.message_id).label("message"), place.label("place"))
    placed = placed.outerjoin(Pairing, col(Pairing.report_id) == col(Report.id))
    return placed.outerjoin(studies, studies.c.number == col(Pairing.study_id))


def _deliveries() -> Select[tuple[int, int]]:
    """Place each structured report at each of its destinations."""
    state = col(Delivery.state)
    place = case(
        (state.is_(None), Place.FOR_NOBODY),
        (state.in_(HANDED_OVER), Place.REPORTED),
        (state.in_(FOR_A_PERSON), Place.REFUSED_BY_DESTINATION),
        (state.in_((DeliveryState.REPLACED, DeliveryState.CANCELLED)), Place.SUPERSEDED),
        else_=Place.ON_ITS_WAY,
    )
    placed = select(col(Document.id).label("number"), place.label("place"))
    return placed.outerjoin(Delivery, col(Delivery.document_id) == col(Document.id))
