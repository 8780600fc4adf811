"""What archives are asked about studies that we have: how much there is of each, and which earlier ones there are.

Nothing here is work that must be done: an answer that is lost is asked for again.
"""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from config.errors import SpinelabelError
from config.settings import Settings
from integrations.dicom.calling import Unreachable
from integrations.dicom.query import Found, find_studies
from integrations.dicom.study_queries import FoundStudy, StudyQuery, holds
from service.asked_peers import answering_peers, note_asked, queried_peers
from service.fetches import Wanted, want
from service.rest import archived, is_count_due
from service.store.database import reading, writing
from service.store.fetch_tables import STUDY_UID, ArchivedStudy, Fetch
from service.store.states import FetchOrigin, WorkState
from service.store.tables import Patient, Study, row_id
from service.wanted_studies import LOOK_BACK

AT_A_TIME = 20
_SAY_NOTHING = frozenset(
    {"mri", "mrt", "irm", "with", "without", "contrast", "and", "mit", "ohne", "und", "kontrastmittel"}
)


def look_up(engine: Engine, settings: Settings, now: datetime) -> None:
    """Do one round: count studies that have fallen quiet, and look for the priors of others."""
    if not queried_peers(settings):
        return
    for study in _to_count(engine, settings, now):
        _count(engine, settings, study, now)
    if settings.fetch.priors:
        for study, patient in _without_priors(engine, settings, now):
            _want_priors(engine, settings, study, patient, now)


def _to_count(engine: Engine, settings: Settings, now: datetime) -> list[Study]:
    with reading(engine) as session:
        waiting = session.exec(select(Study).where(Study.images == WorkState.WAITING).limit(AT_A_TIME * 10)).all()
        due = [study for study in waiting if is_count_due(study, archived(session, row_id(study)), settings, now)]
    return due[:AT_A_TIME]


def _count(engine: Engine, settings: Settings, study: Study, now: datetime) -> None:
    """Ask how many objects of a study there are; where nobody can say, that is noted too, and not waited for."""
    objects, peer = None, ""
    for name, found in _find(engine, settings, StudyQuery(study_uid=study.study_uid), now):
        counts = [each.instances for each in found if each.instances is not None]
        if counts:
            objects, peer = counts[0], name
            break
    with writing(engine) as session:
        row = _row(session, row_id(study))
        row.objects, row.peer, row.asked = objects, peer, now
        session.add(row)


def _without_priors(engine: Engine, settings: Settings, now: datetime) -> list[tuple[Study, Patient]]:
    """Give studies that have fallen quiet, are no priors themselves, and whose priors were not asked for."""
    asked = select(ArchivedStudy.study_id).where(col(ArchivedStudy.priors_asked).is_not(None))
    priors = select(Fetch.wanted).where(Fetch.origin == FetchOrigin.PRIOR)
    quiet = timedelta(seconds=settings.dicom.study_quiet_seconds)
    found = (
        select(Study, Patient)
        .join(Patient)
        .where(col(Study.first_received) > now - LOOK_BACK, col(Study.last_image) <= now - quiet)
        .where(col(Patient.identifier).is_not(None), col(Study.study_date) != "")
        .where(col(Study.id).not_in(asked), col(Study.study_uid).not_in(priors))
        .limit(AT_A_TIME)
    )
    with reading(engine) as session:
        return [(study, patient) for study, patient in session.exec(found)]


def _want_priors(engine: Engine, settings: Settings, study: Study, patient: Patient, now: datetime) -> None:
    wanted = settings.fetch.modalities
    query = StudyQuery(
        patient_id=patient.identifier or "", modality=wanted[0] if len(wanted) == 1 else "", to_date=study.study_date
    )
    priors: list[FoundStudy] = []
    for _, found in _find(engine, settings, query, now):
        known = {each.study_uid for each in priors} | {study.study_uid}
        priors += [
            each
            for each in found
            if each.study_uid not in known
            and each.study_date
            and holds(each.modalities, wanted)
            and is_of_the_same_part(study.description, each.description)
        ]
    priors.sort(key=lambda each: each.study_date, reverse=True)
    with writing(engine) as session:
        row = _row(session, row_id(study))
        row.priors_asked = now
        session.add(row)
        for prior in priors[: settings.fetch.priors]:
            if session.exec(select(Study.id).where(Study.study_uid == prior.study_uid)).first() is None:
                want(session, Wanted(STUDY_UID, prior.study_uid, FetchOrigin.PRIOR, prior_of=row_id(study)), now)


_Answers = list[tuple[str, Sequence[FoundStudy]]]


def _find(engine: Engine, settings: Settings, query: StudyQuery, now: datetime) -> _Answers:
    """Ask each peer that answers; what cannot be asked has no answer."""
    with reading(engine) as session:
        peers = answering_peers(session, settings, now)
    answers: _Answers = []
    for peer in peers:
        try:
            answer = find_studies(peer, settings.dicom.ae_title, query)
        except SpinelabelError:
            continue
        with writing(engine) as session:
            note_asked(session, peer.name, answer.reason if isinstance(answer, Unreachable) else None, now)
        if isinstance(answer, Found):
            answers.append((peer.name, answer.studies))
    return answers


def is_of_the_same_part(ours: str, theirs: str) -> bool:
    """Tell whether two descriptions of studies share a word that says what was examined."""
    words, others = (set(re.findall(r"\w{3,}", text.casefold())) - _SAY_NOTHING for text in (ours, theirs))
    return bool(words & others)


def _row(session: Session, study_id: int) -> ArchivedStudy:
    return archived(session, study_id) or ArchivedStudy(study_id=study_id)
