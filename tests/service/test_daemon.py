"""The daemon as a process: its roles start, are started again, and stop."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import yaml
from sqlmodel import select

from config.settings import load_settings
from service.daemon import Supervisor, supervise
from service.endpoints import endpoint, last_sign
from service.heartbeat import BEAT_SECONDS
from service.log import configure_log
from service.store.database import open_database, reading
from service.store.rights import is_private
from service.store.tables import RoleRow
from service.store.upgrade import upgrade_database
from tests.waiting import wait_until

Serve = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    started = []

    def start(*options: str, **settings: object) -> subprocess.Popen[bytes]:
        config = tmp_path / "site.yaml"
        free = {"port": 0}
        config.write_text(
            yaml.safe_dump({"data": str(tmp_path / "data"), "dicom": free, "hl7": free, "web": free, **settings})
        )
        log = (tmp_path / "log").open("ab")
        command = [sys.executable, "-m", "service.cli", "serve", "--config", str(config), *options]
        started.append(subprocess.Popen(command, stderr=log))
        return started[-1]

    yield start
    for process in started:
        process.terminate()
        process.wait(30)


def listens(data: Path, role: str) -> Callable[[], bool]:
    return lambda: endpoint(data, role) is not None


def pid_of(data: Path, role: str) -> int:
    return int(json.loads((data / "run" / f"{role}.json").read_text())["pid"])


def test_each_role_is_a_process_without_the_models_that_only_work_needs(serve: Serve, tmp_path: Path) -> None:
    serve("--only", "receive,listen,web,clock")
    data = tmp_path / "data"
    for role in ("receive", "listen", "web"):
        wait_until(listens(data, role), f"{role} to listen", 60)

    pids = {pid_of(data, role) for role in ("receive", "listen", "web")}

    assert len(pids) == 3
    loaded = [Path(f"/proc/{pid}/maps").read_text() for pid in pids]
    assert not any("libtorch" in maps for maps in loaded)
    assert all(psutil.Process(pid).memory_full_info().uss < 100e6 for pid in pids)  # what they do not share


def test_a_role_that_dies_is_started_again(serve: Serve, tmp_path: Path) -> None:
    serve("--only", "listen")
    data = tmp_path / "data"
    wait_until(listens(data, "listen"), "the listener", 60)
    first = pid_of(data, "listen")

    os.kill(first, signal.SIGKILL)

    wait_until(lambda: pid_of(data, "listen") != first, "another listener", 60)


def test_the_roles_end_with_their_supervisor_even_when_it_is_killed(serve: Serve, tmp_path: Path) -> None:
    supervisor = serve("--only", "listen")
    data = tmp_path / "data"
    wait_until(listens(data, "listen"), "the listener", 60)
    listener = pid_of(data, "listen")

    supervisor.kill()

    wait_until(lambda: not psutil.pid_exists(listener), "the listener to end", 30)


def test_a_stop_is_graceful_and_quick(serve: Serve, tmp_path: Path) -> None:
    process = serve("--only", "receive,listen,web,clock")
    for role in ("receive", "listen", "web"):
        wait_until(listens(tmp_path / "data", role), f"{role} to listen", 60)

    process.terminate()

    assert process.wait(15) == 0
    log = (tmp_path / "log").read_text()
    assert "role killed" not in log
    assert "Traceback" not in log
    assert "Fatal" not in log


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        pytest.param({"dicm": {}}, "dicm is no known key; the nearest is `dicom`", id="a misspelt section"),
        pytest.param({"dicom": {"host": "0.0.0.0"}}, "dicom.calling", id="open to all"),  # noqa: S104
        pytest.param({"destinations": [{"peer": "pacs"}]}, "names the peer pacs", id="an unknown peer"),
    ],
)
def test_unusable_settings_stop_the_start_with_a_sentence(
    serve: Serve, tmp_path: Path, settings: dict[str, object], sentence: str
) -> None:
    process = serve(**settings)

    assert process.wait(60) == 1
    log = (tmp_path / "log").read_text().replace("\n", " ")
    assert sentence in log
    assert "Traceback" not in log


def test_a_port_in_use_is_said_and_the_other_roles_go_on(serve: Serve, tmp_path: Path) -> None:
    serve("--only", "listen")
    data = tmp_path / "data"
    wait_until(listens(data, "listen"), "the listener", 60)
    taken = endpoint(data, "listen")
    other = tmp_path / "other"

    serve("--only", "receive,web", data=str(other), dicom={"port": taken})

    wait_until(listens(other, "web"), "the page", 60)
    wait_until(
        lambda: f"127.0.0.1:{taken}: Address already in use" in (tmp_path / "log").read_text(), "the sentence", 30
    )


def test_a_second_daemon_leaves_the_data_of_the_first_alone(serve: Serve, tmp_path: Path) -> None:
    serve("--only", "listen")
    data = tmp_path / "data"
    wait_until(listens(data, "listen"), "the listener", 60)

    serve("--only", "listen")

    sentence = f"Another listen role works on {data}"
    wait_until(lambda: sentence in (tmp_path / "log").read_text(), "the sentence", 30)
    assert endpoint(data, "listen") is not None


def role_row(data: Path, role: str) -> RoleRow | None:
    with reading(open_database(data)) as session:
        return session.exec(select(RoleRow).where(RoleRow.role == role)).one_or_none()


def test_a_role_that_dies_at_once_each_time_is_tried_with_growing_pauses_and_says_why(
    serve: Serve, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        serve("--only", "listen,web", hl7={"port": port})
        data = tmp_path / "data"
        wait_until(listens(data, "web"), "the page", 60)

        died = wait_until(lambda: deaths(tmp_path / "log"), "three deaths", 60)

        pauses = [death["again_in_seconds"] for death in died]
        assert pauses == sorted(set(pauses))
        row = role_row(data, "listen")
        assert row is not None
        assert row.restarts >= 2
        assert f"hl7.port {port}: Address already in use" in row.reason
    wait_until(listens(data, "listen"), "the listener, once the port is free", 60)


def deaths(log: Path) -> list[dict[str, float]]:
    events = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    died = [event for event in events if event["event"] == "role died"]
    return died[:3] if len(died) >= 3 else []


@pytest.mark.long
def test_a_role_that_hangs_is_killed_and_started_again(tmp_path: Path) -> None:
    config = tmp_path / "site.yaml"
    config.write_text(yaml.safe_dump({"data": str(tmp_path / "data"), "hl7": {"port": 0}}))
    settings, stop = load_settings(config), threading.Event()
    upgrade_database(settings.data)
    supervisor = Supervisor(
        settings, config, configure_log("serve"), open_database(settings.data), hung_seconds=1.5 * BEAT_SECONDS
    )
    thread = threading.Thread(target=supervise, args=(supervisor, ["listen"], stop))
    thread.start()
    try:
        wait_until(listens(settings.data, "listen"), "the listener", 60)
        first = pid_of(settings.data, "listen")
        before = last_sign(settings.data, "listen")
        wait_until(lambda: last_sign(settings.data, "listen") != before, "a beat", 30)

        os.kill(first, signal.SIGSTOP)

        wait_until(lambda: pid_of(settings.data, "listen") != first, "another listener", 60)
        row = role_row(settings.data, "listen")
        assert row is not None
        assert row.restarts == 1
    finally:
        stop.set()
        thread.join(30)


def test_nothing_that_the_daemon_keeps_can_be_read_by_others(serve: Serve, tmp_path: Path) -> None:
    before = os.umask(0o022)  # as it is where nobody has set it
    try:
        serve("--only", "receive,listen,web,clock")
        for role in ("receive", "listen", "web", "clock"):
            wait_until(listens(tmp_path / "data", role), f"{role} to listen", 60)
        export = [sys.executable, "-m", "service.cli", "cohort", "export", "all-findings", "--config"]
        cohorts = f"\nexports: {{cohorts: {Path(__file__).parents[2] / 'service' / 'cohorts'}}}\n"
        (tmp_path / "exporting.yaml").write_text((tmp_path / "site.yaml").read_text() + cohorts)
        subprocess.run([*export, str(tmp_path / "exporting.yaml")], check=True, timeout=60)
    finally:
        os.umask(before)

    kept = [tmp_path / "data", *(tmp_path / "data").rglob("*")]
    names = {path.name for path in kept}
    assert {"spinelabel.sqlite", "workflows.sqlite", "objects", "run", "findings.csv", "pseudonym.key"} <= names
    assert [f"{path.name} {path.stat().st_mode:o}" for path in kept if not is_private(path)] == []
