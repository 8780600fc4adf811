"""The disk becomes full in the middle of objects and messages: each sender is told, and nothing answered is lost."""

import random
from pathlib import Path

from tests.faults.accounts import assert_sound, unnamed
from tests.faults.full_disk import full_disk
from tests.faults.senders import CUT
from tests.faults.sites import RECEIVING

POINTS = 10
TOLD = {"0000", "A700", "AA", "AR", CUT}


def test_a_disk_that_is_full_at_any_point_costs_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    with full_disk(tmp_path, POINTS, random.Random(1)) as site:  # noqa: S311  # which points, not secrets
        roles = site.daemon.processes(*RECEIVING)
        for number in range(POINTS):
            point = site.fill_at(RECEIVING[number % 2])
            assert set(point.first.told) <= TOLD
            assert {"A700", "AR"} & set(point.first.told), "nobody met the full disk"
            assert point.again.left == [], point.again.told
            assert unnamed(site.daemon.data) == []
        assert_sound(site.daemon, site.taken)
        assert site.daemon.processes(*RECEIVING) == roles
        assert "role died" not in site.daemon.log.read_text()
