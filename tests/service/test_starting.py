"""A daemon that cannot start, or not whole: a sentence that names the place and the remedy, never only a traceback."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from sqlmodel import select

from service.store.database import open_database, reading
from service.store.states import RoleState
from service.store.tables import RoleRow
from service.store.upgrade import upgrade_database
from service.workflows import prepare_workflows
from tests.waiting import wait_until

Serve = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    started = []

    def start(data: Path, *options: str, **settings: object) -> subprocess.Popen[str]:
        config = tmp_path / "site.yaml"
        free = {"port": 0}
        config.write_text(yaml.safe_dump({"data": str(data), "dicom": free, "hl7": free, "web": free, **settings}))
        command = [sys.executable, "-m", "service.cli", "serve", "--config", str(config), *options]
        started.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        process.terminate()
        process.communicate(timeout=30)


def refused(process: subprocess.Popen[str]) -> str:
    """Wait for the command to give up, and give what it said."""
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Traceback" not in said
    return said.replace("\n", " ")


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Give a folder on a small disk of its own, mounted with the options given."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(options: str) -> Path:
        if os.geteuid() != 0:
            pytest.skip("mounting a disk takes root")
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(folder)], check=True)
        return folder

    yield mount
    subprocess.run(["umount", "--lazy", str(folder)], check=False, stderr=subprocess.DEVNULL)


def test_a_full_disk_at_start_is_said_with_the_file(serve: Serve, mounted: Callable[[str], Path]) -> None:
    disk = mounted("size=1m")
    (disk / "filler").write_bytes(b"\0" * 1_000_000)

    said = refused(serve(disk / "data"))

    assert str(disk / "data" / "spinelabel.sqlite") in said
    assert "disk is full" in said or "may be full" in said


def test_a_disk_mounted_for_reading_only_is_said(serve: Serve, mounted: Callable[[str], Path]) -> None:
    disk = mounted("size=1m,ro")

    said = refused(serve(disk / "data"))

    assert f"{disk / 'data'}: Read-only file system" in said
    assert "Give it to the service's user" in said


@pytest.mark.parametrize("name", ["spinelabel.sqlite", "workflows.sqlite"])
def test_a_file_that_is_no_database_is_named_and_left_as_it_is(serve: Serve, tmp_path: Path, name: str) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / name).write_bytes(b"not a database, but more than a header's worth of it" * 99)
    before = (data / name).read_bytes()

    said = refused(serve(data))

    assert f"{data / name}: it is no database. Restore a backup" in said
    assert (data / name).read_bytes() == before


def test_a_database_of_a_newer_release_is_left_alone(serve: Serve, tmp_path: Path) -> None:
    data = tmp_path / "data"
    upgrade_database(data)
    with sqlite3.connect(data / "spinelabel.sqlite") as connection:
        connection.execute("update alembic_version set version_num = '9999'")

    assert "written by a newer release. Install that release" in refused(serve(data))


def test_a_value_that_is_not_allowed_is_named_with_its_key(serve: Serve, tmp_path: Path) -> None:
    assert "dicom.port: Input should be less than" in refused(serve(tmp_path / "data", dicom={"port": 111112}))


def down(data: Path, role: str) -> str:
    """Give why a role is down, or nothing while it is not."""
    with reading(open_database(data)) as session:
        row = session.exec(select(RoleRow).where(RoleRow.role == role)).one_or_none()
    return row.reason if row is not None and row.state == RoleState.DOWN else ""


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        pytest.param({"reports": {"model": "no-such-folder"}}, "no-such-folder is no folder", id="no model folder"),
        pytest.param({"conditions": "no-such.yaml"}, "no-such.yaml: No such file", id="no conditions file"),
    ],
)
def test_work_that_cannot_start_says_why_and_the_other_roles_go_on(
    serve: Serve, tmp_path: Path, settings: dict[str, object], said: str
) -> None:
    data = tmp_path / "data"
    serve(data, "--only", "work,listen", **settings)
    wait_until(lambda: (data / "run" / "listen.json").exists(), "the listener", 60)

    assert said in wait_until(lambda: down(data, "work"), "the reason", 60)
    assert json.loads((data / "run" / "listen.json").read_text())["port"]


def test_a_role_whose_disk_fills_up_says_so_in_its_reason_without_a_traceback(tmp_path: Path) -> None:
    data = tmp_path / "data"
    upgrade_database(data)
    prepare_workflows(data)
    config = tmp_path / "site.yaml"
    config.write_text(yaml.safe_dump({"data": str(data), "hl7": {"port": 0}}))
    (data / "run").write_text("a file where the folder should be")

    command = [sys.executable, "-m", "service.roles", "listen", "--config", str(config)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    assert ran.returncode == 1
    assert "cannot start" in ran.stderr
    assert "Traceback" not in ran.stderr
