"""Objects by TLS, in and out, and what is said of certificates that do not fit."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from config.settings import Peer
from config.tls_settings import TlsSettings
from integrations.dicom.calling import Unreachable
from integrations.dicom.sender import Delivered, send_objects, verify
from tests.integrations.dicom.conftest import Running
from tests.peers.certificates import Certificate, make_authority
from tests.peers.dicom import storescu
from tests.waiting import wait_until

Cases = Callable[[str], list[Path]]
Start = Callable[..., Running]


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_authority(tmp_path_factory.mktemp("ours")).issue("spinelabel")


@pytest.fixture(scope="module")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_authority(tmp_path_factory.mktemp("strangers")).issue("stranger")


def own(certificate: Certificate, authority: Path | None = None) -> dict[str, str]:
    files = {"certificate": str(certificate.certificate), "key": str(certificate.key)}
    return files | ({"authorities": str(authority)} if authority else {})


def by_tls(running: Running, **settings: object) -> Peer:
    return running.peer.model_copy(update={"tls": TlsSettings.model_validate(settings)})


def refusals(running: Running) -> list[object]:
    """Give what the log says of connections that came to nothing, once it says anything."""
    lines = wait_until(lambda: list(running.log.lines), "a line in the log")
    assert {event for event, _ in lines} == {"connection refused"}
    assert {fields["address"] for _, fields in lines} == {"127.0.0.1"}
    return [fields["reason"] for _, fields in lines]


def test_our_own_sender_delivers_by_tls(start: Start, ours: Certificate, case_files: Cases) -> None:
    running = start(tls=own(ours))

    answers = send_objects(case_files("plain"), by_tls(running, authorities=ours.authority), "SENDER")

    assert answers == [Delivered(0, "")] * 11
    assert len(running.shelf.received) == 11


def test_dcmtk_delivers_by_tls_with_its_certificate(start: Start, ours: Certificate, case_files: Cases) -> None:
    running = start(tls=own(ours, ours.authority))
    options: list[str | Path] = ["+tls", ours.key, ours.certificate, "+cf", ours.authority, "-aet", "STORESCU"]

    sent = storescu(running.peer, *options, *case_files("plain"))

    assert sent.returncode == 0, sent.stderr
    assert len(running.shelf.received) == 11


def test_dcmtk_without_a_certificate_is_not_let_in_where_one_is_asked_for(
    start: Start, ours: Certificate, case_files: Cases
) -> None:
    running = start(tls=own(ours, ours.authority))

    sent = storescu(running.peer, "+tla", "+cf", ours.authority, *case_files("plain")[:1])

    assert sent.returncode != 0
    assert refusals(running) == ["it shows no certificate, which is asked for"]


def test_a_client_without_tls_is_refused_and_said_to_speak_none(start: Start, ours: Certificate) -> None:
    running = start(tls=own(ours))

    assert isinstance(verify(running.peer, "PLAIN"), Unreachable)

    assert refusals(running) == ["it does not speak TLS"]


def test_a_client_that_says_nothing_keeps_nobody_out_and_is_given_up(start: Start, ours: Certificate) -> None:
    running = start(tls=own(ours), request_timeout_seconds=1)
    peer = by_tls(running, authorities=ours.authority)

    with socket.create_connection(("127.0.0.1", running.receiver.port)) as silent:
        assert verify(peer, "TALKER") == Delivered(0, "")
        silent.settimeout(10)
        assert silent.recv(1) == b""

    assert refusals(running) == ["it did not finish the TLS handshake in time"]


@pytest.mark.parametrize(
    ("shown", "trusted", "said"),
    [
        pytest.param(None, "ours", "it asks for a certificate of ours, and was shown none", id="none of ours"),
        pytest.param(
            "strangers",
            "ours",
            "it does not accept our certificate, whose authority it does not know",
            id="ours of an unknown authority",
        ),
        pytest.param(
            "ours",
            "strangers",
            "its certificate is not accepted: self-signed certificate in certificate chain",
            id="theirs of an unknown authority",
        ),
    ],
)
def test_a_caller_is_told_that_it_is_the_certificate(
    shown: str | None, trusted: str, said: str, start: Start, ours: Certificate, strangers: Certificate
) -> None:
    known = {"ours": ours, "strangers": strangers}
    running = start(tls=own(ours, ours.authority))
    certificate = own(known[shown]) if shown else {}
    peer = by_tls(running, **certificate, authorities=known[trusted].authority)

    assert verify(peer, "CALLER") == Unreachable(f"receiver cannot be reached by TLS: {said}")


def test_a_caller_is_told_that_the_certificate_names_another_host(start: Start, ours: Certificate) -> None:
    running = start(host="127.0.0.2", tls=own(ours))
    peer = by_tls(running, authorities=ours.authority).model_copy(update={"host": "127.0.0.2"})

    answer = verify(peer, "CALLER")

    assert isinstance(answer, Unreachable)
    assert "IP address mismatch" in answer.reason


def test_a_caller_by_tls_is_told_that_the_peer_speaks_none(running: Running, ours: Certificate) -> None:
    answer = verify(by_tls(running, authorities=ours.authority), "CALLER")

    assert isinstance(answer, Unreachable)
    assert "cannot be reached by TLS: it " in answer.reason
    assert "TLS handshake" in answer.reason or "does not speak TLS" in answer.reason
