import socket
import ssl
import subprocess
from pathlib import Path

import pytest

from config.settings import Hl7Settings
from config.tls_settings import TlsSettings
from integrations.errors import UnusableCertificate
from integrations.hl7.connection import ListenerLimits
from integrations.tls import client_context
from tests.integrations.hl7.cases import message_of
from tests.integrations.hl7.mllp import Sender, Service, fields_of, listening
from tests.peers.certificates import Certificate, make_authority
from tests.waiting import wait_until

FRAME = b"\x0b" + message_of("d01.hl7") + b"\x1c\r"


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_authority(tmp_path_factory.mktemp("hl7-ours")).issue("spinelabel")


@pytest.fixture(scope="module")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_authority(tmp_path_factory.mktemp("hl7-strangers")).issue("stranger")


def site(certificate: Certificate, authorities: Path | None = None) -> Hl7Settings:
    tls = TlsSettings(certificate=certificate.certificate, key=certificate.key, authorities=authorities)
    return Hl7Settings(port=0, authority="NORTHMOOR", tls=tls)


def known_as(certificate: Certificate, authority: Path) -> ssl.SSLContext:
    own = TlsSettings(certificate=certificate.certificate, key=certificate.key, authorities=authority)
    return client_context(own)


def test_a_sender_with_a_certificate_of_our_authority_is_answered(ours: Certificate) -> None:
    service = Service(site(ours, ours.authority))
    with listening(service) as listener, Sender(listener.port, known_as(ours, ours.authority)) as sender:
        sender.send(FRAME)

        assert fields_of(sender.answer())["MSA"][1] == "AA"
    assert len(service.stored) == 1


def test_openssls_client_is_answered(ours: Certificate) -> None:
    with listening(Service(site(ours))) as listener:
        address = f"127.0.0.1:{listener.port}"
        command = ["openssl", "s_client", "-quiet", "-connect", address, "-CAfile", str(ours.authority)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as run:
            assert run.stdin is not None
            assert run.stdout is not None
            run.stdin.write(FRAME)
            run.stdin.flush()
            answer = b""
            while not answer.endswith(b"\x1c\r"):
                answer += run.stdout.read(1)
            run.terminate()

    assert b"\rMSA|AA|NM0001A\r" in answer


@pytest.mark.parametrize("who", ["nobody", "a stranger", "somebody without TLS"])
def test_who_has_no_certificate_of_our_authorities_gets_nowhere(
    who: str, ours: Certificate, strangers: Certificate
) -> None:
    service = Service(site(ours, ours.authority))
    context = {
        "nobody": client_context(TlsSettings(authorities=ours.authority)),
        "a stranger": known_as(strangers, ours.authority),
        "somebody without TLS": None,
    }[who]
    with listening(service) as listener:
        try:
            with Sender(listener.port, context) as sender:
                sender.send(FRAME)
                assert sender.answer() == b""
        except OSError:
            pass  # an alert or a reset, as the versions have it
        with Sender(listener.port, known_as(ours, ours.authority)) as sender:
            sender.send(FRAME)
            assert fields_of(sender.answer())["MSA"][1] == "AA"
    assert len(service.stored) == 1


def test_handshakes_that_never_end_keep_nobody_out_and_are_ended(ours: Certificate) -> None:
    limits = ListenerLimits(connections=2, handshake_seconds=1)
    with listening(Service(site(ours)), limits) as listener:
        silent = [socket.create_connection(("127.0.0.1", listener.port), timeout=10) for _ in range(20)]
        silent[0].send(b"\x16\x03\x01")  # it begins, and goes no further
        with Sender(listener.port, client_context(TlsSettings(authorities=ours.authority))) as sender:
            sender.send(FRAME)
            assert fields_of(sender.answer())["MSA"][1] == "AA"
        wait_until(lambda: all(is_closed(each) for each in silent) or None, "silent connections to be ended", 10)
        for each in silent:
            each.close()


def is_closed(connection: socket.socket) -> bool:
    connection.settimeout(0.01)
    try:
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


def test_a_certificate_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    tls = TlsSettings(certificate=tmp_path / "absent.pem", key=tmp_path / "absent.key")

    with pytest.raises(UnusableCertificate, match="absent"), listening(Service(Hl7Settings(port=0, tls=tls))):
        pass
