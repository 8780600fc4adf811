"""Losses of power: `python -m tests.faults.power --losses 20` prints what senders were told at each.

The file system is cut off from its device as by a loss of power, so that only what was synchronised is there at the
next start.
"""

import random
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer

from tests.faults.accounts import Account, assert_sound, together
from tests.faults.disks import LoopDisk, loop_disk
from tests.faults.senders import send_again, sending
from tests.faults.sites import RECEIVING, receiving_site
from tests.peers.daemon import Daemon
from tests.waiting import wait_until


def lose_power(daemon: Daemon, disk: LoopDisk, chance: random.Random) -> Account:
    """Send, cut the power at a random moment, and give what the senders know of it."""
    supervisor, *roles = daemon.processes(*RECEIVING)
    with sending(daemon, chance) as traffic:
        wait_until(lambda: traffic.taken > 20, "the middle of sending")
        time.sleep(chance.uniform(0, 0.5))  # any moment
        traffic.is_void.set()  # since the system lives on, what is being synchronised at this moment may seem to be
        disk.lose_power()
        time.sleep(chance.uniform(0, 0.2))  # the roles meet the dead disk
        for process in (supervisor, *roles):
            process.kill()
    disk.unmount()
    disk.mount()
    wait_until(lambda: not any(role.is_running() for role in roles), "the system to forget the roles")
    return together(traffic.accounts)


def lose_power_often(folder: Path, times: int, chance: random.Random) -> Account:
    """Lose the power at random moments; everything taken so far is there after each, and the rest is taken anew."""
    taken = Account()
    with loop_disk(folder, megabytes=64 + 32 * times) as disk:
        for _ in range(times):
            with receiving_site(folder, disk.folder / "data") as daemon:
                account = lose_power(daemon, disk, chance)
            with receiving_site(folder, disk.folder / "data") as daemon:
                again = send_again(daemon, account.left)
                taken += account + again
                assert again.left == [], again.told
                assert_sound(daemon, taken.taken)
                print(f"{dict(account.told)}, then {dict(again.told)}")  # noqa: T201
    return taken


def main(
    losses: Annotated[int, typer.Option(help="How often the power fails.")] = 20,
    seed: Annotated[int, typer.Option(help="Decides the moments.")] = 2,
) -> None:
    """Lose the power so often; ends with an error at the first thing that was acknowledged and is not there."""
    with tempfile.TemporaryDirectory(prefix="spinelabel-power-") as folder:
        taken = lose_power_often(Path(folder), losses, random.Random(seed))  # noqa: S311  # which moments, not secrets
    print(f"{losses} losses of power: {len(taken.taken)} things were acknowledged, and each is there")  # noqa: T201


if __name__ == "__main__":
    typer.run(main)
