"""One attempt to fetch a study: ask the peers for it, have what they have of it sent, and look what came.

A peer's word is not taken for the deed: what counts is what is in the store afterwards.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Engine
from sqlmodel import Session, col, select
from structlog.typing import FilteringBoundLogger

from config.settings import Peer, Settings
from integrations.dicom.arrivals import Intake
from integrations.dicom.calling import Refused, Unreachable
from integrations.dicom.incoming import clear_incoming
from integrations.dicom.retrieve import Incomplete, RetrieveAnswer, Retrieved, UnknownDestination, get_study, move_study
from integrations.dicom.study_queries import FoundStudy
from integrations.dicom.taking import WayIn
from service.archives import look_for
from service.asked_peers import answering_peers, note_asked, queried_peers, soonest
from service.endpoints import endpoint
from service.fetches import held_objects, pause
from service.guard import Edge, Kept, guarded
from service.receiving import Receiving
from service.store.columns import utc_now
from service.store.database import reading, writing
from service.store.fetch_tables import ACCESSION, Fetch
from service.store.objects import ObjectStore
from service.store.states import FetchOrigin, FetchState
from service.store.tables import Study
from service.workflows import Perform

OPEN = (FetchState.WAITING, FetchState.QUEUED)
NOT_AGAIN = "It is not asked for again by itself; use `spinelabel retry` once the cause is mended."


@dataclass(frozen=True)
class Fetcher:
    """What it takes to fetch studies; `door` is where objects of a C-GET go."""

    engine: Engine
    settings: Settings
    door: WayIn
    now: Callable[[], datetime] = utc_now


@dataclass
class _Tried:
    """What an attempt came to: sentences for a person, the studies that were found, and who did not answer."""

    said: list[str] = field(default_factory=list)
    studies: list[dict[str, str]] = field(default_factory=list)
    is_done: bool = False
    has_silent_peer: bool = False


def open_fetcher(engine: Engine, settings: Settings, log: FilteringBoundLogger) -> Fetcher:
    """Prepare to fetch, once in a process; what an earlier one left of unfinished objects is cleared.

    Objects of a C-GET come in by a folder of their own, since the receiver clears its own whenever it starts.
    """
    store = ObjectStore(settings.data, keep_free_bytes=int(settings.storage.keep_free_gb * 1e9))
    incoming = store.incoming / "fetched"
    incoming.mkdir(mode=0o700, exist_ok=True)
    clear_incoming(incoming)
    receiving = Receiving(engine, store, settings)
    intake = Intake(incoming, receiving.persist, receiving.keep_refused)
    return Fetcher(engine, settings, WayIn(intake, settings.dicom.charset, log))


def fetch_study(fetcher: Fetcher, fetch_id: int) -> None:
    """Try once to fetch a study, and write down what came of it.

    An attempt is counted before it begins, so that one which ends the process every time is given up as well.

    Raises:
        SpinelabelError: it cannot be asked for, or the settings of a peer cannot be used.
    """
    with writing(fetcher.engine) as session:
        row = session.get_one(Fetch, fetch_id)
        if row.state not in OPEN:
            return
        row.attempts, row.begun = row.attempts + 1, fetcher.now()
        session.add(row)
    tried = _try(fetcher, row) if row.attempts <= fetcher.settings.fetch.tries else _Tried([row.answer])
    with writing(fetcher.engine) as session:
        current = session.get_one(Fetch, fetch_id)
        if current.state in OPEN:
            _note(session, current, tried, fetcher)
            session.add(current)


def fetch_performer(fetcher: Fetcher, log: FilteringBoundLogger) -> Perform:
    """Give the function for the work of fetching, with its edge around it."""
    kept = Kept(Fetch, ("created",), _give_up)
    return guarded(Edge(fetcher.engine, log), lambda fetch, _work_id: fetch_study(fetcher, fetch), kept)


def _give_up(session: Session, fetch_id: int, reason: str) -> None:
    row = session.get_one(Fetch, fetch_id)
    row.state, row.answer = FetchState.GIVEN_UP, reason
    session.add(row)


def _try(fetcher: Fetcher, row: Fetch) -> _Tried:
    tried = _Tried()
    if row.origin == FetchOrigin.REPORT and _came_by_itself(fetcher, row):
        tried.said, tried.is_done = ["It came by itself."], True
        return tried
    with reading(fetcher.engine) as session:
        peers = answering_peers(session, fetcher.settings, fetcher.now())
    for resting in sorted({peer.name for peer in queried_peers(fetcher.settings)} - {peer.name for peer in peers}):
        tried.has_silent_peer = True
        tried.said.append(f"{resting} does not answer at present.")
    for peer in peers:
        _ask(fetcher, row, peer, tried)
        if tried.is_done:
            break
    return tried


def _came_by_itself(fetcher: Fetcher, row: Fetch) -> bool:
    key = col(Study.accession) if row.by == ACCESSION else col(Study.study_uid)
    with reading(fetcher.engine) as session:
        found = select(Study.id).where(key == row.wanted, col(Study.last_image).is_not(None))
        return session.exec(found).first() is not None


def _ask(fetcher: Fetcher, row: Fetch, peer: Peer, tried: _Tried) -> None:
    """Ask one peer for a study, and have it sent if it is there."""
    answer = look_for(fetcher.settings, peer, row.by, row.wanted, row.study_uid)
    silence = answer.reason if isinstance(answer, Unreachable) else None
    with writing(fetcher.engine) as session:
        note_asked(session, peer.name, silence, fetcher.now())
    if isinstance(answer, Unreachable):
        tried.has_silent_peer = True
        tried.said.append(f"{peer.name} does not answer: {answer.reason}.")
        return
    if answer.sentence:
        tried.said.append(answer.sentence)
    if answer.studies:
        tried.studies = [{"study_uid": study.study_uid, "peer": peer.name} for study in answer.studies]
        came = [_retrieve(fetcher, peer, study, tried) for study in answer.studies]
        tried.is_done = all(came) and not answer.sentence


def _retrieve(fetcher: Fetcher, peer: Peer, study: FoundStudy, tried: _Tried) -> bool:
    """Have a study sent in the ways that the settings allow, and tell whether all of it is here."""
    if _is_here(fetcher, study):
        tried.said.append(f"All that {peer.name} has of it is here.")
        return True
    title = fetcher.settings.dicom.ae_title
    for way in peer.retrieve:
        if way == "move":
            answer = move_study(peer, title, study.study_uid)
        else:
            answer = get_study(peer, title, study.study_uid, fetcher.door)
        tried.said.append(_said(fetcher.settings, peer, answer))
        if isinstance(answer, Retrieved):
            return _has_come(fetcher, peer, study, tried)
    return False


def _is_here(fetcher: Fetcher, study: FoundStudy) -> bool:
    with reading(fetcher.engine) as session:
        held = held_objects(session, study.study_uid)
    return study.instances is not None and held >= study.instances > 0


def _has_come(fetcher: Fetcher, peer: Peer, study: FoundStudy, tried: _Tried) -> bool:
    """Compare what is here with what the peer has, after it said that all was sent."""
    with reading(fetcher.engine) as session:
        held = held_objects(session, study.study_uid)
    if held == 0:
        tried.said.append(f"None of it has come here. {_place(fetcher.settings, peer)}")
        return False
    if study.instances is not None and held < study.instances:
        tried.said.append(f"{peer.name} has {study.instances} objects of it, and {held} are here.")
        return False
    return True


def _said(settings: Settings, peer: Peer, answer: RetrieveAnswer) -> str:
    """Say what became of one retrieval, and to whom it falls."""
    name = peer.name
    if isinstance(answer, Retrieved):
        return f"{name} sent {'1 object' if answer.sent == 1 else f'{answer.sent} objects'}."
    if isinstance(answer, UnknownDestination):
        return f"{name} does not know our title as a move destination (A801H): {_entry(settings)}."
    if isinstance(answer, Incomplete):
        counted = f"{name} sent {answer.sent} objects and failed with {answer.failed} ({answer.status:04X}H)."
        return counted if answer.sent else f"{counted} {_place(settings, peer)}"
    if isinstance(answer, Refused):
        status = "" if answer.status is None else f" ({answer.status:04X}H)"
        return f"{name} does not send it{status}: {answer.comment}."
    return f"{name} did not send it: {answer.reason}."


def _place(settings: Settings, peer: Peer) -> str:
    if "move" not in peer.retrieve:
        return "See the log for objects that were refused."
    return f"If it sends elsewhere, {_entry(settings)}; else see the log for objects that were refused."


def _entry(settings: Settings) -> str:
    """Say what the administrator of a PACS must enter there for us."""
    host = settings.dicom.host
    if host in {"0.0.0.0", "::"}:  # noqa: S104  # not bound here
        host = "the address of this machine"
    port = settings.dicom.port or endpoint(settings.data, "receive") or "that of `dicom.port`"
    return f"enter {settings.dicom.ae_title}, host {host}, port {port} there"


def _note(session: Session, row: Fetch, tried: _Tried, fetcher: Fetcher) -> None:
    """Write down what an attempt came to, and when the next one is due."""
    now = fetcher.now()
    said = " ".join(filter(None, tried.said))
    row.studies = tried.studies or row.studies
    if tried.is_done:
        row.state, row.answer = FetchState.DONE, said
        return
    if tried.has_silent_peer:  # it may have the study, so this was no try
        row.attempts -= 1
    if row.attempts >= fetcher.settings.fetch.tries:
        row.state, row.answer = FetchState.GIVEN_UP, f"{said} {NOT_AGAIN}".strip()
        return
    row.state = FetchState.WAITING
    row.next_attempt = max(now + pause(row.attempts), soonest(session, now) if tried.has_silent_peer else now)
    row.answer = f"{said} It is asked for again from {row.next_attempt:%Y-%m-%d %H:%M:%S} UTC."
