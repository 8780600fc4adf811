"""Studies as lines of a list, each with a sentence on where it is; a page of them takes as many queries as one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import func
from sqlmodel import Session, col, select

from config.settings import Settings
from service.completion import Due, NotYet, document_due
from service.destinations import Outlook, outlook, silent_destinations
from service.progress import studies_progress
from service.rest import images_due
from service.store.states import FOR_A_PERSON, HANDED_OVER, DeliveryState, WorkState
from service.store.tables import Delivery, Document, Instance, Patient, Series, Study, row_id


@dataclass(frozen=True)
class Standing:
    """Where something is: a word for its colour, a sentence, and until when it waits, where that is known.

    The word is one of `waits`, `works`, `done`, `person` (somebody has to decide) and `quiet` (nothing to do).
    """

    word: str
    sentence: str
    until: datetime | None = None


@dataclass(frozen=True)
class StudyLine:
    """One study in a list."""

    link: str
    accession: str
    patient: str
    description: str
    received: datetime
    objects: int
    standing: Standing


def study_lines(
    session: Session, settings: Settings, found: Sequence[tuple[Study, Patient]], now: datetime
) -> list[StudyLine]:
    """Give studies as lines, in the order given."""
    studies = [study for study, _ in found]
    numbers = [row_id(study) for study in studies]
    counted = select(Series.study_id, func.count()).join(Instance).where(col(Series.study_id).in_(numbers))
    objects = dict(session.exec(counted.group_by(col(Series.study_id))).all())
    standings = study_standings(session, settings, studies, now)
    return [
        StudyLine(
            link=study.link,
            accession=study.accession,
            patient=patient.name.replace("^", " ").strip(),
            description=study.description,
            received=study.first_received,
            objects=objects.get(row_id(study), 0),
            standing=standings[row_id(study)],
        )
        for study, patient in found
    ]


def study_standings(
    session: Session, settings: Settings, studies: Sequence[Study], now: datetime
) -> dict[int, Standing]:
    """Give where each study is, by its number."""
    progress = studies_progress(session, studies)
    newest = _newest_deliveries(session, [row_id(study) for study in studies])
    outlooks = delivery_outlooks(session, settings, [each for deliveries in newest.values() for each in deliveries])
    standings = {}
    for study in studies:
        number = row_id(study)
        images = images_due(session, study, progress[number], settings, now)
        waits = _Waits(document_due(progress[number], settings.pairing, now), images)
        deliveries = [(each, outlooks[row_id(each)]) for each in newest.get(number, [])]
        standings[number] = _with_images(study, _standing(study, waits, deliveries))
    return standings


def delivery_outlooks(session: Session, settings: Settings, deliveries: Sequence[Delivery]) -> dict[int, Outlook]:
    """Give what is to be said of each delivery, by its number."""
    silent = silent_destinations(session)
    peers = {peer.name for peer in settings.peers}
    return {row_id(delivery): outlook(delivery, silent, peers) for delivery in deliveries}


def _newest_deliveries(session: Session, numbers: Sequence[int]) -> dict[int, list[Delivery]]:
    """Give the deliveries of each study's newest documents, one for each destination."""
    newest: dict[tuple[int, str], Delivery] = {}
    found = select(Document.study_id, Delivery).join(Delivery).where(col(Document.study_id).in_(numbers))
    for number, delivery in session.exec(found.order_by(col(Delivery.id))):
        newest[number, delivery.destination] = delivery
    by_study: dict[int, list[Delivery]] = {}
    for (number, _), delivery in newest.items():
        by_study.setdefault(number, []).append(delivery)
    return by_study


@dataclass(frozen=True)
class _Waits:
    """Whether the structured report can be written, and the images be read."""

    document: Due | NotYet
    images: Due | NotYet


def _standing(study: Study, waits: _Waits, deliveries: Sequence[tuple[Delivery, Outlook]]) -> Standing:
    if study.review_reason:
        return Standing("person", study.review_reason)
    if study.document == WorkState.FAILED or study.images == WorkState.FAILED:
        reason = study.document_reason if study.document == WorkState.FAILED else study.images_reason
        return Standing("person", reason)
    if study.document == WorkState.WAITING:
        if isinstance(waits.document, NotYet):
            return Standing("waits", f"It {waits.document.reason}.", waits.document.until)
        return Standing("works", "Its structured report is about to be written.")
    if study.document == WorkState.QUEUED:
        return Standing("works", "Its structured report is being written.")
    if study.images == WorkState.WAITING and isinstance(waits.images, NotYet):
        return Standing("waits", f"It {waits.images.reason}.", waits.images.until)
    if study.images in {WorkState.WAITING, WorkState.QUEUED}:
        return Standing("waits", "It waits for its images to be read.")
    if study.document_reason:
        return Standing("person" if "by hand" in study.document_reason else "quiet", study.document_reason)
    return _delivery_standing(deliveries)


def _with_images(study: Study, standing: Standing) -> Standing:
    """Add why nothing was found in the images, where no series could be read."""
    if study.images != WorkState.DONE or study.series_read is not None or not study.images_reason:
        return standing
    return replace(standing, sentence=f"{standing.sentence} Images: {study.images_reason}.".replace("..", "."))


def _delivery_standing(deliveries: Sequence[tuple[Delivery, Outlook]]) -> Standing:
    if not deliveries:
        return Standing("quiet", "It has no structured report.")
    said = "; ".join(f"{each.destination}: {each.state}. {view.sentence}".strip() for each, view in deliveries)
    states = {delivery.state for delivery, _ in deliveries}
    if not states.isdisjoint(FOR_A_PERSON):
        return Standing("person", said)
    if states <= {*HANDED_OVER, DeliveryState.CANCELLED, DeliveryState.REPLACED}:
        return Standing("done", said)
    return Standing("works", said)
