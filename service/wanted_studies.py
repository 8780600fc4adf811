"""Reports whose study has not come: the study is asked for at the peers that may be queried."""

from datetime import datetime, timedelta

from sqlalchemy import Engine, exists
from sqlmodel import col, select

from config.settings import Settings
from service.asked_peers import queried_peers
from service.fetches import Wanted, want
from service.set_back import lies_ahead
from service.store.database import reading, writing
from service.store.fetch_tables import ACCESSION, STUDY_UID, Fetch
from service.store.states import FetchOrigin, PairingState, WorkState
from service.store.tables import OrderNumber, Report

LOOK_BACK = timedelta(days=7)
"""How old a report may be whose study is asked for by itself, so that an old database does not flood an archive."""
AT_A_TIME = 100


def want_studies_of_reports(engine: Engine, settings: Settings, now: datetime) -> int:
    """Ask for the studies of reports that have waited long enough; gives how many are new.

    A report that is not to be labelled yet, such as a preliminary one, or that a person has to decide about, asks for
    nothing. One with accession numbers has a study asked for by each, and by its study UID where that finds none.
    """
    if not queried_peers(settings):
        return 0
    waits = (
        col(Report.superseded_by).is_(None),
        col(Report.pairing) == PairingState.UNPAIRED,
        col(Report.labels) != WorkState.HELD,
        col(Report.received) > now - LOOK_BACK,
        (col(Report.received) <= now - timedelta(seconds=settings.fetch.wait_seconds))
        | lies_ahead(Report.received, now),
    )
    number_asked = exists().where(col(Fetch.by) == ACCESSION, col(Fetch.wanted) == OrderNumber.number)
    uid_asked = exists().where(col(Fetch.by) == STUDY_UID, col(Fetch.wanted) == Report.study_uid)
    has_number = exists().where(col(OrderNumber.report_id) == Report.id, col(OrderNumber.is_accession))
    by_number = (
        select(OrderNumber.number, Report.study_uid)
        .join(Report)
        .where(*waits, col(OrderNumber.is_accession), col(OrderNumber.number) != "", ~number_asked)
    )
    by_uid = select(Report.study_uid).where(*waits, col(Report.study_uid) != "", ~has_number, ~uid_asked)
    with reading(engine) as session:
        wanted = [
            Wanted(ACCESSION, number, FetchOrigin.REPORT, study_uid)
            for number, study_uid in session.exec(by_number.limit(AT_A_TIME))
        ]
        wanted += [Wanted(STUDY_UID, uid, FetchOrigin.REPORT) for uid in session.exec(by_uid.limit(AT_A_TIME))]
    if not wanted:
        return 0
    with writing(engine) as session:
        return sum(is_new for _, is_new in [want(session, each, now) for each in wanted])
