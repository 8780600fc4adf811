"""A structured report in the outbox, whose destination is asked whether it keeps it."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydicom import Dataset
from sqlalchemy import Engine
from sqlmodel import col, select

from config.settings import DicomSettings, Peer, Settings
from integrations.dicom.arrivals import Intake
from integrations.dicom.commitment_service import commitment_service
from integrations.dicom.receiver import Receiver, start_receiver
from service.committing import commitment_door
from service.confirmations import Confirmations, ask
from service.log import configure_log
from service.outbox import Outbox, deliver
from service.receiving import Receiving
from service.seeking import seek
from service.store.commitment_tables import Commitment
from service.store.database import reading, writing
from service.store.objects import ObjectStore
from service.store.tables import Delivery, Document
from tests.peers.committing import Archive
from tests.service.rows import NOW, add_study


@dataclass(frozen=True)
class Site:
    """A delivery that a PACS took, and what is there to ask about it."""

    pacs: Archive
    settings: Settings
    confirmations: Confirmations

    @property
    def engine(self) -> Engine:
        return self.confirmations.engine

    def deliver(self, now: datetime = NOW) -> None:
        deliver(Outbox(self.engine, self.confirmations.store, self.settings), 1, now)

    def tend(self, now: datetime = NOW) -> None:
        """Do what the clock does every second."""
        ask(self.confirmations, self.settings.peer("pacs"), now)
        seek(self.confirmations, self.settings.peer("pacs"), now)

    def delivery(self) -> Delivery:
        with reading(self.engine) as session:
            return session.get_one(Delivery, 1)

    def rows(self) -> list[Commitment]:
        with reading(self.engine) as session:
            return list(session.exec(select(Commitment).order_by(col(Commitment.id))))

    def receiver(self) -> Receiver:
        """Start our receiver, at which the PACS may report."""
        store, log = self.confirmations.store, configure_log("receive")
        receiving = Receiving(self.engine, store, self.settings)
        return start_receiver(
            DicomSettings(port=0),
            Intake(store.incoming, receiving.persist, receiving.keep_refused),
            log,
            services=[commitment_service(commitment_door(self.engine, store, self.settings), log)],
        )


def delivering_site(engine: Engine, folder: Path, image: Dataset, pacs: Archive, peer: Peer) -> Site:
    """Put an object into the outbox, for a peer `pacs`."""
    add_study(engine)
    store = ObjectStore(folder)
    arrived = store.incoming / "sr"
    image.save_as(arrived, enforce_file_format=True)
    with writing(engine) as session:
        session.add(
            Document(
                study_id=1, accepts="trial", inputs="0", sop_instance_uid=str(image.SOPInstanceUID),
                file=store.place(arrived, "ab" * 32), sha256="ab" * 32, created=NOW,
            )
        )  # fmt: skip
        session.flush()
        session.add(Delivery(document_id=1, destination="pacs", next_attempt=NOW))
    settings = Settings(data=folder, peers=(peer, Peer(name="other", ae_title="OTHER", may=("commit",))))
    return Site(pacs, settings, Confirmations(engine, store, settings, wait_seconds=2))
