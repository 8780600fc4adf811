"""A back-load campaign: its studies as rows, fetched one after the other, and how far they have come."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Engine
from sqlmodel import col, select

from config.settings import Peer, Settings
from integrations.dicom.calling import Unreachable
from service.archives import look_for
from service.fetches import Wanted, want
from service.store.database import reading, writing
from service.store.fetch_tables import Fetch
from service.store.states import FetchState
from service.store.tables import row_id

AT_A_TIME = 500

T = TypeVar("T")


@dataclass(frozen=True)
class Begun:
    """The rows of a campaign; `is_new` counts those that were asked for by nobody before."""

    fetches: tuple[int, ...]
    is_new: int


@dataclass(frozen=True)
class Given:
    """What one archive would give for one study."""

    wanted: str
    peer: str
    studies: int
    objects: int | None
    sentence: str


def begin_campaign(engine: Engine, wanted: Sequence[Wanted], now: datetime) -> Begun:
    """Write down what a campaign asks for; what was asked for before is not asked twice, and given-up ones go on.

    A part at a time, so that nobody else waits long for the database.
    """
    fetches, is_new = [], 0
    for part in _parts(wanted):
        with writing(engine) as session:
            for each in part:
                row, new = want(session, each, now)
                is_new += new
                if row.state == FetchState.GIVEN_UP:
                    row.state, row.attempts, row.next_attempt = FetchState.WAITING, 0, now
                    session.add(row)
                fetches.append(row_id(row))
    return Begun(tuple(fetches), is_new)


def campaign_rows(engine: Engine, fetches: Sequence[int]) -> list[Fetch]:
    """Give the rows of a campaign as they stand."""
    with reading(engine) as session:
        return [
            row
            for part in _parts(fetches)
            for row in session.exec(select(Fetch).where(col(Fetch.id).in_(part)).order_by(col(Fetch.id)))
        ]


def _parts(items: Sequence[T]) -> Iterator[Sequence[T]]:
    return (items[start : start + AT_A_TIME] for start in range(0, len(items), AT_A_TIME))


def would_give(settings: Settings, peers: Sequence[Peer], wanted: Wanted) -> Given:
    """Ask the archives for a study without fetching it; the first that has it answers for all."""
    said = []
    for peer in peers:
        answer = look_for(settings, peer, wanted.by, wanted.value)
        if isinstance(answer, Unreachable):
            said.append(f"{peer.name} does not answer: {answer.reason}.")
            continue
        if answer.studies:
            counts = [study.instances for study in answer.studies]
            objects = sum(count for count in counts if count is not None) if None not in counts else None
            return Given(wanted.value, peer.name, len(answer.studies), objects, answer.sentence)
        said.append(answer.sentence)
    return Given(wanted.value, "", 0, None, " ".join(said))
