"""A study that comes in two parts while every role that handles it is killed (net-04): each part gives one result."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from pydicom import dcmread
from sqlalchemy import func
from sqlmodel import col, select

from integrations.deidentify import pseudonym
from integrations.dicom.sender import Delivered, send_objects
from service.cohort_files import EXAMPLE_COHORTS, find_cohort
from service.exports import export_cohort
from service.store.database import reading
from service.store.states import DeliveryState, WorkState
from service.store.tables import Delivery, Document, FindingRow, Instance, Study
from tests.odd.dicom.phantom import save_all, t2_series
from tests.peers.chat_server import MODEL, Script, listed, running_chat_server
from tests.peers.daemon import Daemon, running_daemon
from tests.peers.dicom import running_storescp
from tests.peers.sent import write_message
from tests.waiting import wait_until

QUIET_SECONDS = 20.0  # longer than a killed receiver takes to be back in the middle of a part
SECONDS = 240

Moment = Callable[[Study, bool], bool]
MOMENTS: dict[str, tuple[str, Moment]] = {
    "the reading is asked for": ("clock", lambda study, _: study.images == WorkState.QUEUED),
    "the images are being read": ("work", lambda study, _: study.images_starts > 0 and study.images == "queued"),
    "the report is being written": ("work", lambda study, _: study.document == WorkState.QUEUED),
    "the report is on its way": ("work", lambda _, is_on_its_way: is_on_its_way),
}
"""When which role is killed, told by the row of a study and whether something is on its way to the PACS."""


@pytest.fixture(scope="module")
def pacs_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pacs")


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory, pacs_folder: Path) -> Iterator[Daemon]:
    with ExitStack() as stack:
        url = stack.enter_context(running_chat_server(Script(lambda _: listed(("yes", -0.1), ("no", -2.5)))))
        pacs = stack.enter_context(running_storescp(pacs_folder, "--fork", "--unique-filenames"))
        settings = {
            "reports": {"server": {"url": url, "model": MODEL}},
            "dicom": {"port": 0, "study_quiet_seconds": QUIET_SECONDS},
        }
        yield stack.enter_context(running_daemon(tmp_path_factory.mktemp("daemon"), pacs, settings))


def draw(folder: Path, name: str, daemon: Daemon) -> tuple[str, list[Path]]:
    """Write a study and send its report; gives the study's UID and the files of its eleven images."""
    images = t2_series(name)
    save_all(images, folder / name)
    paths = sorted((folder / name).iterdir())
    assert "MSA|AA" in daemon.send_report(write_message(images[0], "FINDINGS: Canal stenosis.", folder))
    return str(images[0].StudyInstanceUID), paths


def send(daemon: Daemon, paths: Sequence[Path]) -> None:
    """Send as a PACS does: again, until everything has been taken."""

    def is_taken() -> bool:
        return all(isinstance(answer, Delivered) for answer in send_objects(paths, daemon.peer(), "TEST"))

    wait_until(is_taken, "the images to be taken", SECONDS)


def send_killing_the_receiver(daemon: Daemon, paths: Sequence[Path]) -> None:
    before = count(daemon, Instance)
    with ThreadPoolExecutor(1) as sender:
        sending = sender.submit(send, daemon, paths)
        wait_until(lambda: count(daemon, Instance) > before + 1, "the middle of the images", SECONDS)
        daemon.kill("receive")
        sending.result(SECONDS)


def count(daemon: Daemon, table: type[Instance | Document]) -> int:
    with reading(daemon.engine()) as session:
        return session.exec(select(func.count()).select_from(table)).one()


def on_their_way(daemon: Daemon) -> int:
    with reading(daemon.engine()) as session:
        waiting = select(func.count()).select_from(Delivery).where(Delivery.state != DeliveryState.DELIVERED)
        return session.exec(waiting).one()


def deliver_killing(daemon: Daemon, study_uid: str, documents: int) -> None:
    """Wait until so many structured reports are at the PACS, and kill a role at each moment on the way there."""

    def is_there() -> bool:
        return count(daemon, Document) >= documents and on_their_way(daemon) == 0

    def has_come(moment: Moment) -> bool:
        with reading(daemon.engine()) as session:
            study = session.exec(select(Study).where(Study.study_uid == study_uid)).one()
        return moment(study, on_their_way(daemon) > 0)

    for what, (role, moment) in MOMENTS.items():
        daemon.port(role)  # it is up again after an earlier kill
        wait_until(lambda moment=moment: has_come(moment) or is_there(), what, SECONDS)  # type: ignore[misc]
        if not is_there():
            daemon.kill(role)
            print(f"killed {role} when {what}")  # noqa: T201
    wait_until(is_there, f"{documents} structured reports", SECONDS)


def documents_of(daemon: Daemon, study_uid: str) -> list[Document]:
    with reading(daemon.engine()) as session:
        found = select(Document).join(Study).where(Study.study_uid == study_uid).order_by(col(Document.id))
        return list(session.exec(found))


@pytest.mark.long
@pytest.mark.timeout(900)
def test_images_after_the_quiet_time_give_a_second_result_and_images_before_it_none_through_kills_at_every_moment(
    daemon: Daemon, pacs_folder: Path, tmp_path: Path
) -> None:
    daemon.port("work")
    together, all_at_once = draw(tmp_path, "net-04-together", daemon)
    send_killing_the_receiver(daemon, all_at_once[:6])
    send_killing_the_receiver(daemon, all_at_once[6:])
    apart, in_parts = draw(tmp_path, "net-04-apart", daemon)
    send_killing_the_receiver(daemon, in_parts[:6])
    deliver_killing(daemon, apart, 2)

    send_killing_the_receiver(daemon, in_parts[6:])
    deliver_killing(daemon, apart, 3)

    for role in ("receive", "work", "clock"):
        daemon.kill(role)
    _, others = draw(tmp_path, "afterwards", daemon)
    send(daemon, others)
    later = "a later study, and all that was due before it"
    wait_until(lambda: count(daemon, Document) == 4 and on_their_way(daemon) == 0, later, SECONDS)
    assert len(documents_of(daemon, together)) == 1
    first, second = documents_of(daemon, apart)
    at_pacs = {str(document.SOPInstanceUID): document for document in map(dcmread, pacs_folder.iterdir())}
    (earlier,) = at_pacs[second.sop_instance_uid].PredecessorDocumentsSequence[0].ReferencedSeriesSequence
    assert earlier.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == first.sop_instance_uid
    shows_one_current_row_and_keeps_the_older(daemon, apart)


def shows_one_current_row_and_keeps_the_older(daemon: Daemon, study_uid: str) -> None:
    with reading(daemon.engine()) as session:
        of_images = select(FindingRow).join(Study).where(Study.study_uid == study_uid)
        rows = [(row.condition, row.level, row.superseded is None) for row in session.exec(of_images)]
    current = [row[:2] for row in rows if row[2]]
    assert sorted(current, key=str) == sorted((row[:2] for row in rows if not row[2]), key=str)
    run = export_cohort(daemon.engine(), daemon.data, find_cohort(EXAMPLE_COHORTS, "all-findings"), datetime.now(UTC))
    name = pseudonym((daemon.data / "pseudonym.key").read_bytes(), "study", study_uid)
    table = pl.read_parquet(run.folder / "findings.parquet").filter(pl.col("study") == name)
    exported = table.filter(pl.col("source") == "image").select("condition", "level").rows()
    assert sorted(exported, key=str) == sorted(current, key=str)
    assert len(set(exported)) == len(exported)
