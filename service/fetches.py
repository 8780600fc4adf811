"""The rows of studies to fetch: who asks for one, which are due, and what is said of them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, false, func, or_
from sqlmodel import Session, col, select

from config.settings import Settings
from service.asked_peers import answering_peers, queried_peers
from service.pauses import doubling_pause
from service.store.fetch_tables import ACCESSION, STUDY_UID, Fetch
from service.store.states import FetchOrigin, FetchState, ObjectState
from service.store.tables import Delivery, Document, Instance, OrderNumber, Report, Series, Study, row_id

FIRST_PAUSE = timedelta(minutes=1)
AT_ONCE = 2
"""Studies fetched at one time, whatever asked for them."""


@dataclass(frozen=True)
class Wanted:
    """A study that somebody asks for. `by` says what `value` is; `study_uid` is a second way to ask."""

    by: str
    value: str
    origin: FetchOrigin
    study_uid: str = ""
    prior_of: int | None = None


def want(session: Session, wanted: Wanted, now: datetime) -> tuple[Fetch, bool]:
    """Ask for a study, unless it was asked for before; gives the row, and whether it is new."""
    known = session.exec(select(Fetch).where(Fetch.by == wanted.by, Fetch.wanted == wanted.value)).one_or_none()
    if known is not None:
        if known.origin == FetchOrigin.PRIOR:
            known.origin = wanted.origin  # it is wanted for itself now
            session.add(known)
        return known, False
    row = Fetch(
        by=wanted.by,
        wanted=wanted.value,
        study_uid=wanted.study_uid,
        origin=wanted.origin,
        prior_of=wanted.prior_of,
        next_attempt=now,
        created=now,
    )
    session.add(row)
    session.flush()
    return row, True


def due_fetches(session: Session, settings: Settings, now: datetime) -> list[Fetch]:
    """Give the studies to ask for now: what reports wait for first, and of a campaign no more than its rate allows."""
    if not queried_peers(settings) or not answering_peers(session, settings, now):
        return []
    under_way = session.exec(select(func.count()).where(Fetch.state == FetchState.QUEUED)).one()
    due = (
        select(Fetch)
        .where(Fetch.state == FetchState.WAITING, col(Fetch.next_attempt) <= now)
        .order_by(col(Fetch.next_attempt), col(Fetch.id))
    )
    of_campaign = col(Fetch.origin) == FetchOrigin.CAMPAIGN
    chosen = list(session.exec(due.where(~of_campaign).limit(max(0, AT_ONCE - under_way))))
    if under_way + len(chosen) < AT_ONCE and _may_go_on(session, settings, now):
        chosen += session.exec(due.where(of_campaign).limit(1))
    return chosen


def _may_go_on(session: Session, settings: Settings, now: datetime) -> bool:
    """Tell whether the rate of a campaign allows another study."""
    of_campaign = col(Fetch.origin) == FetchOrigin.CAMPAIGN
    last = session.exec(select(func.max(Fetch.begun)).where(of_campaign)).one()
    queued = session.exec(select(Fetch.id).where(of_campaign, Fetch.state == FetchState.QUEUED)).first()
    pause = timedelta(hours=1) / settings.fetch.campaign_per_hour
    return queued is None and (last is None or last + pause <= now)


def pause(attempts: int) -> timedelta:
    """Give how long a study that was asked for so often in vain rests; it doubles from a minute to an hour."""
    return doubling_pause(FIRST_PAUSE, attempts)


def fetches_of(session: Session, accessions: Collection[str], study_uids: Collection[str]) -> list[Fetch]:
    """Give what was asked for by any of these numbers or UIDs, the oldest first."""
    keys: list[ColumnElement[bool]] = [
        and_(col(Fetch.by) == by, col(Fetch.wanted).in_(set(values) - {""}))
        for by, values in ((ACCESSION, accessions), (STUDY_UID, study_uids))
    ]
    return list(session.exec(select(Fetch).where(or_(false(), *keys)).order_by(col(Fetch.id))))


def fetches_of_study(session: Session, study_id: int) -> list[Fetch]:
    """Give what was asked for that is this study, the oldest first."""
    study = session.get_one(Study, study_id)
    return fetches_of(session, [study.accession], [study.study_uid])


def prior_of(session: Session, study: Study) -> Study | None:
    """Give the study that this one was fetched for as an earlier one of the same patient."""
    fetched = select(Fetch.prior_of).where(Fetch.by == STUDY_UID, Fetch.wanted == study.study_uid)
    of = session.exec(fetched.where(col(Fetch.prior_of).is_not(None))).first()
    return session.get(Study, of) if of is not None else None


def priors_among(session: Session, studies: Sequence[Study]) -> set[int]:
    """Give the numbers of the studies that were fetched as earlier ones of others."""
    fetched = select(Fetch.wanted).where(
        Fetch.origin == FetchOrigin.PRIOR, col(Fetch.wanted).in_([study.study_uid for study in studies])
    )
    uids = set(session.exec(fetched))
    return {row_id(study) for study in studies if study.study_uid in uids}


def fetches_of_reports(session: Session, reports: Sequence[Report]) -> dict[int, str]:
    """Say how the fetching of the studies of reports stands, by the number of each report that has any fetched."""
    numbers = select(OrderNumber).where(col(OrderNumber.report_id).in_([row_id(each) for each in reports]))
    accessions: dict[int, list[str]] = {}
    for each in session.exec(numbers.where(col(OrderNumber.is_accession))):
        accessions.setdefault(each.report_id, []).append(each.number)
    uids = [report.study_uid for report in reports]
    found = fetches_of(session, [number for each in accessions.values() for number in each], uids)
    said = {}
    for report in reports:
        ours = {*accessions.get(row_id(report), []), report.study_uid}
        said[row_id(report)] = " ".join(said_of(fetch) for fetch in found if fetch.wanted in ours)
    return {number: sentence for number, sentence in said.items() if sentence}


def said_of(fetch: Fetch) -> str:
    """Say how the fetching of a study stands."""
    if fetch.answer or fetch.state == FetchState.DONE:
        return fetch.answer
    return "It is being asked for." if fetch.state == FetchState.QUEUED else "It will be asked for."


def held_objects(session: Session, study_uid: str) -> int:
    """Give how many objects of a study we have, those among them that we wrote and a destination took."""
    kept = (ObjectState.STORED, ObjectState.HEADER)
    ours = (
        select(Instance.sop_instance_uid, Instance.state).join(Series).join(Study).where(Study.study_uid == study_uid)
    )
    held = {uid for uid, state in session.exec(ours) if state in kept}
    written = (
        select(Document.sop_instance_uid)
        .join(Delivery)
        .join(Study, col(Study.id) == Document.study_id)
        .where(Study.study_uid == study_uid, col(Delivery.delivered).is_not(None))
    )
    return len(held | set(session.exec(written)))
