"""Studies and objects that a peer has, as Query SCU of the Study Root (PS3.4, Annex C)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import build_context
from pynetdicom.association import Association

from config.settings import Peer
from integrations.dicom.calling import Refused, Unreachable, call_peer
from integrations.dicom.study_queries import (
    FoundStudy,
    StudyQuery,
    identifier_of,
    is_answer,
    number_of,
    read_answer,
    study_identifier,
    text_of,
)
from integrations.dicom.study_root import FIND
from integrations.dicom.treatments import Treatment, outcome_of

MOST_STUDIES = 200
_MOST_SERIES = 1_000
_MOST_INSTANCES = 20_000
_MOST_AFTER_CANCEL = 1_000  # answers that a peer may still send before the association is aborted

Answer = TypeVar("Answer")

_Answered = Literal["complete", "an answer", "complete if we cancelled, else refused", "tried again", "refused"]

TREATMENTS: tuple[Treatment[_Answered], ...] = (
    Treatment(0x0000, 0x0000, "complete"),
    Treatment(0xFF00, 0xFF01, "an answer"),  # with FF01H some keys were not matched by; we check either way
    Treatment(0xFE00, 0xFE00, "complete if we cancelled, else refused"),
    Treatment(0xA700, 0xA7FF, "tried again"),
    Treatment(0x0001, 0xFFFF, "refused"),
)
"""What is made of the statuses of a C-FIND (PS3.4, table C.4-1); the first that fits counts."""


@dataclass(frozen=True)
class Found:
    """The studies that fit; `dropped` answers did not fit, and `is_cut` says that there were more than we take."""

    studies: tuple[FoundStudy, ...]
    dropped: int = 0
    is_cut: bool = False


@dataclass(frozen=True)
class ObjectUids:
    """What names an object at each level."""

    study: str
    series: str
    instance: str


def find_studies(
    peer: Peer, our_ae_title: str, query: StudyQuery, most: int = MOST_STUDIES
) -> Found | Refused | Unreachable:
    """Ask a peer for studies, and hold its answers against what was asked.

    Modalities and the number of instances are counted up from series and instances where the peer does not give them
    with the study.

    Args:
        peer: who is asked.
        our_ae_title: the calling AE title.
        query: what is asked.
        most: answers after which the peer is told to stop (C-CANCEL).

    Raises:
        Unaskable: a key cannot be asked for.
    """
    identifier = study_identifier(query)

    def find(asking: "_Asking") -> Found:
        answers, is_cut = asking.ask(identifier, most)
        read = [read_answer(answer) for answer in answers]
        studies = {study.study_uid: study for study in read if is_answer(study, query)}
        completed = tuple(_completed(asking, study) for study in studies.values())
        fitting = tuple(study for study in completed if is_answer(study, query))
        return Found(fitting, dropped=len(read) - len(fitting), is_cut=is_cut)

    return _on_association(peer, our_ae_title, find)


def has_object(peer: Peer, our_ae_title: str, uids: ObjectUids) -> bool | Refused | Unreachable:
    """Ask a peer whether it has an object, at the level of images, and hold its answers against what was asked."""
    identifier = _below(uids.study, uids.series)
    identifier.SOPInstanceUID = uids.instance

    def find(asking: "_Asking") -> bool:
        answers, _ = asking.ask(identifier, _MOST_INSTANCES)
        return any(text_of(answer, "SOPInstanceUID") == uids.instance for answer in answers)

    return _on_association(peer, our_ae_title, find)


def _on_association(
    peer: Peer, our_ae_title: str, find: "Callable[[_Asking], Answer]"
) -> Answer | Refused | Unreachable:
    contexts = [build_context(FIND, [ExplicitVRLittleEndian, ImplicitVRLittleEndian])]
    association = call_peer(peer, our_ae_title, contexts)
    if not isinstance(association, Association):
        return association
    try:
        return find(_Asking(association, peer.name))
    except _NoResultError as ended:
        return ended.answer
    finally:
        if association.is_established:
            association.release()


class _NoResultError(Exception):
    """The peer gave no result."""

    def __init__(self, answer: Refused | Unreachable) -> None:
        super().__init__()
        self.answer = answer


class _Asking:
    """Questions on one association."""

    def __init__(self, association: Association, peer: str) -> None:
        self._association = association
        self._peer = peer
        self._message = 0

    def ask(self, identifier: Dataset, most: int) -> tuple[list[Dataset], bool]:
        """Give the answers to a question, and whether there were more than `most`.

        Raises:
            _NoResultError: it refused, or went away.
        """
        if not self._association.is_established:
            raise _NoResultError(Unreachable(f"{self._peer} ended the association"))
        self._message += 1
        answers: list[Dataset] = []
        surplus = 0
        for answer in self._answers(identifier, most):
            if len(answers) < most:
                answers.append(answer)
                continue
            surplus += 1
            if surplus == 1:
                self._association.send_c_cancel(self._message, query_model=FIND)
            if surplus > _MOST_AFTER_CANCEL:
                self._association.abort()
                break
        return answers, surplus > 0

    def _answers(self, identifier: Dataset, most: int) -> Iterator[Dataset]:
        count = 0
        for status, answer in self._association.send_c_find(identifier, FIND, msg_id=self._message):
            if "Status" not in status:
                reason = f"{self._peer} ended the association, or its time ran out, before it had answered"
                raise _NoResultError(Unreachable(reason))
            code, comment = int(status.Status), str(status.get("ErrorComment", "") or "")
            match outcome_of(TREATMENTS, code):
                case "an answer" if answer is not None:
                    count += 1
                    yield answer
                case "complete if we cancelled, else refused" if count > most:
                    return
                case "tried again":
                    raise _NoResultError(Unreachable(f"{code:04X}H {comment}".strip()))
                case "refused" | "complete if we cancelled, else refused":
                    raise _NoResultError(Refused(code, comment or "it does not answer the question"))


def _completed(asking: _Asking, study: FoundStudy) -> FoundStudy:
    """Count up from its series what a peer does not say of a study."""
    if study.instances is not None and study.modalities:
        return study
    series, _ = asking.ask(_below(study.study_uid), _MOST_SERIES)
    ours = [each for each in series if text_of(each, "StudyInstanceUID") in {"", study.study_uid}]
    modalities = study.modalities or tuple(sorted({text_of(each, "Modality") for each in ours} - {""}))
    instances = study.instances
    if instances is None:
        counts = [_count(asking, study.study_uid, each) for each in ours]
        instances = sum(count for count in counts if count is not None) if None not in counts and counts else None
    return replace(study, modalities=modalities, instances=instances)


def _count(asking: _Asking, study_uid: str, series: Dataset) -> int | None:
    """Give how many instances a series has, counted one by one where the peer does not say."""
    told = number_of(series, "NumberOfSeriesRelatedInstances")
    series_uid = text_of(series, "SeriesInstanceUID")
    if told is not None or not series_uid:
        return told
    instances, is_cut = asking.ask(_below(study_uid, series_uid), _MOST_INSTANCES)
    return None if is_cut else len({text_of(each, "SOPInstanceUID") for each in instances} - {""})


def _below(study_uid: str, series_uid: str = "") -> Dataset:
    """Write the identifier that asks for the series of a study, or for the instances of a series."""
    values = {"StudyInstanceUID": study_uid, "SeriesInstanceUID": series_uid}
    return identifier_of("IMAGE" if series_uid else "SERIES", values)
