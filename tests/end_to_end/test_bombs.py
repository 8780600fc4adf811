"""Objects and reports made to harm, sent to a running daemon: no role ends or grows, and each has its reason."""

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000Lossless, RLELossless, generate_uid
from sqlmodel import select

from config.settings import Peer
from pipeline.training.drawn_studies import drawn_study
from service.store.database import reading
from service.store.states import WorkState
from service.store.tables import Instance, Report, Study
from tests.faults.ledger import assert_closed
from tests.integrations.dicom.sending import send_files
from tests.integrations.hl7.pdfs import bomb
from tests.integrations.hl7.test_bombs import looped_pages
from tests.integrations.hl7.test_reading import ed, oru
from tests.peers.daemon import Daemon, framed, running_daemon
from tests.peers.dicom import free_port
from tests.peers.models import lend_models
from tests.peers.sent import write_images
from tests.pipeline.images.test_bombs import deflated_bomb, jpeg_2000, nested
from tests.waiting import wait_until

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

ROLES = ("receive", "listen", "work", "web", "clock")
MOST_MORE_BYTES = 700 << 20


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    pacs = Peer(name="pacs", ae_title="PACS", port=free_port())
    folder = tmp_path_factory.mktemp("daemon")
    lend_models(folder / "data")
    with running_daemon(folder, pacs) as running:
        for role in ROLES:
            running.port(role)
        yield running


def objects(folder: Path) -> list[Path]:
    """Write two studies, of each of which some images are bombs, and give their files."""
    images, others = drawn_study(91).datasets, drawn_study(92).datasets
    images[2].Rows = images[2].Columns = 65535
    images[2].PixelData = encapsulate([bytes(64)])
    images[2].file_meta.TransferSyntaxUID = RLELossless
    for image in others:
        image.PixelData = encapsulate([jpeg_2000(60_000, 60_000)])
        image.file_meta.TransferSyntaxUID = JPEG2000Lossless
    (folder / "others").mkdir()
    paths = [*write_images(images, folder), *write_images(others, folder / "others")]
    paths[6].write_bytes(nested(paths[6].read_bytes(), 5_000))
    inflating = folder / "inflating"
    study_uid = images[0].StudyInstanceUID
    paths.append(deflated_bomb(inflating, StudyInstanceUID=study_uid, SOPInstanceUID=generate_uid()))
    return paths


def test_no_role_ends_or_grows_over_what_was_made_to_harm_it(daemon: Daemon, tmp_path: Path) -> None:
    before = {role: psutil.Process(daemon.pid(role)) for role in ROLES}
    held = {role: process.memory_info().rss for role, process in before.items()}
    most = dict(held)

    answers = [answer.Status for answer in send_files(daemon.port("receive"), objects(tmp_path))]
    for number, document in enumerate((bomb(1 << 27), looped_pages())):
        message = oru(ed(document, "PDF")).replace(b"|C1|", b"|C%d|" % number).replace(b"|A1|", b"|A%d|" % number)
        (tmp_path / "report").write_bytes(framed(message))
        assert "MSA|AA" in daemon.send_report(tmp_path / "report")

    def is_over() -> bool:
        for role, process in before.items():
            most[role] = max(most[role], process.memory_info().rss)
        with reading(daemon.engine()) as session:
            states = list(session.exec(select(Study.images)))
        return len(states) == 2 and set(states) <= {WorkState.DONE, WorkState.FAILED}

    wait_until(is_over, "the study to be read or given up", 240)

    assert answers == [0] * len(answers)
    assert {role: daemon.pid(role) for role in ROLES} == {role: process.pid for role, process in before.items()}
    assert {role: most[role] - held[role] for role in ROLES if most[role] - held[role] > MOST_MORE_BYTES} == {}
    with reading(daemon.engine()) as session:
        assert len(session.exec(select(Instance)).all()) == len(answers)
        studies = session.exec(select(Study)).all()
        reports = session.exec(select(Report)).all()
    assert studies[0].images_reason.startswith("no usable sagittal T2 series")
    assert "does not have the size its header gives" in studies[1].images_reason
    assert reports
    assert all("The PDF is not read" in report.labels_reason for report in reports)
    assert_closed(daemon)
