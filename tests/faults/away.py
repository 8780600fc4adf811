"""A PACS that is away for a day: `python -m tests.faults.away --studies 500` prints what came of the day's studies.

Studies and reports go to the real receiver and listener, the structured reports to a real storescp once it is back; the
models answer at once and the clock is moved by hand, so that a day takes minutes.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy import func
from sqlmodel import col, select

from config.settings import Peer
from integrations.dicom.sender import Delivered, send_objects
from service.ledger import account
from service.store.database import reading
from service.store.states import DeliveryState
from service.store.tables import Delivery, Document
from tests.faults.hospital import at_pacs, draw_small
from tests.faults.links import send_message
from tests.faults.soak_site import Site, running_site
from tests.peers.dicom import free_port, running_storescp
from tests.waiting import wait_until

DAY, BACK = timedelta(days=1), timedelta(hours=2)
STEP = timedelta(minutes=20)


@dataclass(frozen=True)
class Away:
    """What came of the studies of a day without a PACS: how often it was tried, and what it had two hours later."""

    studies: int
    attempts_while_away: int
    states: Counter[DeliveryState]
    written: list[str]
    at_pacs: list[str]
    longest_wait: timedelta
    seconds: float
    ledger_closed: bool


def day_without_pacs(folder: Path, studies: int) -> Away:
    """Send studies all day long, have the PACS come back after it, and let two hours pass."""
    began, steps = time.monotonic(), int(DAY / STEP)
    pacs = Peer(name="pacs", ae_title="STORESCP", port=free_port())
    with running_site(folder, pacs) as site:
        for step in range(steps):
            for number in range(step * studies // steps, (step + 1) * studies // steps):
                _send(site, folder, number)
            _pass(site)
        with reading(site.engine) as session:
            attempts = session.exec(select(func.sum(Delivery.attempts))).one()
        came_back = site.now()
        with running_storescp(folder / "pacs", "--fork", "--unique-filenames", port=pacs.port):
            for _ in range(int(BACK / STEP)):
                _pass(site)
        with reading(site.engine) as session:
            found = session.exec(select(Delivery.state)).all()
            last = session.exec(select(func.max(Delivery.delivered))).one()
            return Away(
                studies=studies,
                attempts_while_away=attempts or 0,
                states=Counter(map(DeliveryState, found)),
                written=sorted(session.exec(select(Document.sop_instance_uid).order_by(col(Document.id)))),
                at_pacs=at_pacs(folder / "pacs"),
                longest_wait=last - came_back if last else DAY,
                seconds=time.monotonic() - began,
                ledger_closed=account(session).is_closed,
            )


def _send(site: Site, folder: Path, number: int) -> None:
    study = draw_small(folder / "studies", f"away-{number}", images=1)
    us = Peer(name="us", ae_title="SPINELABEL", port=site.port("receive"))
    wait_until(lambda: [type(each) for each in send_objects(study.images, us, "TEST")] == [Delivered], "the image")
    assert b"MSA|AA" in send_message(site.port("listen"), study.message.read_bytes())


def _pass(site: Site) -> None:
    """Let time pass; what becomes due by it is done as it comes."""
    site.work_off()
    site.move_clock(STEP)
    site.work_off()


def main() -> None:
    """Let the PACS be away and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=500)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="spinelabel-away-") as folder:
        away = day_without_pacs(Path(folder), arguments.studies)
    sys.stdout.write(
        f"studies: {away.studies}\nstructured reports written: {len(away.written)}\n"
        f"attempts while the PACS was away: {away.attempts_while_away}\n"
        f"deliveries by state: {dict(away.states)}\n"
        f"at the PACS: {len(away.at_pacs)}, different ones: {len(set(away.at_pacs))}, "
        f"the written ones: {away.at_pacs == away.written}\n"
        f"the last one went {away.longest_wait} after the PACS was back\n"
        f"ledger closed: {away.ledger_closed}\ntook {away.seconds:.0f} s\n"
    )


if __name__ == "__main__":
    main()
