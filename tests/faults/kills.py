"""Kills every role of the daemon at durable points and at any moment, and counts what was lost, repeated or broken.

`python -m tests.faults.kills --kills 1000` with stand-ins for the language model, or `--model embedded --kills 30`.
Roles are killed at one time and apart, always with something in hand; senders repeat what was not acknowledged.
"""

import json
import random
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine, func
from sqlmodel import Session, col, select

from config.settings import Peer
from service.endpoints import endpoint
from service.roles import ROLES
from service.second_tries import try_again
from service.store.database import open_database, reading, writing
from service.store.states import DeliveryState
from service.store.tables import Delivery, Document, FindingRow, Report, Study
from service.store.upgrade import upgrade_database
from service.workflows import prepare_workflows
from tests.faults.acknowledged import Record, send_images, send_message
from tests.faults.kill_result import Result, judge
from tests.faults.killed_role import KilledRole, Point, wait_for_death
from tests.odd.dicom.phantom import save_all, t2_series
from tests.peers.chat_server import MODEL, Script, listed, running_chat_server
from tests.peers.dicom import Orthanc, free_port, running_orthanc
from tests.peers.sent import draw, write_message
from tests.waiting import wait_until

POINTS: Mapping[str, tuple[tuple[str, int], ...]] = {
    "receive": (("fsync", 8), ("rename", 3), ("fdatasync", 3), ("unlink", 3), ("sendto", 6), ("write", 6)),
    "listen": (("fdatasync", 2), ("pwrite64", 5), ("sendto", 2)),
    "clock": (("fdatasync", 5), ("pwrite64", 25), ("write", 4)),
    "work": (("fdatasync", 12), ("pwrite64", 40), ("fsync", 2), ("rename", 2), ("sendto", 6)),
    "web": (),
}
"""System calls at which a role is killed, and the highest of their kind in a thread."""
SHARES = {
    "stand-in": {"receive": 0.35, "listen": 0.28, "clock": 0.28, "work": 0.05, "web": 0.04},
    "embedded": {"work": 0.36, "receive": 0.24, "clock": 0.2, "listen": 0.16, "web": 0.04},
}
"""What share of the kills goes to each role, by the language model, which is what takes longest to start."""
LONGEST = {"receive": 6.0, "listen": 6.0, "clock": 6.0, "work": 10.0, "web": 6.0}
"""Seconds after which a role is killed that has not come to its point."""
QUIET_SECONDS = 20.0
AHEAD = 20
SECONDS = 600.0
"""In which everything that is sent must be taken, however often its receiver dies."""


@dataclass
class Campaign:
    """A site under fire. `kills` holds for each what was killed where and what was in hand."""

    folder: Path
    config: Path
    engine: Engine
    record: Record = field(default_factory=Record)
    kills: list[tuple[str, str, dict[str, int]]] = field(default_factory=list)
    is_over: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def in_hand(self) -> dict[str, int]:
        """Count what is being sent, and what is under way in the store, by kind."""
        under_way = ["waiting", "queued"]
        with reading(self.engine) as session:
            counted = {
                "images": select(func.count()).select_from(Study).where(col(Study.images).in_(under_way)),
                "labels": select(func.count()).select_from(Report).where(col(Report.labels).in_(under_way)),
                "documents": select(func.count()).select_from(Study).where(col(Study.document).in_(under_way)),
                "deliveries": select(func.count()).select_from(Delivery).where(col(Delivery.state).in_(under_way)),
            }
            rows = {kind: session.exec(query).one() for kind, query in counted.items()}
        return self.record.under_way() | {kind: count for kind, count in rows.items() if count}

    def progress(self) -> int:
        """Count what work has made: findings, structured reports, deliveries."""
        with reading(self.engine) as session:
            made = [session.exec(select(func.count()).select_from(table)).one() for table in (FindingRow, Document)]
        return sum(made) + self.delivered()

    def delivered(self) -> int:
        with reading(self.engine) as session:
            done = select(func.count()).select_from(Delivery).where(Delivery.state == DeliveryState.DELIVERED)
            return session.exec(done).one()


def run(kills: int, folder: Path, *, embedded: bool = False, seed: int = 1) -> Result:
    """Run a campaign and judge what came of it."""
    with _site(folder, embedded=embedded) as (campaign, orthanc):
        roles = {role: KilledRole(role, campaign.config, campaign.data, folder / f"{role}.log") for role in ROLES}
        with ThreadPoolExecutor(len(ROLES) + 1) as threads:
            traffic = threads.submit(_traffic, campaign, embedded)
            killers = [
                threads.submit(_kill, campaign, roles[role], count, seed)
                for role, count in _shared(kills, SHARES["embedded" if embedded else "stand-in"]).items()
            ]
            try:
                for killer in killers:
                    killer.result()
            finally:
                campaign.is_over.set()
            studies = traffic.result()
        try:
            given_up = _settle(campaign, studies)
        finally:
            for role in roles.values():
                role.stop()
        return judge(campaign, orthanc, studies, given_up)


def _kill(campaign: Campaign, role: KilledRole, kills: int, seed: int) -> None:
    """Kill one role so often, each time with something in hand, and leave it running."""
    chance = random.Random(f"{seed} {role.role}")  # noqa: S311  # which moments, not secrets
    done = 0
    while done < kills:
        # Work is given up after five starts: every other life is long enough for it to get something done.
        is_spared = role.role == "work" and done % 2 == 1
        point = Point() if is_spared else _choose(chance, role.role)
        before = campaign.progress()
        role.start(point)
        at_once = time.monotonic() + chance.uniform(0.1, LONGEST[role.role])
        in_hand: dict[str, int] = {}
        while not wait_for_death(role, at_once):
            in_hand = campaign.in_hand()
            if in_hand and not (is_spared and campaign.progress() == before):
                role.kill()
                point = Point()
        in_hand = in_hand or campaign.in_hand()
        if in_hand:
            done += 1
            with campaign.lock:
                campaign.kills.append((role.role, str(point), in_hand))
    role.start(Point())


def _shared(kills: int, shares: Mapping[str, float]) -> dict[str, int]:
    """Share out the kills; what is left over goes to those with the largest remainders."""
    counts = {role: int(kills * share) for role, share in shares.items()}
    remainders = sorted(shares, key=lambda role: kills * shares[role] % 1, reverse=True)
    for role in remainders[: kills - sum(counts.values())]:
        counts[role] += 1
    return counts


def _choose(chance: random.Random, role: str) -> Point:
    """Choose where a role is to die: mostly at a durable point, if it has any."""
    points = POINTS[role]
    if not points or chance.random() < 0.2:
        return Point()
    syscall, most = chance.choice(points)
    return Point(syscall, chance.randint(1, most))


def _traffic(campaign: Campaign, embedded: bool) -> int:
    """Send studies and reports until the killing is over; gives how many.

    Where many are not delivered yet, earlier ones are sent once more, which must change nothing.
    """
    chance = random.Random(0)  # noqa: S311  # which study, not secrets
    written: list[tuple[tuple[Path, ...], bytes]] = []
    while not campaign.is_over.is_set() or len(written) < 2:
        if len(written) - campaign.delivered() < AHEAD:
            written.append(_write(campaign.folder / "sent", len(written) + 1, embedded=embedded))
            images, message = written[-1]
        else:
            images, message = chance.choice(written)
        _send(campaign, images, message)
    return len(written)


def _send(campaign: Campaign, images: Sequence[Path], message: bytes) -> None:
    until = time.monotonic() + SECONDS
    with ThreadPoolExecutor(2) as senders:
        sent = [
            senders.submit(send_message, campaign.record, message, lambda: endpoint(campaign.data, "listen"), until),
            senders.submit(send_images, campaign.record, images, lambda: _peer(campaign), until),
        ]
        for each in sent:
            each.result()


def _write(folder: Path, number: int, *, embedded: bool) -> tuple[tuple[Path, ...], bytes]:
    """Write a study; gives its images and the message about it without framing."""
    study = folder / str(number)
    if embedded:
        drawn = draw(study, number)
        return drawn.images, drawn.message.read_bytes()[1:-2]
    images = t2_series(f"kills-{number}")
    save_all(images, study)
    paths = tuple(sorted(study.iterdir()))
    return paths, write_message(images[0], "FINDINGS: Canal stenosis.", folder).read_bytes()[1:-2]


def _peer(campaign: Campaign) -> Peer | None:
    port = endpoint(campaign.data, "receive")
    return Peer(name="us", ae_title="SPINELABEL", port=port) if port else None


def _settle(campaign: Campaign, studies: int) -> int:
    """Wait until every study came through; gives how many pieces of work a person had to have tried again."""
    given_up = 0

    def is_through() -> bool:
        nonlocal given_up
        if campaign.delivered() >= studies and not campaign.in_hand():
            return True
        with reading(campaign.engine) as session:
            failed = sum(_failed(session, column) for column in (Study.images, Study.document, Report.labels))
        if failed:
            with writing(campaign.engine) as session:
                given_up += try_again(session)
        return False

    wait_until(is_through, f"{studies} studies to come through", 1800)
    return given_up


def _failed(session: Session, column: Any) -> int:
    return session.exec(select(func.count()).where(column == "failed")).one()


@contextmanager
def _site(folder: Path, *, embedded: bool) -> Iterator[tuple[Campaign, Orthanc]]:
    config, data = folder / "site.yaml", folder / "data"
    with ExitStack() as stack:
        orthanc = stack.enter_context(running_orthanc(folder / "orthanc", DicomAlwaysAllowFind=True))
        pacs = orthanc.dicom
        values: dict[str, Any] = {
            "data": str(data),
            "peers": [{"name": "pacs", "ae_title": pacs.ae_title, "port": pacs.port, "may": []}],
            "dicom": {"port": free_port(), "study_quiet_seconds": QUIET_SECONDS},
            "hl7": {"port": free_port()},
            "web": {"port": free_port()},
            "destinations": [{"peer": "pacs", "accepts": "trial"}],
            "images": {"classifiers": "demonstration"},
            "storage": {"keep_free_gb": 0.1},
        }
        if not embedded:
            url = stack.enter_context(running_chat_server(Script(lambda _: listed(("yes", -0.1), ("no", -2.5)))))
            values["reports"] = {"server": {"url": url, "model": MODEL}}
        config.write_text(yaml.safe_dump(values))
        upgrade_database(data)
        prepare_workflows(data)
        yield Campaign(folder, config, open_database(data)), orthanc


def main(
    kills: Annotated[int, typer.Option(help="How many kills in all.")] = 1000,
    model: Annotated[str, typer.Option(help="`stand-in` or `embedded`.")] = "stand-in",
    seed: Annotated[int, typer.Option(help="Decides the points and moments.")] = 1,
) -> None:
    """Run a campaign and print what came of it."""
    with tempfile.TemporaryDirectory(prefix="spinelabel-kills-") as folder:
        began = time.monotonic()
        result = run(kills, Path(folder), embedded=model == "embedded", seed=seed)
    console = Console(width=120)
    table = Table("Role", "Kills", "At")
    by_role = Counter(role for role, _, _ in result.kills)
    for role in ROLES:
        at = Counter(point.split(". ")[-1] for name, point, _ in result.kills if name == role)
        table.add_row(role, str(by_role[role]), ", ".join(f"{point} {count}" for point, count in at.most_common()))
    console.print(table)
    console.print(json.dumps(result.figures | {"minutes": round((time.monotonic() - began) / 60, 1)}, indent=1))
    for sentence in result.wrong:
        console.print(sentence, style="red")
    raise typer.Exit(1 if result.wrong else 0)


if __name__ == "__main__":
    typer.run(main)
