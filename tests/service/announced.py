"""Our receiver for a modality and an archive that tell of studies, and the sweep that follows."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from pydicom import dcmread
from sqlalchemy import Engine

from config.hint_settings import HintSettings
from config.settings import DicomSettings, Peer, Settings
from integrations.dicom.arrivals import Intake
from integrations.dicom.hint_service import hint_services
from integrations.dicom.receiver import start_receiver
from integrations.dicom.sender import send_objects
from service.hints import Hints
from service.receiving import Receiving
from service.store.columns import utc_now
from service.store.objects import ObjectStore
from service.store.tables import Study
from service.sweep import ask_for_readings
from tests.integrations.dicom.conftest import HeardLog
from tests.odd.dicom.make_cases import write_case
from tests.service.browsing import browse, link, text

STEP, NOTICE = "1.2.9.1", "1.2.9.2"


@dataclass(frozen=True)
class Site:
    """A receiver with what it stores, and the files of one study with the UIDs of their objects."""

    peer: Peer
    settings: Settings
    engine: Engine
    log: HeardLog
    files: list[Path]
    study_uid: str
    uids: list[str]

    def receive(self, files: list[Path] | None = None) -> None:
        send_objects(files or self.files, self.peer, "MODALITY")

    def read(self, after: timedelta = timedelta(0)) -> int:
        """Let the clock look so long from now, and give how many studies are to be read."""
        asked: list[int] = []
        ask_for_readings(self.engine, lambda _kind, study, _work: asked.append(study), self.settings, utc_now() + after)
        return len(asked)

    def page(self, after: timedelta = timedelta(0)) -> str:
        now = utc_now() + after
        pages = browse(self.settings, self.engine, lambda: now)
        return text(pages, f"/studies/{link(self.engine, Study)}")


@contextmanager
def running_site(engine: Engine, folder: Path) -> Iterator[Site]:
    """Run one that lets `scanner` and `pacs` announce, but not `other`."""
    write_case("plain", folder / "sent")
    files = sorted((folder / "sent").rglob("*.dcm"))
    headers = [dcmread(path, stop_before_pixels=True) for path in files]
    uids = [str(header.SOPInstanceUID) for header in headers]
    peers = (
        Peer(name="scanner", ae_title="MODALITY", may=("send", "announce")),
        Peer(name="pacs", ae_title="ARCHIVE", may=("send", "announce")),
        Peer(name="other", ae_title="OTHER", may=("send",)),
    )
    dicom = DicomSettings(port=0, study_quiet_seconds=60, hints=HintSettings(hold_hours=2))
    settings, log = Settings(data=folder, peers=peers, dicom=dicom), HeardLog()
    store = ObjectStore(folder)
    receiving = Receiving(engine, store, settings)
    receiver = start_receiver(
        dicom,
        Intake(store.incoming, receiving.persist, receiving.keep_refused),
        log,
        settings.peers,
        hint_services(Hints(engine, settings).door(), log),
    )
    us = Peer(name="us", ae_title="SPINELABEL", port=receiver.port)
    try:
        yield Site(us, settings, engine, log, files, str(headers[0].StudyInstanceUID), uids)
    finally:
        receiver.stop()
