"""Where studies arrive: Verification and Storage SCP (PS3.4, Annexes A and B).

What an object is answered:

| what happened | status | bytes kept by |
|---|---|---|
| `persist` gave an outcome (stored, known already, conflict) | 0000H | `persist` |
| a needed UID is missing, is none or, as `persist` may raise, contradicts the store | C000H | `keep_refused` |
| SOP class or instance differs from the command's | A900H | `keep_refused` |
| `persist` raised `OutOfResources`, or anything else failed | A700H | the sender, who may try again |

The association goes on after each of them. 0000H is given only after `persist` has come back.
"""

import sys
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom import AE, evt
from pynetdicom.events import Event
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from config.settings import DicomSettings, Peer
from integrations.dicom.addresses import KnownAddresses
from integrations.dicom.admission import UNDECIDED, takes_class
from integrations.dicom.answers import EventLog
from integrations.dicom.arrivals import Intake
from integrations.dicom.association import (
    ReceivingServer,
    Surroundings,
    prepare_pynetdicom,
    reject,
    requested_association,
    store_request,
)
from integrations.dicom.door import Door, rules_of
from integrations.dicom.errors import ReceiverNotStarted
from integrations.dicom.part10 import (
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
    FileMeta,
)
from integrations.dicom.taking import WayIn, answer_store, places
from integrations.tls import handshake_fault, server_context


@dataclass(frozen=True)
class FurtherService:
    """A service besides storage, in either role: its SOP class, and pynetdicom's handlers of its requests."""

    sop_class: UID
    transfer_syntaxes: tuple[UID, ...]
    handlers: tuple[tuple[Any, Any], ...]


class Receiver:
    """A running Storage SCP, made by `start_receiver`; `port` is the one it listens on."""

    def __init__(self, settings: DicomSettings, way_in: WayIn, door: Door, services: Sequence[FurtherService]) -> None:
        self._settings = settings
        self._way_in = way_in
        self._door = door
        self._log = way_in.log
        self._services = services
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._server = self._listen()
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="dicom-receiver", daemon=True
        )
        self._thread.start()

    def is_alive(self) -> bool:
        """Tell whether associations are still taken."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """Stop listening and abort what is under way; senders keep what was not acknowledged."""
        self._server.shutdown()

    def counts(self) -> dict[str, int]:
        """Give how many objects had each outcome since the start; refusals count by their status, as in `A700`."""
        with self._lock:
            return dict(self._counts)

    def _listen(self) -> ReceivingServer:
        ae = AE(self._settings.ae_title)
        ae.implementation_class_uid = IMPLEMENTATION_CLASS_UID
        ae.implementation_version_name = IMPLEMENTATION_VERSION_NAME
        ae.add_supported_context(Verification)
        for service in self._services:
            ae.add_supported_context(service.sop_class, list(service.transfer_syntaxes), scu_role=True, scp_role=True)
        ae.maximum_pdu_size = self._settings.max_pdu_bytes
        ae.maximum_associations = sys.maxsize  # `_decide` counts
        ae.network_timeout = self._settings.network_timeout_seconds
        tls = server_context(self._settings.tls) if self._settings.tls else None
        surroundings = Surroundings(
            incoming=self._way_in.intake.incoming,
            takes_class=partial(takes_class, unknown_classes=self._settings.unknown_classes),
            tls=tls,
            note_fault=self._note_fault,
            note_handshake=self._note_handshake,
        )
        host, port = self._settings.host, self._settings.port
        try:
            server = ae.make_server(
                (host, port),
                evt_handlers=[
                    (evt.EVT_REQUESTED, self._decide),
                    (evt.EVT_C_STORE, self._answer),
                    *(handler for service in self._services for handler in service.handlers),
                ],
                server_class=ReceivingServer,
                surroundings=surroundings,
            )
        except OSError as error:
            raise ReceiverNotStarted(
                f"Cannot listen on {host}:{port}: {error.strerror}. Free it, or change dicom.host and dicom.port."
            ) from error
        return cast(ReceivingServer, server)

    def _answer(self, event: Event) -> Dataset | int:
        request, data_set = store_request(event)
        meta = FileMeta(
            sop_class_uid=str(request.AffectedSOPClassUID),
            sop_instance_uid=str(request.AffectedSOPInstanceUID),
            transfer_syntax_uid=str(event.context.transfer_syntax),
            source_ae=event.assoc.requestor.ae_title.strip(),
        )
        outcome, answer = answer_store(self._way_in, data_set, meta, _address(event))
        self._count(outcome)
        return answer

    def _note_fault(self, error: Exception) -> None:
        self._log.warning("association ended by a fault", error=type(error).__name__, at=places(error))

    def _count(self, outcome: str) -> None:
        with self._lock:
            self._counts[outcome] += 1

    def _decide(self, event: Event) -> None:
        """Let an association in or reject it; pynetdicom would let in whatever raises here."""
        asked = requested_association(event)
        try:
            rejection = self._door.decide(asked, event.assoc)
        except Exception as error:  # noqa: BLE001
            self._note_fault(error)
            rejection = UNDECIDED
        if rejection is None:
            return
        self._log.warning(
            "association rejected",
            reason=rejection.sentence,
            called=ascii(asked.called.decode("latin_1")),
            calling=ascii(asked.calling.decode("latin_1")),
            address=_address(event),
        )
        reject(event, rejection)

    def _note_handshake(self, error: OSError, address: str) -> None:
        self._log.warning("connection refused", reason=handshake_fault(error), address=address)


def start_receiver(
    settings: DicomSettings,
    intake: Intake,
    log: EventLog,
    senders: Sequence[Peer] = (),
    services: Sequence[FurtherService] = (),
) -> Receiver:
    """Listen for associations, in threads of this process.

    Who is let in is decided by `admission`. Every storage SOP class is taken, unknown and private ones too unless the
    settings leave them out, in every transfer syntax. pynetdicom's own log is switched off for the whole process, since
    it may quote what passes. Clear the folder with `clear_incoming` first.

    Args:
        settings: port 0 takes a free port.
        intake: where objects go.
        log: gets refusals and rejections, without a patient's data.
        services: what is offered besides storage.
        senders: peers that may send, each from its own address.

    Raises:
        ReceiverNotStarted: the address or port cannot be listened on.
        UnusableCertificate: a file of the TLS settings cannot be used.
    """
    prepare_pynetdicom()
    door = Door(rules_of(settings, senders), KnownAddresses())
    return Receiver(settings, WayIn(intake, settings.charset, log), door, services)


def _address(event: Event) -> str:
    return str(event.assoc.requestor.address)
