"""The door of one receiver: its rules from the settings, and who is in at this moment."""

import threading
import time
from collections import Counter
from collections.abc import Collection, Sequence

from pynetdicom.association import Association

from config.settings import DicomSettings, Peer
from integrations.dicom.addresses import KnownAddresses
from integrations.dicom.admission import (
    TOO_MANY,
    TOO_MANY_OF_PEER,
    Admission,
    Rejection,
    Request,
    Sender,
    admit,
    plain_address,
    plain_title,
)
from integrations.dicom.request_pdu import RequestedAssociation
from integrations.dicom.upper_layer import has_hung_up

LEAVING_SECONDS = 5.0
"""How long one association too many waits for the places of peers that have hung up, whose last object is in hand."""

_AGAIN_SECONDS = 0.02
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
        """Let an association in, which counts from then on until it ends, or say why not.

        Where there is no room but for peers that have hung up, it waits for what they sent last to be dealt with. They
        count until then, so that a disk that has stopped is not asked for ever more.
        """
        address = plain_address(str(association.requestor.address))
        caller = (plain_title(asked.calling), address)
        # Before the lock is taken, since a name service may be slow.
        allowed = self._addresses.of(self._rules.hosts_of(asked.calling))
        until = time.monotonic() + LEAVING_SECONDS
        while True:
            rejection = self._judge(asked, association, caller, allowed)
            is_full = rejection in {TOO_MANY, TOO_MANY_OF_PEER}
            if not is_full or time.monotonic() > until or not any(map(has_hung_up, tuple(self._inside))):
                return rejection
            time.sleep(_AGAIN_SECONDS)

    def _judge(
        self, asked: RequestedAssociation, association: Association, caller: _Caller, allowed: Collection[str]
    ) -> Rejection | None:
        with self._lock:
            self._inside = {each: who for each, who in self._inside.items() if _stands(each)}
            request = Request(
                called=asked.called,
                calling=asked.calling,
                address=caller[1],
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
    threads = (association, association.dul)
    return all(thread.is_alive() for thread in threads) and not (association.is_released or association.is_aborted)
