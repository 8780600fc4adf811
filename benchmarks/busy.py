"""What a busy model costs those who send: python -m benchmarks.busy [--json] [--seconds N].

One daemon. First its models are idle, then they label and read what was sent before. In both, one sender measures how
long a C-ECHO takes with its association, one image by C-STORE with its association, and one report by MLLP until its
acknowledgement, each answered after fsync, and how long the page `/readyz` takes. Theirs is the idle daemon, ours the
busy one. How long live work waits behind a batch of the language model is printed too.
"""

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

from hl7.client import MLLPClient
from pydicom.uid import generate_uid
from sqlmodel import col, func, select

from benchmarks.rows import print_rows
from integrations.dicom.sender import send_objects, verify
from integrations.hl7.compose import compose_oru
from pipeline.training.drawn_reports import drawn_report
from pipeline.training.drawn_studies import drawn_study
from service.store.database import reading
from service.store.states import WorkState
from service.store.tables import Change, Report
from tests.peers.daemon import Daemon, running_daemon
from tests.peers.dicom import running_storescp
from tests.peers.sent import outgoing, write_images
from tests.waiting import wait_until

GOAL = 1.25
BACKLOG = 400
NAMED = drawn_study(4).datasets[0]
"""The image that is sent and that the reports name, each time as another patient's."""


def measure_senders(daemon: Daemon, folder: Path, seconds: float) -> dict[str, list[float]]:
    """Give the milliseconds of each thing that a sender does, for some seconds in turn."""
    taken: dict[str, list[float]] = {}
    images, url = _images(folder), f"http://127.0.0.1:{daemon.port('web')}/readyz"
    text = drawn_report(2, {}).text
    with MLLPClient("127.0.0.1", daemon.port("listen")) as client:
        steps: dict[str, Callable[[], object]] = {
            "C-ECHO with its association": lambda: verify(daemon.peer(), "BUSY"),
            "C-STORE of one image with its association": lambda: send_objects([next(images)], daemon.peer(), "BUSY"),
            "ORU until its acknowledgement": lambda: client.send_message(_message(text)),
            "the page /readyz": lambda: _get(url),
        }
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for name, step in steps.items():
                started = time.perf_counter()
                step()
                taken.setdefault(name, []).append(1000 * (time.perf_counter() - started))
    return taken


def _images(folder: Path) -> Iterator[Path]:
    """Give images of studies of their own, so that none is the repetition of another."""
    image = NAMED
    while True:
        image.StudyInstanceUID, image.SeriesInstanceUID, uid = generate_uid(), generate_uid(), generate_uid()
        image.PatientID = image.AccessionNumber = uid[-16:]  # so that pairing has nothing to look through
        image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = uid
        yield from write_images([image], folder)


def _message(text: str) -> bytes:
    NAMED.AccessionNumber = NAMED.PatientID = generate_uid()[-16:]
    return compose_oru(outgoing(NAMED, text))


def _get(url: str) -> None:
    with suppress(urllib.error.HTTPError), urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310  loopback
        answer.read()


def give_work(daemon: Daemon) -> None:
    """Send reports enough to keep the language model busy for all of the measurement."""
    with MLLPClient("127.0.0.1", daemon.port("listen")) as client:
        for number in range(BACKLOG):
            client.send_message(_message(drawn_report(number, {"stenosis": ("L4-L5",)}).text))


def waiting_labels(daemon: Daemon) -> int:
    """Count the reports that wait for the language model."""
    with reading(daemon.engine()) as session:
        found = select(func.count()).select_from(Report).where(Report.labels != WorkState.DONE)
        return session.exec(found).one()


def longest_batch(daemon: Daemon) -> float:
    """Give the longest seconds between two labellings that ended while the model was busy."""
    with reading(daemon.engine()) as session:
        ends = select(Change.at).where(Change.kind == "labels", Change.state == "done").order_by(col(Change.id))
        times = [at.timestamp() for at in session.exec(ends)]
    return max((later - earlier for earlier, later in pairwise(times)), default=0.0)


def row(case: str, ours: float, theirs: float) -> dict[str, object]:
    """Give one row of the table; a ratio over 1 is what the busy model costs."""
    ratio = ours / theirs
    values = {"ours": round(ours, 1), "theirs": round(theirs, 1), "unit": "ms", "ratio": round(ratio, 2)}
    return {"case": case, **values, "goal": GOAL, "met": ratio <= GOAL}


def measure(work: Path, seconds: float) -> tuple[list[dict[str, object]], float]:
    """Measure the senders of an idle and of a busy daemon."""
    settings = {"dicom": {"port": 0, "study_quiet_seconds": 3600}, "reports": {"prompt": "direct"}}
    with running_storescp(work / "pacs", "--fork") as pacs, running_daemon(work / "daemon", pacs, settings) as daemon:
        daemon.port("work")
        measure_senders(daemon, work, 2)  # warm
        wait_until(lambda: waiting_labels(daemon) == 0, "an idle model", 600)
        idle = _measure_idle(daemon, work, seconds)
        give_work(daemon)
        busy = measure_senders(daemon, work, seconds)
        if waiting_labels(daemon) == 0:
            raise RuntimeError("The model ran out of work while it was measured. Raise BACKLOG.")
        batch = longest_batch(daemon)
    rows = [row(f"{name}, median", statistics.median(busy[name]), statistics.median(idle[name])) for name in idle]
    rows += [row(f"{name}, 95th percentile", _late(busy[name]), _late(idle[name])) for name in idle]
    return rows, batch


def _measure_idle(daemon: Daemon, work: Path, seconds: float) -> dict[str, list[float]]:
    """Measure in short turns, and let the model finish after each what the turn itself gave it."""
    taken: dict[str, list[float]] = {}
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for name, times in measure_senders(daemon, work, 0.1).items():
            taken.setdefault(name, []).extend(times)
        wait_until(lambda: waiting_labels(daemon) == 0, "an idle model", 600)
    return taken


def _late(times: list[float]) -> float:
    return statistics.quantiles(times, n=20)[-1]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        rows, batch = measure(Path(work), arguments.seconds)
    if arguments.json:
        print(json.dumps({"name": "busy", "rows": rows}))
        return
    print(f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}")
    print(f"the longest that labelling kept the model without an end: {batch:.1f} s")
    print_rows(rows)


if __name__ == "__main__":
    main()
