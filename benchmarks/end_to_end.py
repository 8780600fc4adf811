"""The whole path against the sum of its parts: python -m benchmarks.end_to_end [--json] [--studies N].

Ours is the daemon: studies by C-STORE and reports by MLLP in, structured reports out to DCMTK's storescp. Theirs is the
same work with nothing around it: one process that has loaded the same models labels the same reports in batches of the
same size, reads the same images and writes the same number of structured reports, one thing after another. Loading is
left out of both, and so is the quiet time after the last image, which is a setting. Ours keeps everything with fsync,
theirs keeps nothing.
"""

import argparse
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import torch
from pydicom import dcmread
from sqlmodel import func, select

from benchmarks.rows import print_rows
from config.conditions import load_conditions
from config.image_settings import ImageSettings
from integrations.dicom.sender import send_objects
from integrations.sr.document import write_sr
from integrations.sr.values import Installation, SrContent, SrInstance, SrStudy
from pipeline.images.reader import ImageReader, load_image_reader
from pipeline.images.reading import read_study
from pipeline.reports.labelling import Labeller, Report, label_reports, load_labeller
from pipeline.values import ReportLabels
from service.installation import SOFTWARE
from service.store.database import reading
from service.store.states import DeliveryState
from service.store.tables import Delivery
from service.workflows import AT_ONCE, Work
from tests.peers.daemon import Daemon, running_daemon
from tests.peers.dicom import running_storescp
from tests.peers.sent import Sent, draw
from tests.waiting import wait_until

QUIET_SECONDS = 0.5
GOAL = 1.1
WAIT_SECONDS = 3600
CONDITIONS = load_conditions()


@dataclass(frozen=True)
class Parts:
    """The models, loaded."""

    labeller: Labeller
    reader: ImageReader


def seconds_of(work: Callable[[], object]) -> float:
    """Time one piece of work."""
    started = time.monotonic()
    work()
    return time.monotonic() - started


def parts_alone(parts: Parts, studies: Sequence[Sent]) -> float:
    """Give the seconds that labelling, reading and writing take with nothing around them."""
    return seconds_of(lambda: _do_parts(parts, studies))


def _do_parts(parts: Parts, studies: Sequence[Sent]) -> None:
    largest = AT_ONCE[Work.LABEL]
    reports = [Report(str(number), sent.text) for number, sent in enumerate(studies)]
    batches = [reports[start : start + largest] for start in range(0, len(reports), largest)]
    labels = [label for batch in batches for label in label_reports(parts.labeller, batch, CONDITIONS)]
    installation = Installation("2.25.1", "BENCHMARK", "0", CONDITIONS)
    names = tuple(condition.name for condition in CONDITIONS)
    for number, (sent, label) in enumerate(zip(studies, labels, strict=True)):
        found = read_study(parts.reader, sent.images, names)
        own = label.findings if isinstance(label, ReportLabels) else ()
        headers = tuple(dcmread(path, stop_before_pixels=True) for path in sent.images)
        write_sr(
            SrStudy(headers, found.series_uid),
            SrContent((*own, *found.findings), "", None),
            SrInstance(f"2.25.{number + 2}", datetime.now(UTC)),
            installation,
        )


def through_the_daemon(daemon: Daemon, studies: Sequence[Sent]) -> float:
    """Give the seconds from the first sending to the last structured report at the PACS, without the quiet time."""
    before = _delivered(daemon)
    started = time.monotonic()
    for sent in studies:
        send_objects(sent.images, daemon.peer(), "BENCHMARK")
        daemon.send_report(sent.message)
    wait_until(lambda: _delivered(daemon) == before + len(studies), "the structured reports", WAIT_SECONDS)
    return time.monotonic() - started - QUIET_SECONDS


def _delivered(daemon: Daemon) -> int:
    with reading(daemon.engine()) as session:
        return session.exec(
            select(func.count()).select_from(Delivery).where(Delivery.state == DeliveryState.DELIVERED)
        ).one()


def row(case: str, ours: float, theirs: float, unit: str) -> dict[str, object]:
    """Give one row of the table; a ratio over 1 is what the daemon costs."""
    ratio = ours / theirs
    return {
        "case": case,
        "ours": round(ours, 3),
        "theirs": round(theirs, 3),
        "unit": unit,
        "ratio": round(ratio, 3),
        "goal": GOAL,
        "met": ratio <= GOAL,
    }


def measure(work: Path, count: int) -> list[dict[str, object]]:
    """Run both sides, in turn, on one study and on many."""
    drawn = [draw(work / f"study-{seed}", seed) for seed in range(1, count + 3)]
    warm_up, one, many = drawn[:1], drawn[1:2], drawn[2:]
    settings = {"dicom": {"port": 0, "study_quiet_seconds": QUIET_SECONDS}}
    with (
        running_storescp(work / "pacs", "--fork") as pacs,
        running_daemon(work / "daemon", pacs, settings) as daemon,
    ):
        daemon.port("work")
        torch.set_num_threads(max(1, (os.cpu_count() or 2) - 1))  # as the daemon does
        parts = Parts(
            load_labeller("embedded", "shared", daemon.data, SOFTWARE),
            load_image_reader(ImageSettings(classifiers="demonstration"), daemon.data, SOFTWARE),
        )
        through_the_daemon(daemon, warm_up)
        parts_alone(parts, warm_up)
        latency = row(
            "one study: seconds from the first image to its report at the PACS",
            through_the_daemon(daemon, one),
            parts_alone(parts, one),
            "s",
        )
        throughput = row(
            f"{count} studies: seconds a study",
            through_the_daemon(daemon, many) / count,
            parts_alone(parts, many) / count,
            "s",
        )
    return [latency, throughput]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=8)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        rows = measure(Path(work), arguments.studies)
    if arguments.json:
        print(json.dumps({"name": "end_to_end", "rows": rows}))
    else:
        print(f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}")
        print_rows(rows)


if __name__ == "__main__":
    main()
