"""The power fails in the middle of sending: what was acknowledged is there, and the rest is taken when it comes again.

A kill alone proves nothing about the disk, since what the system holds in memory survives it. Here the file system is
cut off from its device as by a loss of power, and only what was synchronised is there at the next start.
"""

import random
from pathlib import Path

import pytest

from service.endpoints import endpoint, publish_endpoint
from tests.faults.accounts import lost
from tests.faults.disks import loop_disk
from tests.faults.power import lose_power, lose_power_often
from tests.faults.senders import CUT
from tests.faults.sites import RECEIVING, receiving_site
from tests.faults.syscalls import injected_into


def test_what_was_acknowledged_before_the_power_failed_is_there_and_the_rest_is_taken_again(tmp_path: Path) -> None:
    account = lose_power_often(tmp_path, 1, random.Random(1))  # noqa: S311  # which moments, not secrets

    assert account.taken != []
    assert f"{CUT} in vain" in account.told


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_nothing_acknowledged_is_lost_by_six_losses_of_power(tmp_path: Path) -> None:
    lose_power_often(tmp_path, 6, random.Random(2))  # noqa: S311


def test_the_loss_of_power_is_seen_where_nothing_is_synchronised(tmp_path: Path) -> None:
    with loop_disk(tmp_path) as disk, receiving_site(tmp_path, disk.folder / "data") as daemon:
        _, *roles = daemon.processes(*RECEIVING)
        with injected_into(roles, "fsync,fdatasync:retval=0"):
            account = lose_power(daemon, disk, random.Random(3))  # noqa: S311
        gone = lost(daemon.data, account.taken)

    assert {what.split()[0] for what in gone} == {"object", "message"}


def test_a_role_whose_file_the_loss_of_power_left_empty_is_not_up(tmp_path: Path) -> None:
    publish_endpoint(tmp_path, "listen", 2575)
    (tmp_path / "run" / "listen.json").write_bytes(b"")

    assert endpoint(tmp_path, "listen") is None
