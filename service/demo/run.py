"""The demo from start to end: free ports, daemon, stand-in PACS, sending, waiting, export, summary."""

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import yaml
from hl7.client import MLLPClient
from pydicom import dcmread
from rich.console import Console
from structlog.typing import FilteringBoundLogger

from config.settings import DicomSettings, Peer, Settings, load_settings
from integrations.dicom.sender import Delivered, send_objects
from integrations.dicom.stand_in import start_stand_in
from service.cohort_files import EXAMPLE_COHORTS, find_cohort
from service.demo.cases import Case
from service.demo.summary import Arrived, Outcome, summarise
from service.endpoints import endpoint
from service.errors import DemoFailed
from service.exports import Run, export_cohort
from service.store.columns import utc_now
from service.store.database import open_database

START_SECONDS = 300
STUDY_SECONDS = 600
QUIET_SECONDS = 1.0
MARKER = "site.yaml"


@dataclass(frozen=True)
class Demo:
    """Where the demo works; `out` also gets its results."""

    out: Path
    console: Console
    log: FilteringBoundLogger


def run_demo(demo: Demo, make_cases: Callable[[Path], Sequence[Case]], *, once: bool) -> None:
    """Run the main job and write `sr/`, `export/` and `summary.json`; stays up with its page unless `once`.

    Raises:
        DemoFailed: a step did not come to its end; the message says which, and where the daemon's log is.
    """
    started = time.monotonic()
    _make_room(demo.out)
    cases = make_cases(demo.out / "sent")
    pacs = start_stand_in(DicomSettings(ae_title="DEMOPACS", port=0), demo.out / "pacs", demo.log)
    settings = _write_settings(demo.out, pacs.port)
    with _daemon(demo.out) as daemon:
        for role in ("receive", "listen", "web", "work"):
            _wait(daemon, partial(_listens, settings, role), f"{role} to start", START_SECONDS)
        demo.console.print(f"The daemon is up after {time.monotonic() - started:.0f} s.")
        sent_at = time.monotonic()
        for number, case in enumerate(cases):
            _send(case, settings, report_first=number % 2 == 1)
        arrived: dict[str, Arrived] = {}
        deadline = STUDY_SECONDS * len(cases)
        _wait(daemon, lambda: _collect(demo, cases, arrived, sent_at), "the structured reports", deadline)
        first = min(found.seconds for found in arrived.values()) + sent_at - started
        demo.console.print(f"The first structured report came back {first:.0f} s after the start.")
        export = _export(settings, demo.out)
        summarise(demo.console, Outcome(demo.out, settings, cases, arrived, export))
        if not once:
            _stay(demo.console, endpoint(settings.data, "web"))
    pacs.stop()


def _make_room(out: Path) -> None:
    """Clear what an earlier demo left, and nothing else."""
    if out.exists() and any(out.iterdir()):
        if not (out / MARKER).exists():
            raise DemoFailed(f"{out} is not empty and holds no earlier demo. Name another folder with --out.")
        for name in ("data", "sent", "pacs", "sr", "export"):
            shutil.rmtree(out / name, ignore_errors=True)
    (out / "sr").mkdir(parents=True, exist_ok=True)
    (out / MARKER).touch()


def _write_settings(out: Path, pacs_port: int) -> Settings:
    values = {
        "data": str((out / "data").resolve()),
        "peers": [{"name": "pacs", "ae_title": "DEMOPACS", "port": pacs_port}],
        "dicom": {"port": 0, "study_quiet_seconds": QUIET_SECONDS},
        "hl7": {"port": 0},
        "web": {"port": 0},
        "destinations": [{"peer": "pacs", "accepts": "trial"}],
        "images": {"classifiers": "demonstration"},
        "storage": {"keep_free_gb": 0.2},
    }
    path = out / MARKER
    path.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
    return load_settings(path)


@contextmanager
def _daemon(out: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (out / "daemon.log").open("wb") as log:
        daemon = subprocess.Popen(  # noqa: S603  # our own command
            [sys.executable, "-m", "service.cli", "serve", "--config", str(out / MARKER)], stderr=log
        )
        try:
            yield daemon
        finally:
            daemon.terminate()
            daemon.wait()


def _send(case: Case, settings: Settings, *, report_first: bool) -> None:
    steps = [_send_report, _send_study] if report_first else [_send_study, _send_report]
    for step in steps:
        step(case, settings)


def _send_study(case: Case, settings: Settings) -> None:
    peer = Peer(name="us", ae_title=settings.dicom.ae_title, port=_port(settings, "receive"))
    for answer in send_objects(case.files, peer, "DEMOPACS"):
        if not isinstance(answer, Delivered):
            raise DemoFailed(f"An image of the study was not taken: {answer}.")


def _send_report(case: Case, settings: Settings) -> None:
    with MLLPClient("127.0.0.1", _port(settings, "listen")) as client:
        client.socket.settimeout(60)
        answer = client.send_message(case.message)
    if b"MSA|AA" not in answer and b"MSA|CA" not in answer:
        raise DemoFailed(f"The report was not taken; the daemon answered {answer!r}.")


def _listens(settings: Settings, role: str) -> bool:
    return endpoint(settings.data, role) is not None


def _port(settings: Settings, role: str) -> int:
    port = endpoint(settings.data, role)
    if port is None:
        raise DemoFailed(f"The {role} role is gone.")
    return port


def _wait(daemon: subprocess.Popen[bytes], done: Callable[[], bool], what: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        if daemon.poll() is not None:
            raise DemoFailed(f"The daemon ended while the demo waited for {what}; see daemon.log beside the results.")
        if time.monotonic() > deadline:
            raise DemoFailed(f"Waited {seconds:.0f} s for {what}; see daemon.log beside the results.")
        time.sleep(0.1)


def _collect(demo: Demo, cases: Sequence[Case], arrived: dict[str, Arrived], sent_at: float) -> bool:
    """File what the stand-in PACS has received; the latest structured report of a study counts."""
    for path in (demo.out / "pacs").glob("*.dcm"):
        report = dcmread(path)
        number = next(n for n, case in enumerate(cases, 1) if case.study_uid == report.StudyInstanceUID)
        name = f"study-{number}.dcm"  # what a sender wrote never names a file
        path.replace(demo.out / "sr" / name)
        arrived[str(report.StudyInstanceUID)] = Arrived(name, time.monotonic() - sent_at)
    return all(case.study_uid in arrived for case in cases)


def _export(settings: Settings, out: Path) -> Run:
    run = export_cohort(
        open_database(settings.data), settings.data, find_cohort(EXAMPLE_COHORTS, "all-findings"), utc_now()
    )
    shutil.copytree(run.folder, out / "export", dirs_exist_ok=True)
    return run


def _stay(console: Console, web_port: int | None) -> None:
    console.print(f"The page is at http://127.0.0.1:{web_port}/ . Ctrl-C ends the demo.")
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        console.print("Stopping.")
