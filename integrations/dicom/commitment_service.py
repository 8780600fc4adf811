"""Storage Commitment on associations that peers open to us (PS3.4, Annex J).

What is answered is in `commitment_answers`. The report goes out later: on the same association if the peer keeps it
open, else by whoever tends to `door.settle`'s rows.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from itertools import count
from typing import cast

from pydicom import dcmread
from pydicom.dataset import Dataset
from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.dimse_messages import N_EVENT_REPORT_RSP
from pynetdicom.dimse_primitives import N_ACTION, N_EVENT_REPORT
from pynetdicom.dsutils import encode
from pynetdicom.events import Event

from integrations.dicom.answers import EventLog, refuse, status_answer
from integrations.dicom.association import sent_data_set
from integrations.dicom.commitment import (
    PUSH_MODEL,
    PUSH_MODEL_INSTANCE,
    REQUEST,
    TRANSFER_SYNTAXES,
    CommitmentReport,
    CommitmentRequest,
    answer_to_report,
    read_request,
    write_report,
)
from integrations.dicom.commitment_answers import (
    INVALID_ARGUMENT,
    NO_SUCH_ACTION,
    NO_SUCH_INSTANCE,
    PROCESSING_FAILURE,
    RESOURCE_LIMITATION,
    WRITTEN_DOWN,
)
from integrations.dicom.commitment_calls import Done, taken_by_status
from integrations.dicom.errors import CommitmentRefused, MayNotAsk, UnusableReference
from integrations.dicom.incoming import IncomingDataSet
from integrations.dicom.receiver import FurtherService

MOST_BYTES = 32 * 1024 * 1024
"""Some 200,000 references: what a request may be long."""

LINGER_SECONDS = 1.0
"""A peer that has kept its association for so long after its request waits there for the report."""

ANSWER_SECONDS = 5.0
SAME_ASSOCIATION_SECONDS = 15.0
"""For so long after a request the report is ours to make on the association that it came on."""

_AT_ONCE = 8


@dataclass(frozen=True)
class CommitmentDoor:
    """Where requests and reports go. All are called from several threads at a time.

    Attributes:
        may_ask: tells whether a calling AE title may ask us to commit.
        take: writes a request down, safely on the disk, and gives its number; raises `CommitmentRefused`.
        examine: looks what is kept of the objects of a request.
        settle: notes that the peer took a report on the association of its request, or that it did not.
        hear: notes what a peer of that AE title says it keeps; tells whether it had been asked.
    """

    may_ask: Callable[[str], bool]
    take: Callable[[CommitmentRequest], int]
    examine: Callable[[int], CommitmentReport]
    settle: Callable[[int, CommitmentReport | None, Done | None], None]
    hear: Callable[[str, CommitmentReport], bool]


def commitment_service(door: CommitmentDoor, log: EventLog) -> FurtherService:
    """Give the service for a receiver."""
    desk = _Desk(door, log)
    handlers = ((evt.EVT_N_ACTION, desk.answer_request), (evt.EVT_N_EVENT_REPORT, desk.answer_report))
    return FurtherService(PUSH_MODEL, TRANSFER_SYNTAXES, handlers)


class _Desk:
    """Answers for one receiver."""

    def __init__(self, door: CommitmentDoor, log: EventLog) -> None:
        self._door, self._log = door, log
        self._reporters = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="commitment")

    def answer_request(self, event: Event) -> tuple[Dataset, None]:
        title = event.assoc.requestor.ae_title.strip()
        try:
            with sent_data_set(event) as action:
                number = self._door.take(self._read(event, title, action))
        except CommitmentRefused as refusal:
            return self._refuse(event, refusal.status, refusal.comment)
        except Exception as error:  # noqa: BLE001  the edge of an association: the peer gets its answer
            return self._refuse(event, PROCESSING_FAILURE.status, f"It cannot be read or kept ({type(error).__name__})")
        report = _Here(event.assoc, event.context.context_id, number, time.monotonic())
        self._reporters.submit(self._report_here, report)
        return status_answer(WRITTEN_DOWN.status), None

    def _read(self, event: Event, title: str, action: IncomingDataSet) -> CommitmentRequest:
        if not self._door.may_ask(title):
            raise MayNotAsk
        request = cast(N_ACTION, event.request)
        if request.ActionTypeID != REQUEST:
            raise CommitmentRefused(NO_SUCH_ACTION, "Action Type ID (0000,1008) is not 1")
        if request.RequestedSOPInstanceUID != PUSH_MODEL_INSTANCE:
            raise CommitmentRefused(NO_SUCH_INSTANCE, f"The SOP instance is {PUSH_MODEL_INSTANCE}")
        if action.size_bytes > MOST_BYTES:
            raise CommitmentRefused(RESOURCE_LIMITATION, "The request is too long; ask for fewer objects at once")
        try:
            transaction_uid, references = read_request(dcmread(action.path))
        except UnusableReference as error:
            raise CommitmentRefused(INVALID_ARGUMENT, str(error)) from error
        return CommitmentRequest(title, event.assoc.acceptor.ae_title.strip(), transaction_uid, references)

    def _refuse(self, event: Event, status: int, comment: str) -> tuple[Dataset, None]:
        return refuse(self._log, event, "storage commitment", status, comment), None

    def answer_report(self, event: Event) -> tuple[Dataset, None]:
        title = event.assoc.requestor.ae_title.strip()
        try:
            with sent_data_set(event) as report:
                given, comment = answer_to_report(dcmread(report.path), partial(self._door.hear, title))
        except Exception as error:  # noqa: BLE001  the edge of an association: the peer may say it again
            given, comment = PROCESSING_FAILURE, f"It cannot be read or kept ({type(error).__name__})"
        return self._refuse(event, given.status, comment) if given.status else (status_answer(given.status), None)

    def _report_here(self, here: "_Here") -> None:
        """Give the report on the association of the request; if the peer does not take it, others give it elsewhere."""
        report, answer = None, None
        try:
            if here.is_kept(LINGER_SECONDS):
                report = self._door.examine(here.number)
                if time.monotonic() < here.since + SAME_ASSOCIATION_SECONDS - 1.5 * ANSWER_SECONDS:
                    answer = here.report(report)
        except Exception as error:  # noqa: BLE001  the edge of a thread: the report goes out on another association
            self._log.warning("commitment not reported", request=here.number, error=type(error).__name__)
        try:
            self._door.settle(here.number, report, answer)
        except Exception as error:  # noqa: BLE001  as above, once its time has come
            self._log.warning("commitment not noted", request=here.number, error=type(error).__name__)


@dataclass(frozen=True)
class _Here:
    """The association on which a request came: since when it waits, in seconds of the monotonic clock."""

    association: Association
    context_id: int
    number: int
    since: float

    def is_kept(self, seconds: float) -> bool:
        """Wait so long, and tell whether the peer has kept the association."""
        while self.association.is_established and time.monotonic() < self.since + seconds:
            time.sleep(0.05)
        return bool(self.association.is_established)

    def report(self, report: CommitmentReport) -> Done | None:
        """Report here; None where the peer does not take it on this association."""
        # pynetdicom's own way waits for the thread that takes answers off the queue, which here is the reading one.
        answered, statuses = threading.Event(), list[int]()
        request = _event_report(self.association, self.context_id, report)

        def note(event: Event) -> None:
            command = event.message.command_set
            if isinstance(event.message, N_EVENT_REPORT_RSP) and command.MessageIDBeingRespondedTo == request.MessageID:
                statuses.append(int(command.Status))
                answered.set()

        self.association.bind(evt.EVT_DIMSE_RECV, note)
        try:
            self.association.dimse.send_msg(request, self.context_id)
            deadline = time.monotonic() + ANSWER_SECONDS
            while not answered.wait(0.05) and self.association.is_established and time.monotonic() < deadline:
                pass
        finally:
            self.association.unbind(evt.EVT_DIMSE_RECV, note)
        answer = taken_by_status(statuses[0] if statuses else None)
        return answer if isinstance(answer, Done) else None


_message_ids = count(1)


def _event_report(association: Association, context_id: int, report: CommitmentReport) -> N_EVENT_REPORT:
    event_type, event = write_report(report)
    context = next(each for each in association.accepted_contexts if each.context_id == context_id)
    syntax = context.transfer_syntax[0]
    encoded = encode(event, syntax.is_implicit_VR, syntax.is_little_endian)
    if encoded is None:
        raise ValueError("the report cannot be encoded")
    request = N_EVENT_REPORT()
    request.MessageID = next(_message_ids) % 0xFFFF
    request.AffectedSOPClassUID = PUSH_MODEL
    request.AffectedSOPInstanceUID = PUSH_MODEL_INSTANCE
    request.EventTypeID = event_type
    request.EventInformation = BytesIO(encoded)
    return request
