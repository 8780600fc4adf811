"""Who is let in: the decision over an A-ASSOCIATE-RQ, and the answers it can have (PS3.8, 9.3.4, table 9-21).

The tables are data, since the conformance statement says the same.
"""

import ipaddress
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from pydicom.uid import UID

APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"  # PS3.7, A.2.1

PERMANENT, TRANSIENT = 1, 2  # results
SERVICE_USER, PROVIDER_ACSE, PROVIDER_PRESENTATION = 1, 2, 3  # sources

ABSTRACT_SYNTAX_NOT_SUPPORTED, TRANSFER_SYNTAXES_NOT_SUPPORTED = 3, 4  # PS3.8, table 9-18


@dataclass(frozen=True)
class Rejection:
    """An A-ASSOCIATE-RJ: result, source and diagnostic, and what our log says of it."""

    result: int
    source: int
    diagnostic: int
    sentence: str

    @property
    def answer(self) -> tuple[int, int, int]:
        """Give result, source and diagnostic."""
        return self.result, self.source, self.diagnostic


PROTOCOL_VERSION = Rejection(PERMANENT, PROVIDER_ACSE, 2, "protocol version not supported")
APPLICATION_CONTEXT_NAME = Rejection(PERMANENT, SERVICE_USER, 2, "application context name not supported")
CALLED_TITLE = Rejection(PERMANENT, SERVICE_USER, 7, "called AE title not recognized")
CALLING_TITLE = Rejection(PERMANENT, SERVICE_USER, 3, "calling AE title not recognized")
CALLING_ADDRESS = Rejection(PERMANENT, SERVICE_USER, 3, "calling AE title not recognized from this address")
TOO_MANY = Rejection(TRANSIENT, PROVIDER_PRESENTATION, 2, "too many associations")
TOO_MANY_OF_PEER = Rejection(TRANSIENT, PROVIDER_PRESENTATION, 2, "too many associations of this peer")
UNDECIDED = Rejection(TRANSIENT, PROVIDER_ACSE, 1, "it could not be decided, for a fault of ours")

REJECTIONS = (
    PROTOCOL_VERSION,
    APPLICATION_CONTEXT_NAME,
    CALLED_TITLE,
    CALLING_TITLE,
    CALLING_ADDRESS,
    TOO_MANY,
    TOO_MANY_OF_PEER,
    UNDECIDED,
)
"""All that we answer instead of an acceptance; `admit` looks in this order."""


@dataclass(frozen=True)
class Sender:
    """Who may send: a calling AE title, and the host that it calls from; None is any address."""

    ae_title: str
    host: str | None


@dataclass(frozen=True)
class Admission:
    """The rules of one receiver. Without senders any title is let in, from loopback alone."""

    ae_title: str
    senders: tuple[Sender, ...]
    max_associations: int
    max_associations_per_peer: int

    def hosts_of(self, calling: bytes) -> frozenset[str]:
        """Give the hosts that a title may call from, for those whose names are to be resolved."""
        title = plain_title(calling)
        return frozenset(each.host for each in self.senders if each.ae_title.strip() == title and each.host is not None)


@dataclass(frozen=True)
class Request:
    """What decides over an association.

    Titles are the 16 bytes as sent. `open_in_all` and `open_of_peer` count the associations that stand at this moment,
    without this one; a peer is a title at an address.
    """

    called: bytes
    calling: bytes
    address: str
    protocol_version: int
    application_context: bytes
    open_in_all: int
    open_of_peer: int


def admit(rules: Admission, request: Request, addresses: Collection[str]) -> Rejection | None:
    """Decide over an association: None lets it in.

    Spaces and NULs at the ends of a title are padding (PS3.5, 6.2 has only spaces; some fill up with NUL). Titles are
    compared with regard to case.

    Args:
        rules: who is let in.
        request: who asks, and how many are in.
        addresses: those of the hosts that the calling title may call from (`Admission.hosts_of`), as resolved.
    """
    if not request.protocol_version & 1:  # bit 0 is version 1, and nothing else is to be tested: table 9-11
        return PROTOCOL_VERSION
    if request.application_context.strip(b" \0") != APPLICATION_CONTEXT.encode():
        return APPLICATION_CONTEXT_NAME
    if plain_title(request.called) != rules.ae_title.strip():
        return CALLED_TITLE
    return _judge_sender(rules, request, addresses) or _judge_counts(rules, request)


def plain_title(title: bytes) -> str | None:
    """Give an AE title without its padding, or None where it is none: blank, not printable ASCII, or with a backslash.

    PS3.5, 6.2, value representation AE.
    """
    bare = title.strip(b" \0")
    is_title = bool(bare) and all(0x20 <= byte < 0x7F and byte != ord("\\") for byte in bare)
    return bare.decode("ascii") if is_title else None


def takes_class(sop_class: str, *, unknown_classes: bool) -> bool:
    """Tell whether objects of a storage class are taken, where a site may leave out those that nobody has heard of."""
    uid = UID(sop_class)
    return unknown_classes or (uid.type == "SOP Class" and not uid.is_private)


def plain_address(address: str) -> str:
    """Give an IP address in its shortest form, an IPv4 address in IPv6 clothes as the former, without a zone."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    return str(getattr(found, "ipv4_mapped", None) or found)


def _judge_sender(rules: Admission, request: Request, addresses: Collection[str]) -> Rejection | None:
    title, address = plain_title(request.calling), plain_address(request.address)
    if title is None:
        return CALLING_TITLE
    if not rules.senders:
        return None if ipaddress.ip_address(address).is_loopback else CALLING_ADDRESS
    entries = [each for each in rules.senders if each.ae_title.strip() == title]
    if not entries:
        return CALLING_TITLE
    from_anywhere = any(each.host is None for each in entries)
    return None if from_anywhere or address in _plain(addresses) else CALLING_ADDRESS


def _judge_counts(rules: Admission, request: Request) -> Rejection | None:
    if request.open_in_all >= rules.max_associations:
        return TOO_MANY
    return TOO_MANY_OF_PEER if request.open_of_peer >= rules.max_associations_per_peer else None


def _plain(addresses: Iterable[str]) -> set[str]:
    return {plain_address(each) for each in addresses}
