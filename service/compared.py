"""The ledger held against an archive by C-FIND: has it what it took, and has it more of a study than came here."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Engine, func
from sqlmodel import col, select

from config.settings import Peer
from integrations.dicom.calling import Refused, Unreachable
from integrations.dicom.query import Found, find_studies, has_object
from integrations.dicom.study_queries import StudyQuery
from service.seeking import uids_of
from service.store.database import reading
from service.store.objects import ObjectStore
from service.store.states import HANDED_OVER
from service.store.tables import Delivery, Document, Instance, Series, Study, row_id

MOST_ANSWERS = 5


@dataclass(frozen=True)
class Comparison:
    """What an archive has, against what is kept here.

    `lacking` and `fuller` are sentences for a person; `unanswered` says why not everything could be asked.
    """

    documents: int
    studies: int
    lacking: tuple[str, ...]
    fuller: tuple[str, ...]
    unanswered: str = ""

    @property
    def agrees(self) -> bool:
        """Tell whether the archive has what it took and nothing that did not come."""
        return not (self.lacking or self.fuller or self.unanswered)


def compare(engine: Engine, store: ObjectStore, peer: Peer, our_ae_title: str) -> Comparison:
    """Ask an archive for each structured report that it took, and for how many objects it has of each study."""
    with reading(engine) as session:
        taken = select(Delivery.id, Document.file).join(Document, col(Document.id) == Delivery.document_id)
        taken = taken.where(Delivery.destination == peer.name, col(Delivery.state).in_(HANDED_OVER))
        documents = [(number or 0, file) for number, file in session.exec(taken.order_by(col(Delivery.id)))]
        studies = [(row_id(study), study.study_uid) for study in session.exec(select(Study).order_by(col(Study.id)))]
    lacking: list[str] = []
    fuller: list[str] = []
    try:
        lacking.extend(_lacking(store, peer, our_ae_title, documents))
        fuller.extend(_fuller(engine, peer, our_ae_title, studies))
    except _UnansweredError as error:
        return Comparison(len(documents), len(studies), tuple(lacking), tuple(fuller), str(error))
    return Comparison(len(documents), len(studies), tuple(lacking), tuple(fuller))


class _UnansweredError(Exception):
    """The archive does not answer, or refuses to."""


def _lacking(store: ObjectStore, peer: Peer, title: str, documents: Sequence[tuple[int, str]]) -> Iterator[str]:
    for number, file in documents:
        answer = has_object(peer, title, uids_of(store, file))
        if isinstance(answer, Refused | Unreachable):
            raise _UnansweredError(_said(peer, answer))
        if not answer:
            remedy = f"`spinelabel outbox retry {number} --lost` sends it again."
            yield f"{peer.name} took delivery {number} and does not have it; {remedy}"


def _fuller(engine: Engine, peer: Peer, title: str, studies: Sequence[tuple[int, str]]) -> Iterator[str]:
    for number, study_uid in studies:
        answer = find_studies(peer, title, StudyQuery(study_uid=study_uid), MOST_ANSWERS)
        if not isinstance(answer, Found):
            raise _UnansweredError(_said(peer, answer))
        there = max((study.instances or 0 for study in answer.studies), default=0)
        missing = there - _known(engine, number, peer.name)
        if missing > 0:
            yield (
                f"{peer.name} has {missing} objects of study {number} that never came; have it forward the study again."
            )


def _known(engine: Engine, study: int, destination: str) -> int:
    """Count a study's objects that came, each SOP instance once, and the documents that the destination took."""
    came = select(func.count(func.distinct(Instance.sop_instance_uid))).join(Series).where(Series.study_id == study)
    taken = select(func.count()).select_from(Delivery).join(Document, col(Document.id) == Delivery.document_id)
    taken = taken.where(Document.study_id == study, Delivery.destination == destination)
    with reading(engine) as session:
        return session.exec(came).one() + session.exec(taken.where(Delivery.attempts > 0)).one()


def _said(peer: Peer, answer: Refused | Unreachable) -> str:
    said = answer.comment if isinstance(answer, Refused) else answer.reason
    return f"{peer.name} could not be asked for everything: {said}."
