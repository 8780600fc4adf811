"""The receipt ledger at the end of a fault test: everything that was received has one outcome, or is open."""

from service.ledger import Ledger, account
from service.store.database import reading
from tests.peers.daemon import Daemon


def assert_closed(daemon: Daemon) -> Ledger:
    """Reconcile what a daemon received; gives the ledger, for what a test knows besides."""
    engine = daemon.engine()
    try:
        with reading(engine) as session:
            ledger = account(session)
    finally:
        engine.dispose()  # nothing stays open, so that its disk can be unmounted
    assert ledger.is_closed, ledger
    return ledger
