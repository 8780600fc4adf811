"""A whole site with canaries in everything that names a patient, and with faults of all kinds: none gets out."""

import base64
import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient
from pydicom import Dataset
from sqlmodel import select

from config.settings import DicomSettings, Peer, Settings
from integrations.dicom.calling import Refused
from integrations.dicom.sender import send_objects
from integrations.dicom.stand_in import start_stand_in
from pipeline.training.drawn_reports import drawn_report
from pipeline.training.drawn_studies import drawn_study
from service.log import configure_log
from service.store.database import open_database, reading
from service.store.states import ObjectState, WorkState
from service.store.tables import Delivery, Document, Instance, Message, Report, Study
from service.store.upgrade import upgrade_database
from service.web.pages import make_pages
from tests.faults.ledger import assert_closed
from tests.integrations.hl7.pdfs import pdf
from tests.peers.canaries import MARK, SENTENCE, decoded, find, message, planted, search
from tests.peers.daemon import Daemon, framed, running_daemon
from tests.peers.dicom import free_port
from tests.peers.sent import write_images
from tests.waiting import wait_until

pytestmark = pytest.mark.long

STORE = frozenset({"objects", "spinelabel.sqlite", "spinelabel.sqlite-wal", "spinelabel.sqlite-shm", "models"})
"""Where patients' data belong, and the language model, which came with the package."""
TEXT = drawn_report(1, {"stenosis": ("L4-L5",)}).text + "\n" + SENTENCE
ADDRESSES = (
    f"/{MARK}",
    f"/studies/{MARK}",
    f"/studies/{MARK}/discs.png",
    f"/messages/{MARK}",
    f"/studies?which={MARK}",
    f"/assets/{MARK}",
    f"/assets/..%2f..%2f{MARK}",
)
POSTS: tuple[tuple[str, dict[str, str]], ...] = (
    ("/search", {"nothing": MARK}),
    (f"/deliveries/{MARK}/retry", {}),
    ("/deliveries/99999999999999999999999/cancel", {"of": MARK}),
    ("/studies", {"name": MARK}),
)
COMMANDS = (
    ("pair", "998", "999"),
    ("object", "use", "999"),
    ("cohort", "export", "nothing"),
    ("fetch", "{table}"),
    ("evaluate", "{table}"),
    ("reprocess", "messages", "--state", "refused", "--dry-run"),
    ("outbox", "list", "--json"),
    ("check",),
)


@dataclass(frozen=True)
class Site:
    """A daemon that all of it happened to, the folder for temporary files, and what was said to those who asked."""

    daemon: Daemon
    temporary: Path
    answers: tuple[bytes, ...]
    said: bytes


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    temporary = folder / "tmp"
    temporary.mkdir()
    pacs = Peer(name="pacs", ae_title="PACS", port=free_port())
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("TMPDIR", str(temporary))
        with running_daemon(folder / "daemon", pacs) as daemon:
            daemon.port("work")
            answers = [*break_everything(daemon, folder)]
            daemon.kill("listen")
            back = start_stand_in(
                DicomSettings(ae_title="PACS", port=pacs.port), folder / "pacs", configure_log("pacs")
            )
            try:
                wait_until(lambda: is_over(daemon), "the study at the PACS, and the faults to be known", 280)
            finally:
                back.stop()
            daemon.port("listen")
            answers += [*asked(daemon)]
            said = b"".join(run(daemon, folder, *command) for command in COMMANDS)
            exported = run(daemon, folder, "cohort", "export", "all-findings")
            assert b"rows in" in exported
            assert_closed(daemon)
            yield Site(daemon, temporary, tuple(answers), said + exported)


def break_everything(daemon: Daemon, folder: Path) -> Iterator[bytes]:
    """Send a study and its report, and all that goes wrong; gives what was answered in words."""
    whole = [planted(image, "T2 SAG") for image in drawn_study(61, {"stenosis": ["L4-L5"]}).datasets]
    send(daemon, whole, folder / "whole")
    yield tell(daemon, message(whole[0], "0001", TEXT))

    homeless = deepcopy(whole[0])
    del homeless.StudyInstanceUID
    changed = deepcopy(whole[1])
    changed.PatientComments = f"{MARK}other"
    refused = send(daemon, [homeless, changed], folder / "refused")
    yield from (answer.comment.encode() for answer in refused if isinstance(answer, Refused))

    unreadable = [planted(image, "T2 SAG") for image in drawn_study(62).datasets]
    for number, image in enumerate(unreadable):
        image.PatientID, image.AccessionNumber = f"{MARK}id72", f"{MARK}acc8"
        image.PixelData = image.PixelData[: len(image.PixelData) // 2] if number % 2 else image.PixelData
    send(daemon, unreadable, folder / "unreadable")
    yield tell(daemon, message(unreadable[0], "0002", f"FINDINGS: {SENTENCE} " + f"No {MARK} stenosis. " * 20_000))

    stranger = deepcopy(whole[0])
    stranger.PatientID, stranger.AccessionNumber = f"{MARK}id73", f"{MARK}acc9"
    document = base64.b64encode(pdf([SENTENCE])).decode()
    text = message(stranger, "0003", "See the document.").decode()
    yield tell(daemon, (text + f"OBX|9|ED|1||^AP^PDF^Base64^{document}||||||F\r").encode())
    yield tell(daemon, (text.replace("0003", "0004") + f"OBX|9|ED|1||^AP^PDF^Base64^{MARK}||||||F\r").encode())

    nameless = deepcopy(stranger)
    nameless.PatientID = nameless.AccessionNumber = ""
    yield tell(daemon, message(nameless, "0005", TEXT))
    yield tell(daemon, f"MSH|^~\\&|{MARK}|{MARK}\rPID|{MARK}".encode())
    yield tell(daemon, f"{MARK} and nothing else".encode())
    yield tell(daemon, message(whole[0], "0006", TEXT)[:400], is_whole=False)
    send_objects(
        write_images(whole[:1], folder / "whole"), daemon.peer().model_copy(update={"ae_title": "NOBODY"}), "X"
    )


def send(daemon: Daemon, images: list[Dataset], folder: Path) -> list[object]:
    folder.mkdir(exist_ok=True)
    return list(send_objects(write_images(images, folder), daemon.peer(), "TEST"))


def tell(daemon: Daemon, raw: bytes, *, is_whole: bool = True) -> bytes:
    """Send a message and give the fields of its answer that do not repeat what was sent: MSA-3 and those of ERR."""
    with socket.create_connection(("127.0.0.1", daemon.port("listen")), timeout=60) as connection:
        connection.sendall(framed(raw) if is_whole else framed(raw)[:-2])
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        with contextlib.suppress(TimeoutError):
            while piece := connection.recv(4096):
                answer += piece
    segments = [segment.split(b"|") for segment in answer.split(b"\r")]
    return b"\n".join(
        b"|".join(each[1:] if each[0] == b"ERR" else each[3:]) for each in segments if each[0] in {b"ERR", b"MSA"}
    )


def is_over(daemon: Daemon) -> bool:
    with reading(daemon.engine()) as session:
        deliveries = list(session.exec(select(Delivery.state).join(Document)))
        images = list(session.exec(select(Study.images)))
        labels = list(session.exec(select(Report.labels)))
    settled = {WorkState.DONE, WorkState.FAILED}
    return "delivered" in deliveries and len(images) == 2 and {*images} <= settled and WorkState.FAILED in labels


def asked(daemon: Daemon) -> Iterator[bytes]:
    """Ask the page for what is not there and what monitoring asks; gives status lines, headers and bodies."""
    base = f"http://127.0.0.1:{daemon.port('web')}"
    with httpx.Client(base_url=base, timeout=60) as client:
        for address in (*ADDRESSES, "/healthz", "/readyz", "/metrics"):
            yield said(client.get(address))
        for address, form in POSTS:
            yield said(client.post(address, data=form))
        yield said(client.delete(f"/studies/{MARK}"))


def said(answer: httpx.Response) -> bytes:
    return repr(answer.headers.raw).encode() + answer.content


def run(daemon: Daemon, folder: Path, *command: str) -> bytes:
    """Give what a command says, on whatever it works."""
    table = folder / "table.csv"
    table.write_text(f'id,text,patient\n1,"{SENTENCE}\n2,{MARK},{MARK},{MARK}\n')
    config = folder / "commands.yaml"
    cohorts = Path(__file__).parents[2] / "service" / "cohorts"
    config.write_text(daemon.config.read_text() + f"\nexports: {{cohorts: {cohorts}}}\n")
    filled = [part.format(table=table) for part in command]
    settings = [] if filled[0] in {"label", "evaluate"} else ["--config", str(config)]
    done = subprocess.run(
        [sys.executable, "-m", "service.cli", *filled, *settings], capture_output=True, timeout=120, check=False
    )
    return done.stdout + done.stderr


def test_the_search_finds_the_canaries_where_they_belong(site: Site) -> None:
    pieces = list(decoded(site.daemon.data / "spinelabel.sqlite"))

    assert set.union(*map(find, pieces)) == {"mark", "birth date", "phone"}
    with reading(site.daemon.engine()) as session:
        assert session.exec(select(Instance).where(Instance.state == ObjectState.REFUSED)).all()
        assert session.exec(select(Instance).where(Instance.state == ObjectState.CONFLICT)).all()
        assert {row.ack_code for row in session.exec(select(Message))} >= {"AA", "AE", "AR"}
        assert {row.state for row in session.exec(select(Message))} >= {"refused", "incomplete"}


def test_no_file_but_the_store_holds_a_canary_and_no_file_is_named_for_one(site: Site) -> None:
    assert search(site.daemon.data, leave_out=STORE) == {}
    assert (site.daemon.data / "workflows.sqlite").exists()
    assert list((site.daemon.data / "exports").rglob("*.parquet"))


def test_no_temporary_file_is_left_with_a_canary(site: Site) -> None:
    assert search(site.temporary) == {}


def test_the_log_names_nobody(site: Site) -> None:
    log = site.daemon.log.read_bytes()

    assert log.count(b"\n") > 50
    assert find(log) == set()
    assert b"Traceback" not in log


def test_no_answer_of_the_page_to_what_is_not_there_and_no_metric_names_anybody(site: Site) -> None:
    assert [answer for answer in site.answers if find(answer)] == []
    assert len(site.answers) > 20


def test_no_command_that_fails_or_lists_names_anybody(site: Site) -> None:
    assert find(site.said) == set(), site.said.decode()
    assert b"Traceback" not in site.said


def test_no_process_shows_a_canary_to_other_users_of_the_machine(site: Site) -> None:
    shown = [
        Path(f"/proc/{site.daemon.pid(role)}/{what}").read_bytes()
        for role in ("receive", "listen", "work", "web", "clock")
        for what in ("cmdline", "environ")
    ]

    assert len(shown) == 10
    assert [text for text in shown if find(text)] == []


def test_a_page_that_fails_says_nothing_of_what_it_was_asked(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    upgrade_database(tmp_path)
    engine = open_database(tmp_path)
    pages = TestClient(
        make_pages(Settings(data=tmp_path), engine), base_url="http://127.0.0.1", raise_server_exceptions=False
    )
    for path in tmp_path.glob("spinelabel.sqlite*"):
        os.truncate(path, 0)

    answers = [pages.post("/search", data={"wanted": MARK}), pages.get(f"/studies/{MARK}")]

    assert [answer.status_code for answer in answers] == [500, 500]
    assert not any(find(answer.content) for answer in answers)
    assert not find(caplog.text.encode())
