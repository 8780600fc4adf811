"""A disk that becomes full at random points: `python -m tests.faults.full_disk --points 100` prints what was said.

At each point a sender is in the middle of an object or of a message when all room but a little goes, and others go on
until each has met the full disk. Then there is room again, and what was not taken is sent again to the same roles.
"""

import argparse
import random
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.accounts import Account, Thing, assert_sound, lost, together, unnamed, unwhole
from tests.faults.disks import fill, memory_disk
from tests.faults.senders import Sending, line, send_again
from tests.faults.sites import RECEIVING, receiving_site
from tests.peers.daemon import Daemon

MOST_LEFT = 300_000
"""Bytes that may be left free at a point."""
MOST_SENT = 60
"""Things after which a sender that was never refused gives up."""


@dataclass(frozen=True)
class Point:
    """What became of one point: the role in whose middle it came, the bytes left free, what the senders were told."""

    in_middle: str
    left_bytes: int
    first: Account
    again: Account


@dataclass
class FullDisk:
    """A daemon whose data lie on a small disk."""

    disk: Path
    daemon: Daemon
    chance: random.Random
    taken: list[Thing] = field(default_factory=list)

    def fill_at(self, in_middle: str) -> Point:
        """Take the room away in the middle of something, give it back, and send again what was not taken."""
        left = self.chance.choice((0, self.chance.randrange(MOST_LEFT)))
        other = next(role for role in RECEIVING if role != in_middle)
        lines = [line(self.daemon, role, self.chance) for role in (in_middle, in_middle, other, other)]
        sender, things = lines[0]
        first = Account()
        thing = next(iter(things))
        first.note(thing, sender.send(thing, lambda: fill(self.disk, left)))
        with ThreadPoolExecutor(len(lines)) as threads:
            accounts = list(threads.map(_send_until_refused, lines))
        (self.disk / "filler").unlink()
        for sender, _ in lines:
            sender.close()
        account = together([first, *accounts])
        again = send_again(self.daemon, account.left)
        self.taken += account.taken + again.taken
        return Point(in_middle, left, account, again)


@contextmanager
def full_disk(folder: Path, points: int, chance: random.Random) -> Iterator[FullDisk]:
    """Run a daemon on a disk that has room enough for so many points."""
    with memory_disk(folder / "disk", 64 + 4 * points) as disk, receiving_site(folder, disk / "data") as daemon:
        yield FullDisk(disk, daemon, chance)


def _send_until_refused(sending: tuple[Sending, Iterable[Thing]]) -> Account:
    sender, things = sending
    account = Account()
    for thing in things:
        account.note(thing, sender.send(thing))
        if account.left or len(account.taken) == MOST_SENT:
            break
    return account


def main() -> None:
    """Try so many points and print what was said at them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the daemon and the disk go too
    chance = random.Random(arguments.seed)  # noqa: S311  # which points, not secrets
    said: dict[str, Counter[str]] = {kind: Counter() for kind in RECEIVING}
    again: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder, full_disk(Path(folder), arguments.points, chance) as site:
        roles = site.daemon.processes(*RECEIVING)
        for number in range(arguments.points):
            point = site.fill_at(RECEIVING[number % 2])
            said[point.in_middle] += point.first.told
            again += point.again.told
        data = site.daemon.data
        rows = [
            *((f"full while in the middle: {kind}", dict(sorted(said[kind].items()))) for kind in RECEIVING),
            ("sent again with room", dict(again)),
            ("lost", len(lost(data, site.taken))),
            ("corrupt", len(unwhole(data))),
            ("half kept", len(unnamed(data))),
            ("roles still up", site.daemon.processes(*RECEIVING) == roles),
        ]
        assert_sound(site.daemon, site.taken)
    for what, value in rows:
        print(f"{what:24} {value}")  # noqa: T201


if __name__ == "__main__":
    main()
