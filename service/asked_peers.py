"""Which peers may be asked for studies, and which of them are left alone because they do not answer."""

from datetime import datetime, timedelta

from sqlmodel import Session, select

from config.settings import Peer, Settings
from service.store.fetch_tables import AskedPeer

FIRST_PAUSE = timedelta(seconds=15)


def queried_peers(settings: Settings) -> list[Peer]:
    """Give the peers that may be asked, in the order of the settings."""
    return [peer for peer in settings.peers if "query" in peer.may]


def silent_peers(session: Session) -> dict[str, AskedPeer]:
    """Give the peers that did not answer when they were last asked, by their names."""
    return {row.name: row for row in session.exec(select(AskedPeer).where(AskedPeer.unanswered > 0))}


def answering_peers(session: Session, settings: Settings, now: datetime) -> list[Peer]:
    """Give the peers that may be asked now: those that answer, and those whose pause is over."""
    silent = silent_peers(session)
    resting = {name for name, row in silent.items() if row.next_attempt is not None and row.next_attempt > now}
    return [peer for peer in queried_peers(settings) if peer.name not in resting]


def soonest(session: Session, now: datetime) -> datetime:
    """Give when the first of the peers that are left alone may be asked again."""
    pauses = [row.next_attempt for row in silent_peers(session).values() if row.next_attempt is not None]
    return max(now, min(pauses, default=now))


def note_asked(session: Session, name: str, silence: str | None, now: datetime) -> None:
    """Note that a peer answered, or why it did not."""
    row = session.exec(select(AskedPeer).where(AskedPeer.name == name)).one_or_none() or AskedPeer(name=name)
    if silence is None:
        row.ends()
    else:
        row.lasts(silence, FIRST_PAUSE, now)
    session.add(row)
