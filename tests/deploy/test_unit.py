"""The systemd unit."""

import re
import subprocess
import sys
from pathlib import Path

from service.daemon import STOP_SECONDS
from tests.peers.dicom import program

UNIT = Path(__file__).parents[2] / "deploy" / "spinelabel.service"


def test_systemd_finds_nothing_to_say_about_the_unit(tmp_path: Path) -> None:
    installed = tmp_path / "spinelabel.service"
    installed.write_text(UNIT.read_text().replace("/opt/spinelabel/bin/spinelabel", sys.executable))

    found = subprocess.run(
        [program("systemd-analyze"), "verify", str(installed)], capture_output=True, text=True, check=False
    )

    assert (found.returncode, found.stderr) == (0, "")


def test_systemd_waits_longer_than_the_daemon_takes_to_stop() -> None:
    (seconds,) = re.findall(r"^TimeoutStopSec=(\d+)$", UNIT.read_text(), re.MULTILINE)

    assert int(seconds) > STOP_SECONDS
