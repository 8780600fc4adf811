"""What is left where the asker of another project's detector is killed: no program, and no volume for long."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from pipeline.images.detectors.folders import private_folder, remove_left_behind
from pipeline.images.detectors.program import asked
from pipeline.images.errors import DetectorUnavailable
from tests.peers.detector import bars_volume, stand_in
from tests.waiting import wait_until

NOBODY = 65534  # the user without rights, on Linux

ASK = """
import sys
from pathlib import Path
from pipeline.images.detectors.program import asked
from tests.peers.detector import bars_volume, stand_in

folder = Path(sys.argv[1])
with asked(stand_in(folder, (folder / "body").read_text()), bars_volume()):
    pass
"""

HANG = """
import subprocess
child = subprocess.Popen([sys.executable, "-c", "import threading; threading.Event().wait()"])
noted = Path({noted!r})
noted.with_suffix(".part").write_text(f"{{os.getpid()}} {{child.pid}}")
noted.with_suffix(".part").rename(noted)
child.wait()
"""


@contextmanager
def asking(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], list[int]]]:
    """Run a process that asks a program which never answers; give it, and the program with what that started."""
    noted = folder / "noted"
    (folder / "body").write_text(HANG.format(noted=str(noted)))
    asker = subprocess.Popen([sys.executable, "-c", ASK, str(folder)])
    pids: list[int] = []
    try:
        wait_until(noted.exists, "the program's start", 60)
        pids = [int(pid) for pid in noted.read_text().split()]
        yield asker, pids
    finally:
        asker.kill()
        asker.wait()
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_program_ends_with_all_that_it_started_when_its_asker_is_killed(tmp_path: Path) -> None:
    with asking(tmp_path) as (asker, pids):
        asker.kill()
        asker.wait()

        wait_until(lambda: all(is_gone(pid) for pid in pids), "the end of the program and what it started")


def test_a_volume_is_removed_at_the_next_start_and_not_while_it_is_in_use(tmp_path: Path) -> None:
    with asking(tmp_path) as (asker, pids):
        (folder,) = (tmp_path / "exchange").iterdir()
        remove_left_behind(tmp_path)
        assert (folder / "volume.npy").exists()

        asker.kill()
        asker.wait()
        wait_until(lambda: all(is_gone(pid) for pid in pids), "the end of the program and what it started")
        assert (folder / "volume.npy").exists()
        remove_left_behind(tmp_path)

    assert not folder.exists()


def test_what_cannot_be_removed_costs_no_start(tmp_path: Path) -> None:
    remove_left_behind(tmp_path)
    assert not (tmp_path / "exchange").exists()

    with private_folder(tmp_path) as folder:
        (folder.parent / "a file").touch()
    remove_left_behind(tmp_path)

    assert (tmp_path / "exchange").stat().st_mode & 0o777 == 0o700


@contextmanager
def as_nobody() -> Iterator[None]:
    """Act without the rights of root, who may write anywhere."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)


def test_a_data_folder_of_another_user_is_named(tmp_path: Path) -> None:
    program = stand_in(tmp_path, "")
    (tmp_path / "exchange").mkdir(mode=0o500)

    named = pytest.raises(DetectorUnavailable, match=r"exchange.*Permission denied.*service's user")
    with as_nobody(), named, asked(program, bars_volume()):
        pass
