"""The door of one receiver: its rules from the settings, and who is in at this moment."""

import threading
from collections import Counter
from collections.abc import Sequence

from pynetdicom.association import Association

from config.settings import DicomSettings, Peer
from integrations.dicom.addresses import KnownAddresses
from integrations.dicom.admission import Admission, Rejection, Request, Sender, admit, plain_address, plain_title
from integrations.dicom.request_pdu import RequestedAssociation

_Caller = tuple[str | None, str]
"""Title and address."""


def rules_of(settings: DicomSettings, peers: Sequence[Peer]) -> Admission:
    """Give the rules of a receiver: peers that may send from their own host, `calling` from anywhere."""
    named = tuple(Sender(peer.ae_title, peer.host) for peer in peers if "send" in peer.may)
    anywhere = tuple(Sender(title, None) for title in settings.calling)
    return Admission(
        ae_title=settings.ae_title,
        senders=named + anywhere,
        max_associations=settings.max_associations,
        max_associations_per_peer=settings.max_associations_per_peer,
    )


class Door:
    """Decides over associations of one process, several at a time, and counts those that it let in."""

    def __init__(self, rules: Admission, addresses: KnownAddresses) -> None:
        self._rules = rules
        self._addresses = addresses
        self._inside: dict[Association, _Caller] = {}
        self._lock = threading.Lock()

    def decide(self, asked: RequestedAssociation, association: Association) -> Rejection | None:
        """Let an association in, which counts from then on until it ends, or say why not."""
        address = plain_address(str(association.requestor.address))
        caller = (plain_title(asked.calling), address)
        # Before the lock is taken, since a name service may be slow.
        allowed = self._addresses.of(self._rules.hosts_of(asked.calling))
        with self._lock:
            self._inside = {each: who for each, who in self._inside.items() if _stands(each)}
            request = Request(
                called=asked.called,
                calling=asked.calling,
                address=address,
                protocol_version=asked.protocol_version,
                application_context=asked.application_context,
                open_in_all=len(self._inside),
                open_of_peer=Counter(self._inside.values())[caller],
            )
            rejection = admit(self._rules, request, allowed)
            if rejection is None:
                self._inside[association] = caller
        return rejection


def _stands(association: Association) -> bool:
    return association.is_alive() and not (association.is_released or association.is_aborted)
