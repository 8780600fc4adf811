"""The DICOM receiver."""

import threading

from structlog.typing import FilteringBoundLogger

from config.settings import Settings
from integrations.dicom.arrivals import Intake
from integrations.dicom.commitment_service import commitment_service
from integrations.dicom.hint_service import hint_services
from integrations.dicom.incoming import clear_incoming
from integrations.dicom.receiver import start_receiver
from service.committing import commitment_door
from service.heartbeat import Presence
from service.hints import Hints
from service.log import change_log
from service.receiving import Receiving
from service.store.database import open_database
from service.store.objects import ObjectStore


def run(settings: Settings, log: FilteringBoundLogger, stop: threading.Event, presence: Presence) -> None:
    """Receive objects until `stop` is set.

    Raises:
        ReceiverNotStarted: the port is in use or not ours to take.
        UnusableCertificate: a file of `dicom.tls` cannot be used.
    """
    store = ObjectStore(settings.data, keep_free_bytes=int(settings.storage.keep_free_gb * 1e9))
    clear_incoming(store.incoming)
    engine = open_database(settings.data, change_log(log))
    receiving = Receiving(engine, store, settings)
    receiver = start_receiver(
        settings.dicom,
        Intake(store.incoming, receiving.persist, receiving.keep_refused),
        log,
        settings.peers,
        [
            commitment_service(commitment_door(engine, store, settings), log),
            *hint_services(Hints(engine, settings).door(), log),
        ],
    )
    presence.up(receiver.port, receiver.is_alive)
    log.info("listening", host=settings.dicom.host, port=receiver.port, ae_title=settings.dicom.ae_title)
    stop.wait()
    receiver.stop()
