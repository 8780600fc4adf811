"""The decision over an association, and the addresses that it rests on."""

import socket

import pytest

from config.settings import DicomSettings, Peer
from integrations.dicom.addresses import KnownAddresses, resolve_host
from integrations.dicom.admission import (
    APPLICATION_CONTEXT,
    CALLING_ADDRESS,
    REJECTIONS,
    TOO_MANY,
    TOO_MANY_OF_PEER,
    Admission,
    Rejection,
    Request,
    Sender,
    admit,
    takes_class,
)
from integrations.dicom.door import rules_of

TABLE_9_21 = {(1, 1), (1, 2), (1, 3), (1, 7), (2, 1), (2, 2), (3, 1), (3, 2)}
"""Source and diagnostic: PS3.8, 9.3.4."""


def rules(*senders: Sender) -> Admission:
    return Admission("SPINELABEL", senders, max_associations=3, max_associations_per_peer=2)


def request(address: str = "192.0.2.7", open_in_all: int = 0, open_of_peer: int = 0) -> Request:
    context = APPLICATION_CONTEXT.encode()
    return Request(b"SPINELABEL      ", b"CT              ", address, 1, context, open_in_all, open_of_peer)


@pytest.mark.parametrize(
    ("address", "rejection"),
    [
        pytest.param("192.0.2.7", None, id="the first address of its host"),
        pytest.param("2001:db8::7", None, id="another address of its host"),
        pytest.param("2001:0db8:0::0:7", None, id="the same, written at length"),
        pytest.param("::ffff:192.0.2.7", None, id="IPv4 in IPv6 clothes"),
        pytest.param("192.0.2.8", CALLING_ADDRESS, id="another host"),
    ],
)
def test_a_host_may_have_several_addresses(address: str, rejection: Rejection | None) -> None:
    known = {"192.0.2.7", "2001:db8::7"}

    assert admit(rules(Sender("CT", "ct.example.org")), request(address), known) == rejection


@pytest.mark.parametrize(
    ("address", "rejection"),
    [
        pytest.param("127.0.0.1", None, id="loopback"),
        pytest.param("::1", None, id="loopback, IPv6"),
        pytest.param("192.0.2.7", CALLING_ADDRESS, id="anywhere else"),
    ],
)
def test_without_a_list_only_loopback_is_let_in(address: str, rejection: Rejection | None) -> None:
    assert admit(rules(), request(address), ()) == rejection


@pytest.mark.parametrize(
    ("counts", "rejection"),
    [
        pytest.param((2, 1), None, id="there is room"),
        pytest.param((3, 1), TOO_MANY, id="none in all"),
        pytest.param((2, 2), TOO_MANY_OF_PEER, id="none for this peer"),
    ],
)
def test_places_are_counted_in_all_and_per_peer(counts: tuple[int, int], rejection: Rejection | None) -> None:
    assert admit(rules(Sender("CT", None)), request("192.0.2.7", *counts), ()) == rejection


def test_every_answer_is_one_of_the_standards_table() -> None:
    assert {(each.source, each.diagnostic) for each in REJECTIONS} <= TABLE_9_21
    assert {each.result for each in REJECTIONS} == {1, 2}


def test_the_rules_come_from_the_settings() -> None:
    peers = [
        Peer(name="ct", ae_title="CT", host="ct.example.org"),
        Peer(name="archive", ae_title="ARCHIVE", host="192.0.2.9", may=("query",)),
    ]

    found = rules_of(DicomSettings(calling=("ROVING",)), peers)

    assert found.senders == (Sender("CT", "ct.example.org"), Sender("ROVING", None))
    assert found.hosts_of(b"CT\0\0") == {"ct.example.org"}
    assert found.hosts_of(b"ROVING ") == frozenset()


@pytest.mark.parametrize(
    ("sop_class", "taken"),
    [
        pytest.param("1.2.840.10008.5.1.4.1.1.4", True, id="MR images"),
        pytest.param("1.2.840.10008.5.1.4.1.1.5", True, id="a retired class"),
        pytest.param("1.2.840.10008.1.1", True, id="Verification"),
        pytest.param("1.3.46.670589.11.0.0.12.2", False, id="a maker's own"),
        pytest.param("1.2.840.10008.5.1.4.1.1.9999", False, id="a class of the future"),
    ],
)
def test_classes_that_nobody_has_heard_of_can_be_left_out(sop_class: str, taken: bool) -> None:
    assert takes_class(sop_class, unknown_classes=False) == taken
    assert takes_class(sop_class, unknown_classes=True)


def test_a_host_that_cannot_be_looked_up_keeps_its_last_addresses() -> None:
    answers = {"ct": ["192.0.2.7"]}

    def resolve(host: str) -> list[str]:
        if host not in answers:
            raise socket.gaierror
        return answers[host]

    known = KnownAddresses(resolve)

    assert known.of(["ct", "unheard-of"]) == {"192.0.2.7"}
    answers["ct"] = ["192.0.2.8"]
    assert known.of(["ct"]) == {"192.0.2.8"}
    answers.clear()
    assert known.of(["ct"]) == {"192.0.2.8"}


def test_names_are_resolved_by_the_system() -> None:
    assert "127.0.0.1" in resolve_host("localhost")
    assert resolve_host("192.0.2.7") == {"192.0.2.7"}
