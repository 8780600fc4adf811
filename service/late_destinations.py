"""What a destination gets that was added to the settings after structured reports were written: the current ones."""

from datetime import datetime

from sqlalchemy import func
from sqlmodel import Session, col, select

from config.settings import Destination, Settings
from service.decisions import find_study
from service.errors import UnknownItem
from service.results import results_changed
from service.store.states import DeliveryState
from service.store.tables import Delivery, Document, row_id


def send_current(session: Session, settings: Settings, peer: str, study: str | None, now: datetime) -> int:
    """Put the newest structured report of each study, or of one, on its way to a destination; gives how many.

    Where the destination accepts other findings than those it was written for, one is written for it. What it got
    before is not sent again, and neither is what has nothing left to say.

    Args:
        session: a writing one.
        settings: where the destination stands.
        peer: the destination's peer.
        study: Study Instance UID or accession number; None for every study.
        now: when it is due.

    Raises:
        UnknownItem: there is no such destination, or not exactly one such study.
    """
    destination = next((each for each in settings.destinations if each.peer == peer), None)
    if destination is None:
        raise UnknownItem(f"{peer} is none of the `destinations`. Add it to the settings file first.")
    newest = select(func.max(Document.id)).group_by(col(Document.study_id), col(Document.accepts))
    found = select(Document).where(col(Document.id).in_(newest)).order_by(col(Document.id))
    if study is not None:
        found = found.where(Document.study_id == row_id(find_study(session, study)))
    by_study: dict[int, dict[str, Document]] = {}
    for document in session.exec(found):
        by_study.setdefault(document.study_id, {})[document.accepts] = document
    return sum(_send(session, number, documents, destination, now) for number, documents in by_study.items())


def _send(
    session: Session, study_id: int, documents: dict[str, Document], destination: Destination, now: datetime
) -> int:
    document = documents.get(destination.accepts)
    if document is None:
        results_changed(session, study_id)
        return 1
    deliveries = session.exec(select(Delivery).where(Delivery.document_id == document.id)).all()
    has_ended = any(each.state == DeliveryState.REPLACED for each in deliveries)
    if has_ended or destination.peer in {each.destination for each in deliveries}:
        return 0
    session.add(Delivery(document_id=row_id(document), destination=destination.peer, next_attempt=now))
    return 1
