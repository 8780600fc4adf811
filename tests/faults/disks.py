"""Disks that trouble can befall: one in memory that becomes full, and a real file system that loses its power."""

import fcntl
import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.peers.dicom import program
from tests.waiting import wait_until

SHUTDOWN = (2 << 30) | (4 << 16) | (ord("X") << 8) | 125
"""EXT4_IOC_SHUTDOWN, which is _IOR('X', 125, __u32)."""
WITHOUT_FLUSH = struct.pack("I", 2)
"""EXT4_GOING_FLAGS_NOLOGFLUSH: what is in memory stays there, the journal's last transaction too."""
OPTIONS = "commit=300,errors=remount-ro"
"""Seconds between the commits that ext4 makes unasked, so that what nobody synchronised goes with the power."""


@dataclass(frozen=True)
class LoopDisk:
    """An ext4 in a file, mounted at `folder`."""

    image: Path
    folder: Path
    options: str

    def mount(self) -> None:
        """Mount it, which replays the journal."""
        _by_root("mount", "-o", f"loop,{self.options}", str(self.image), str(self.folder))

    def unmount(self) -> None:
        """Unmount it, once nobody has a file on it open any more."""
        wait_until(lambda: _has_done("umount", str(self.folder)), f"{self.folder} to be free")

    def lose_power(self) -> None:
        """Keep from now on what the device has been told to keep, and nothing else; every access fails."""
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, SHUTDOWN, WITHOUT_FLUSH)
        finally:
            os.close(descriptor)

    def turn_read_only(self) -> None:
        """Let ext4 meet an error, after which it takes nothing any more (`errors=remount-ro`)."""
        found = subprocess.run(["findmnt", "-no", "SOURCE", str(self.folder)], capture_output=True, text=True)
        device = Path(found.stdout.strip()).name
        Path(f"/sys/fs/ext4/{device}/trigger_fs_error").write_text("1")

    def repair(self) -> None:
        """Do what an administrator does then, once nobody has a file on it open any more."""
        self.unmount()
        subprocess.run([program("fsck.ext4"), "-f", "-y", str(self.image)], capture_output=True, check=False)
        self.mount()


@contextmanager
def loop_disk(folder: Path, megabytes: int = 256, options: str = OPTIONS) -> Iterator[LoopDisk]:
    """Make an ext4 of that size in a file under `folder`, mounted beside it; it is gone at the end."""
    disk = LoopDisk(folder / "disk.img", folder / "disk", options)
    disk.folder.mkdir()
    with disk.image.open("wb") as image:
        image.truncate(megabytes << 20)
    _by_root("mkfs.ext4", "-q", str(disk.image))
    disk.mount()
    try:
        yield disk
    finally:
        _has_done("umount", "--lazy", str(disk.folder))
        disk.image.unlink()


@contextmanager
def memory_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """Give an empty folder of that size, which is really full when it is."""
    folder.mkdir()
    _by_root("mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "none", str(folder))
    try:
        yield folder
    finally:
        _has_done("umount", "--lazy", str(folder))


def fill(folder: Path, leave: int) -> Path:
    """Leave at most so many bytes free on the disk of a folder; gives the file that takes up the rest."""
    filler = folder / "filler"
    with filler.open("wb") as file:
        while (free := shutil.disk_usage(folder).free) > leave:
            with suppress(OSError):  # others write meanwhile
                os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, free - leave)
    return filler


def cannot(what: str) -> None:
    """Skip the test, or fail it in CI, where everything can be done."""
    if "CI" in os.environ:
        pytest.fail(what)
    pytest.skip(what)


def _by_root(*command: str) -> None:
    done = subprocess.run([program(command[0]), *command[1:]], capture_output=True, text=True, check=False)
    if done.returncode:
        cannot(f"{' '.join(command)}: {done.stderr.strip()}; this takes a root that may mount, and loop devices")


def _has_done(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
