"""What one peer has of a study that is looked for, in words where it has nothing of use."""

from collections.abc import Sequence
from dataclasses import dataclass

from config.settings import Peer, Settings
from integrations.dicom.calling import Refused, Unreachable
from integrations.dicom.query import Found, find_studies
from integrations.dicom.study_queries import FoundStudy, StudyQuery, holds
from service.store.fetch_tables import ACCESSION

MOST_STUDIES = 20
"""More studies than these under one accession number are no answer to it."""

_GONE = frozenset({"OFFLINE", "UNAVAILABLE"})


@dataclass(frozen=True)
class InArchive:
    """The studies of a peer that can be fetched, and what is to be said where there are none, or more elsewhere."""

    studies: tuple[FoundStudy, ...]
    sentence: str


def look_for(settings: Settings, peer: Peer, by: str, wanted: str, study_uid: str = "") -> InArchive | Unreachable:
    """Look for a study at a peer, by what names it and, where that finds nothing, by its study UID.

    Raises:
        Unaskable: what names it cannot be asked for.
    """
    queries = [StudyQuery(accession=wanted) if by == ACCESSION else StudyQuery(study_uid=wanted)]
    if study_uid and by == ACCESSION:
        queries.append(StudyQuery(study_uid=study_uid))
    said = InArchive((), "")
    for query in queries:
        answer = find_studies(peer, settings.dicom.ae_title, query, MOST_STUDIES)
        if isinstance(answer, Unreachable):
            return answer
        if isinstance(answer, Refused):
            status = "" if answer.status is None else f" ({answer.status:04X}H)"
            return InArchive((), f"{peer.name} refuses to answer{status}: {answer.comment}.")
        said = _of_use(answer, peer.name, settings.fetch.modalities)
        if answer.studies:
            break
    return said


def _of_use(found: Found, peer: str, modalities: Sequence[str]) -> InArchive:
    if found.is_cut:
        return InArchive((), f"{peer} answers with more than {MOST_STUDIES} studies; it seems to ignore what is asked.")
    if not found.studies:
        left = f"; {found.dropped} answers to another question were left out" if found.dropped else ""
        return InArchive((), f"{peer} knows no such study{left}.")
    wanted = [study for study in found.studies if holds(study.modalities, modalities)]
    if not wanted:
        return InArchive((), f"{peer} has it, but with nothing of {' or '.join(modalities)} in it.")
    here = tuple(study for study in wanted if study.availability not in _GONE)
    if len(here) < len(wanted):
        return InArchive(here, f"{peer} has it offline; have it recalled there.")
    return InArchive(here, "")
