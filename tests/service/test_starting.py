"""A daemon that cannot start, or not whole: a sentence that names the place and the remedy, never only a traceback."""

import contextlib
import errno
import json
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from sqlmodel import select

from pipeline.images.detectors.folders import private_folder
from service.cli import main
from service.errors import UnusableStore
from service.store.database import open_database, reading
from service.store.faults import named_faults
from service.store.states import RoleState
from service.store.tables import RoleRow
from service.store.upgrade import upgrade_database
from service.workflows import prepare_workflows
from tests.waiting import wait_until

Serve = Callable[..., subprocess.Popen[str]]

LONG = pytest.mark.long
"""Where one member of a kind is tried at each change, and the others only now and then."""


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
    assert "Give it to the service's user, on a disk that is mounted for writing" in said


def test_a_disk_that_fills_up_after_the_first_start_stops_the_next_one_with_a_sentence_until_it_is_freed(
    serve: Serve, mounted: Callable[[str], Path]
) -> None:
    disk = mounted("size=8m")
    upgrade_database(disk / "data")
    prepare_workflows(disk / "data")
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"\0" * 4096):
            pass

    said = refused(serve(disk / "data", "--only", "listen"))

    assert str(disk / "data") in said
    assert "full" in said
    filler.unlink()
    serve(disk / "data", "--only", "listen")
    wait_until(lambda: (disk / "data" / "run" / "listen.json").exists(), "the listener", 60)


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
    ("role", "section", "said"),
    [
        pytest.param("receive", "dicom", "127.0.0.1:{port}: Address already in use", id="receive"),
        pytest.param("listen", "hl7", "hl7.port {port}: Address already in use", id="listen"),
        pytest.param("web", "web", "web.port {port}: Address already in use", id="web"),
    ],
)
def test_a_port_in_use_is_said_by_its_role_which_comes_up_once_the_port_is_free(
    serve: Serve, tmp_path: Path, role: str, section: str, said: str
) -> None:
    data = tmp_path / "data"
    other = "clock"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        serve(data, "--only", f"{role},{other}", **{section: {"port": port}})
        wait_until(lambda: (data / "run" / f"{other}.json").exists(), f"{other} to go on", 60)
        assert said.format(port=port) in wait_until(lambda: down(data, role), "the reason", 60)

    wait_until(lambda: (data / "run" / f"{role}.json").exists(), f"{role} to come up", 60)


def model_without(missing: str, folder: Path) -> dict[str, object]:
    """Give settings that name a model's folder in which a file is missing."""
    folder.mkdir()
    for name, content in (("config.json", '{"model_type": "llama"}'), ("tokenizer.json", "{}")):
        if name != missing:
            (folder / name).write_text(content)
    return {"reports": {"model": str(folder)}}


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        pytest.param("config.json", "lacks config.json", id="no settings", marks=LONG),
        pytest.param("tokenizer.json", "lacks its tokenizer", id="no tokenizer", marks=LONG),
        pytest.param("weights", "lacks its weights", id="no weights"),
    ],
)
def test_a_model_folder_without_a_file_ends_work_with_the_name_of_the_file(
    tmp_path: Path, missing: str, said: str
) -> None:
    data = tmp_path / "data"
    upgrade_database(data)
    prepare_workflows(data)

    ran = run_role("work", tmp_path, data=str(data), **model_without(missing, tmp_path / "model"))

    assert f"{tmp_path / 'model'} {said}" in down(data, "work")
    assert f"{tmp_path / 'model'} {said}" in ran.stderr


def test_work_removes_the_scans_that_a_killed_process_had_handed_to_a_detector(tmp_path: Path) -> None:
    data = tmp_path / "data"
    upgrade_database(data)
    left = data / "exchange" / "left"
    left.mkdir(parents=True)
    (left / "volume.npy").touch()

    with private_folder(data) as in_use:
        run_role("work", tmp_path, data=str(data), conditions="no-such.yaml")
        assert list((data / "exchange").iterdir()) == [in_use]


def run_role(role: str, folder: Path, **settings: object) -> subprocess.CompletedProcess[str]:
    """Run a role that cannot start, and give what it said."""
    config = folder / "site.yaml"
    config.write_text(yaml.safe_dump({"hl7": {"port": 0}, **settings}))
    command = [sys.executable, "-m", "service.roles", role, "--config", str(config)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert ran.returncode == 1
    assert "cannot start" in ran.stderr
    assert "Traceback" not in ran.stderr
    return ran


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        pytest.param({"reports": {"model": "no-such-folder"}}, "no-such-folder is no folder", id="no model folder"),
        pytest.param({"conditions": "no-such.yaml"}, "no-such.yaml: No such file", id="no conditions file", marks=LONG),
        pytest.param(
            {"reports": {"calibration": "no-such.json"}},
            "no-such.json: No such file or directory. Name a file that `spinelabel calibrate` wrote, or none.",
            id="no calibration file",
            marks=LONG,
        ),
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


def test_a_role_that_meets_something_odd_in_its_data_folder_names_it_with_what_to_do(tmp_path: Path) -> None:
    data = tmp_path / "data"
    upgrade_database(data)
    prepare_workflows(data)
    (data / "run").write_text("a file where the folder should be")

    ran = run_role("listen", tmp_path, data=str(data))

    assert f"{data / 'run'}: File exists. Look at it; move it away if it is not ours." in ran.stderr


@pytest.mark.parametrize(
    ("error", "said"),
    [
        pytest.param(OSError(errno.ENOSPC, "No space left", "/d/x"), "/d/x: its disk is full", id="a full disk"),
        pytest.param(OSError(errno.EDQUOT, "Quota", "/d/x"), "/d/x: the quota", id="a full quota"),
        pytest.param(
            OSError(errno.EACCES, "Permission denied", "/d/x"), "/d/x: Permission denied; give", id="not ours"
        ),
        pytest.param(OSError(errno.EIO, "I/O"), "/data: its disk cannot be read", id="a broken disk, unnamed"),
        pytest.param(sqlite3.OperationalError("secret"), "/data: the database cannot be used", id="an unknown fault"),
    ],
)
def test_each_fault_of_a_disk_has_a_sentence_of_its_own(error: Exception, said: str) -> None:
    with pytest.raises(UnusableStore) as named, named_faults(Path("/data")):
        raise error

    assert str(named.value).startswith(said)
    assert "secret" not in str(named.value)


def test_a_fault_that_is_not_of_the_disk_stays_what_it_is() -> None:
    with pytest.raises(ConnectionRefusedError), named_faults(Path("/data")):
        raise ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")


def test_a_command_that_fails_unexpectedly_names_the_place_in_our_code_and_no_value(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["spinelabel", "cohort", "list"])
    monkeypatch.setattr("service.cohort_files.read_yaml", lambda *_: int("CANARY"))
    monkeypatch.setattr("pathlib.Path.glob", lambda *_: [Path("a.yaml")])

    with pytest.raises(SystemExit) as ended:
        main()

    said = " ".join(capsys.readouterr().err.split())
    assert ended.value.code == 1
    assert "It failed unexpectedly (ValueError at service/cohort_files.py:" in said
    assert "CANARY" not in said
