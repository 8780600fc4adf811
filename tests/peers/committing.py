"""A peer that asks for storage commitment, and one that is asked, made of pynetdicom as a modality's maker would."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pydicom import Dataset
from pydicom.uid import generate_uid
from pynetdicom import AE, build_context, evt
from pynetdicom.association import Association
from pynetdicom.events import Event
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StorageCommitmentPushModel,
    StorageCommitmentPushModelInstance,
    StudyRootQueryRetrieveInformationModelFind,
)

from config.settings import Peer
from integrations.dicom.association import prepare_pynetdicom
from tests.peers.dicom import free_port

PUSH, INSTANCE = StorageCommitmentPushModel, StorageCommitmentPushModelInstance
FIND = StudyRootQueryRetrieveInformationModelFind
Referenced = tuple[str, str]


@dataclass(frozen=True)
class Heard:
    """An N-EVENT-REPORT as it came; `called_from` is the calling title of the association that it came on."""

    transaction_uid: str
    event_type: int
    kept: list[Referenced]
    failed: list[tuple[str, int]]
    called_from: str
    our_association: bool
    roles: tuple[bool | None, bool | None] | None
    syntaxes: list[str]


@dataclass
class CommittingPeer:
    """A modality that listens on `port`, or not while it is away; `status` answers its reports."""

    title: str = "MODALITY"
    port: int = field(default_factory=free_port)
    status: int = 0x0000
    heard: list[Heard] = field(default_factory=list)

    def settings(self, name: str = "modality", *may: Any) -> Peer:
        return Peer(name=name, ae_title=self.title, port=self.port, may=may or ("send", "commit"))

    @contextmanager
    def listening(self, *, answers_roles: bool = True) -> Iterator[None]:
        """Listen for reports; many peers do not answer the proposal of roles."""
        prepare_pynetdicom()
        ae = AE(self.title)
        role = True if answers_roles else None
        ae.add_supported_context(PUSH, scu_role=role, scp_role=role)
        server = ae.start_server(
            ("127.0.0.1", self.port), block=False, evt_handlers=[(evt.EVT_N_EVENT_REPORT, self._hear, [False])]
        )
        assert server is not None
        try:
            yield
        finally:
            server.shutdown()

    def associate(self, peer: Peer, *, hears: bool = True) -> Association:
        prepare_pynetdicom()
        ae = AE(self.title)
        ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = 20
        handlers: list[Any] = [(evt.EVT_N_EVENT_REPORT, self._hear, [True])] if hears else []
        association = ae.associate(
            peer.host, peer.port, [build_context(PUSH)], ae_title=peer.ae_title, evt_handlers=handlers
        )
        assert association.is_established
        return association

    def ask(self, peer: Peer, references: Sequence[Referenced], transaction_uid: str = "") -> tuple[int, str]:
        """Ask and release at once; gives the status and the Transaction UID."""
        association = self.associate(peer)
        uid = transaction_uid or generate_uid()
        status = request(association, action(uid, references))
        association.release()
        return int(status.Status), uid

    def _hear(self, event: Event, is_ours: bool) -> tuple[int, None]:
        said = event.event_information
        requestor = event.assoc.requestor
        role = requestor.role_selection.get(PUSH)
        self.heard.append(
            Heard(
                transaction_uid=str(said.TransactionUID),
                event_type=int(event.request.EventTypeID or 0),  # type: ignore[union-attr]
                kept=[(str(item.ReferencedSOPClassUID), str(item.ReferencedSOPInstanceUID)) for item in _items(said)],
                failed=[
                    (str(item.ReferencedSOPInstanceUID), int(item.FailureReason))
                    for item in said.get("FailedSOPSequence", ())
                ],
                called_from=requestor.ae_title.strip(),
                our_association=is_ours,
                roles=(role.scu_role, role.scp_role) if role else None,
                syntaxes=[str(syntax) for syntax in requestor.requested_contexts[0].transfer_syntax],
            )
        )
        return self.status, None


def _items(said: Dataset) -> Sequence[Dataset]:
    return list(said.get("ReferencedSOPSequence", ()))


def action(transaction_uid: str | None, references: Sequence[Referenced]) -> Dataset:
    """Make an Action Information."""
    data_set = Dataset()
    if transaction_uid is not None:
        data_set.TransactionUID = transaction_uid
    data_set.ReferencedSOPSequence = []
    for sop_class, sop_instance in references:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, sop_instance
        data_set.ReferencedSOPSequence.append(item)
    return data_set


def request(association: Association, data_set: Dataset, action_type: int = 1, instance: str = INSTANCE) -> Dataset:
    """Send an N-ACTION and give the status of its answer."""
    status, _ = association.send_n_action(data_set, action_type, PUSH, instance)
    return status


@dataclass
class Archive:
    """A PACS that is asked to commit; `answer` makes its report of a request, None to say nothing.

    To a C-FIND it gives what it `has`, whatever was asked, and ends with `find_status`.
    """

    title: str = "PACS"
    port: int = field(default_factory=free_port)
    status: int = 0x0000
    asked: list[Dataset] = field(default_factory=list)
    offers: bool = True
    has: list[Dataset] = field(default_factory=list)
    find_status: int = 0x0000
    sought: list[Dataset] = field(default_factory=list)
    on_request: Callable[[Event, Dataset], None] = lambda _event, _action: None

    def settings(self, name: str = "pacs", *may: Any) -> Peer:
        return Peer(name=name, ae_title=self.title, port=self.port, may=may or ("send", "commit"))

    @contextmanager
    def listening(self) -> Iterator[None]:
        prepare_pynetdicom()
        ae = AE(self.title)
        ae.add_supported_context(PUSH if self.offers else "1.2.840.10008.1.1", scu_role=True, scp_role=True)
        ae.add_supported_context(FIND)
        handlers: list[Any] = [(evt.EVT_N_ACTION, self._take), (evt.EVT_C_FIND, self._find)]
        server = ae.start_server(("127.0.0.1", self.port), block=False, evt_handlers=handlers)
        assert server is not None
        try:
            yield
        finally:
            server.shutdown()

    def _find(self, event: Event) -> Iterator[tuple[int, Dataset | None]]:
        self.sought.append(event.identifier)
        for each in self.has:
            yield 0xFF00, each
        yield self.find_status, None

    def _take(self, event: Event) -> tuple[int, None]:
        said = event.action_information
        self.asked.append(said)
        self.on_request(event, said)
        return self.status, None

    def report(self, peer: Peer, report: Dataset, event_type: int, title: str | None = None) -> int:
        """Report on a new association; gives the status that it is answered with."""
        prepare_pynetdicom()
        ae = AE(title or self.title)
        association = ae.associate(peer.host, peer.port, [build_context(PUSH)], ae_title=peer.ae_title)
        assert association.is_established
        status, _ = association.send_n_event_report(report, event_type, PUSH, INSTANCE)
        association.release()
        return int(status.Status)


def report_of(asked: Dataset, reason: int | None = None, transaction_uid: str = "") -> Dataset:
    """Make the report of a request: all kept, or all failed for a reason."""
    report = Dataset()
    report.TransactionUID = transaction_uid or asked.TransactionUID
    if reason is None:
        report.ReferencedSOPSequence = asked.ReferencedSOPSequence
        return report
    report.FailedSOPSequence = asked.ReferencedSOPSequence
    for item in report.FailedSOPSequence:
        item.FailureReason = reason
    return report
