"""Links that break at random: `python -m tests.faults.links --points 100` prints what broke and what came of it.

At each point a study and its report are sent, and the link by which the images come, the one by which the report comes
and the one by which the structured report goes to the PACS break in some way after some bytes. Each side tries again
as real ones do. In the end everything that was acknowledged is there once, and at the PACS.
"""

import argparse
import random
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import func
from sqlmodel import col, select

from config.settings import Peer
from integrations.dicom.sender import Delivered, send_objects
from service.store.database import reading
from service.store.states import ObjectState
from service.store.tables import Instance, Report
from tests.faults.hospital import at_pacs, documents, draw_small, running_hospital, states, wait_for_deliveries
from tests.faults.ledger import assert_closed
from tests.peers.bad_link import BadLink, Break, Fault, running_bad_link
from tests.peers.daemon import Daemon
from tests.peers.dicom import running_storescp
from tests.peers.sent import Sent
from tests.waiting import wait_until

IMAGES = 4
STUDY_BYTES, MESSAGE_BYTES, DOCUMENT_BYTES = 24_000, 500, 16_000
"""About what goes over each link, so that most faults come about in the middle."""
ANSWER_BYTES = {"images": 800, "report": 90, "document": 430}
PATIENCE = 300
OF_EVERY_KIND = tuple(Fault)


@dataclass
class Point:
    """What broke for one study, how often its sender had to send, and how long it took until all was acknowledged."""

    number: int
    breaks: dict[str, Break]
    image_sends: int = 0
    report_sends: int = 0
    seconds: float = 0.0


@dataclass
class Links:
    """A daemon with a bad link to each of its ports and to its PACS."""

    daemon: Daemon
    folder: Path
    images: BadLink
    report: BadLink
    document: BadLink
    points: list[Point] = field(default_factory=list)

    @property
    def pacs_folder(self) -> Path:
        return self.folder / "pacs"


@contextmanager
def running_links(folder: Path) -> Iterator[Links]:
    """Run a daemon with its PACS, both behind links that can break."""
    with ExitStack() as stack:
        pacs = stack.enter_context(running_storescp(folder / "pacs", "--fork", "--unique-filenames"))
        document = stack.enter_context(running_bad_link(pacs.port))
        behind = pacs.model_copy(update={"port": document.port})
        daemon = stack.enter_context(running_hospital(folder / "daemon", behind))
        images, report = (stack.enter_context(running_bad_link(daemon.port(role))) for role in ("receive", "listen"))
        yield Links(daemon, folder, images, report, document)


def break_at_random(links: Links, points: int, seed: int) -> None:
    """Send a study for each point, over links that break, and wait until all is at the PACS."""
    chance = random.Random(seed)  # noqa: S311  # the same points for the same seed
    for number in range(points):
        point = Point(number, {name: _any_break(chance, name, number) for name in ANSWER_BYTES})
        # What follows a fault gets through, so that no pause of the outbox grows to an hour.
        links.document.breaks += (point.breaks["document"], None, None)
        _send(links, point, draw_small(links.folder / "studies", f"link-{seed}-{number}", images=IMAGES))
        links.points.append(point)
    wait_for_deliveries(links.daemon, len(links.points), PATIENCE + 30 * points)


def _any_break(chance: random.Random, link: str, number: int) -> Break:
    fault = OF_EVERY_KIND[(number + len(link)) % len(OF_EVERY_KIND)]
    sent = {"images": STUDY_BYTES, "report": MESSAGE_BYTES, "document": DOCUMENT_BYTES}[link]
    return Break(fault, chance.randrange(ANSWER_BYTES[link] if fault is Fault.LOSS else sent))


def _send(links: Links, point: Point, study: Sent) -> None:
    """Send as a PACS and an interface engine do: again, until everything was acknowledged."""
    began = time.monotonic()
    links.images.breaks.append(point.breaks["images"])
    links.report.breaks.append(point.breaks["report"])
    peer = Peer(name="us", ae_title="SPINELABEL", port=links.images.port)

    def images_taken() -> bool:
        point.image_sends += 1
        return all(isinstance(answer, Delivered) for answer in send_objects(study.images, peer, "TEST"))

    def report_taken() -> bool:
        point.report_sends += 1
        return b"MSA|AA" in send_message(links.report.port, study.message.read_bytes())

    wait_until(images_taken, "the images to be taken", PATIENCE)
    wait_until(report_taken, "the report to be taken", PATIENCE)
    point.seconds = time.monotonic() - began


def send_message(port: int, message: bytes) -> bytes:
    """Send a framed message on a connection of its own; gives what was answered, nothing where the link broke."""
    answer = b""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
            connection.sendall(message)
            while not answer.endswith(b"\x1c\r") and (part := connection.recv(4096)):
                answer += part
    except OSError:
        return b""
    return answer if answer.endswith(b"\x1c\r") else b""


def check(links: Links) -> dict[str, int]:
    """Give what is there of all that was acknowledged.

    Raises:
        AssertionError: something was lost, or is there twice.
    """
    studies, daemon = len(links.points), links.daemon
    assert_closed(daemon)
    with reading(daemon.engine()) as session:
        stored = session.exec(select(func.count()).where(col(Instance.state) == ObjectState.STORED)).one()
        reports = session.exec(select(func.count()).where(col(Report.superseded_by).is_(None))).one()
    copies = Counter(at_pacs(links.pacs_folder))
    assert (stored, reports) == (studies * IMAGES, studies)
    assert sorted(copies) == documents(daemon)
    assert len(copies) == studies
    lost = sum(each.fault is not Fault.CUT for each in links.document.happened)
    assert copies.total() - studies <= lost  # only what the PACS took and we never heard of goes a second time
    return {
        "studies": studies,
        "images stored": stored,
        "reports": reports,
        "documents at the PACS": len(copies),
        "of them sent twice, as the answer was lost": copies.total() - studies,
        "links broken": sum(len(link.happened) for link in (links.images, links.report, links.document)),
        "delivered": states(daemon).total(),
    }


def table(points: Sequence[Point]) -> str:
    """Say what broke at each point."""
    lines = [f"{'point':>5}  {'images':<20} {'sent':>4}  {'report':<18} {'sent':>4}  {'document':<20} {'seconds':>7}"]
    for point in points:
        said = {name: f"{each.fault} at {each.after}" for name, each in point.breaks.items()}
        lines.append(
            f"{point.number:>5}  {said['images']:<20} {point.image_sends:>4}  {said['report']:<18} "
            f"{point.report_sends:>4}  {said['document']:<20} {point.seconds:>7.1f}"
        )
    return "\n".join(lines)


def main() -> None:
    """Break links at random and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="spinelabel-links-") as folder, running_links(Path(folder)) as links:
        break_at_random(links, arguments.points, arguments.seed)
        sys.stdout.write(f"{table(links.points)}\n")
        for what, count in check(links).items():
            sys.stdout.write(f"{what}: {count}\n")


if __name__ == "__main__":
    main()
