"""Storage commitment with peers, round by round: what is due goes out, in both directions, however often it is asked.

Everything is in rows, so that a kill at any moment loses nothing: what was under way is due at the next round.
"""

from collections.abc import Callable

from sqlalchemy import Engine

from config.settings import Peer, Settings
from integrations.dicom.commitment_service import CommitmentDoor
from service.commitments import Commitments, report_to
from service.confirmations import Confirmations, ask
from service.seeking import seek
from service.store.columns import utc_now
from service.store.objects import ObjectStore


def commitment_door(engine: Engine, store: ObjectStore, settings: Settings) -> CommitmentDoor:
    """Give where the receiver hands requests and reports to."""
    ours = Commitments(engine, store, settings)
    return CommitmentDoor(
        ours.may_ask, ours.take, ours.examine, ours.settle, Confirmations(engine, store, settings).hear
    )


def commitment_rounds(engine: Engine, store: ObjectStore, settings: Settings) -> list[Callable[[], None]]:
    """Give a job for each peer that may commit, so that none has to wait for another that does not answer."""
    commitments, confirmations = Commitments(engine, store, settings), Confirmations(engine, store, settings)

    def round_with(peer: Peer) -> Callable[[], None]:
        def commit_once() -> None:
            report_to(commitments, peer, utc_now())
            ask(confirmations, peer, utc_now())
            seek(confirmations, peer, utc_now())

        return commit_once

    return [round_with(peer) for peer in settings.peers if "commit" in peer.may]
