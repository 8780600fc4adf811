"""The systemd unit."""

import re
import subprocess
import sys
from pathlib import Path

from config.settings import load_settings
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


def test_systemd_never_gives_the_daemon_up() -> None:
    unit = UNIT.read_text()

    assert re.findall(r"^(Restart|StartLimitIntervalSec)=(.*)$", unit, re.MULTILINE) == [
        ("StartLimitIntervalSec", "0"),
        ("Restart", "on-failure"),
    ]
    assert "StartLimitBurst" not in unit


def test_pytorch_runs_in_the_memory_that_the_unit_allows() -> None:
    denied = "MemoryDenyWriteExecute=true" in UNIT.read_text()
    program = (
        "import ctypes, torch\n"
        f"assert not {denied} or ctypes.CDLL(None).prctl(PR_SET_MDWE, 1, 0, 0, 0) == 0\n"
        "with torch.inference_mode():\n"
        "    print(torch.nn.Conv2d(8, 16, 3)(torch.zeros(2, 8, 64, 64)).shape[1])"
    ).replace("PR_SET_MDWE", "65")

    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert ran.stdout.strip() == "16", ran.stderr


def test_the_unit_keeps_its_state_where_the_example_of_a_site_does() -> None:
    (folder,) = re.findall(r"^StateDirectory=(.*)$", UNIT.read_text(), re.MULTILINE)

    assert load_settings(UNIT.with_name("site.yaml")).data == Path("/var/lib") / folder
