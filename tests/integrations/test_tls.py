import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import ValidationError

from config.tls_settings import TlsSettings
from integrations.errors import UnusableCertificate
from integrations.tls import client_context, server_context
from tests.peers.certificates import Certificate, make_authority


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_authority(tmp_path_factory.mktemp("ours")).issue("spinelabel")


@pytest.fixture(scope="module")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_authority(tmp_path_factory.mktemp("strangers")).issue("stranger")


def own(certificate: Certificate, authority: Path | None = None) -> TlsSettings:
    return TlsSettings(certificate=certificate.certificate, key=certificate.key, authorities=authority)


def shake_hands(server: ssl.SSLContext, client: ssl.SSLContext, host: str = "127.0.0.1") -> str | None:
    """Give the version that both agree on, once a byte has gone both ways."""
    here, there = socket.socketpair()
    for end in (here, there):
        end.settimeout(10)

    def serve() -> None:
        try:
            with server.wrap_socket(there, server_side=True) as connection:
                connection.sendall(connection.recv(1))
        finally:
            there.close()

    with ThreadPoolExecutor(1) as threads:
        served = threads.submit(serve)
        with here, client.wrap_socket(here, server_hostname=host) as connection:
            connection.sendall(b"!")
            connection.recv(1)
            version = connection.version()
        served.result()
    return version


def test_both_sides_know_each_other_by_certificates_of_one_authority(ours: Certificate) -> None:
    both = own(ours, ours.authority)

    assert shake_hands(server_context(both), client_context(both)) == "TLSv1.3"


def test_a_client_without_a_certificate_is_let_in_where_no_authorities_are_set(ours: Certificate) -> None:
    client = client_context(TlsSettings(authorities=ours.authority))

    assert shake_hands(server_context(own(ours)), client)


@pytest.mark.parametrize("client_has", ["none", "another authority's"])
def test_a_client_without_a_trusted_certificate_gets_nowhere(
    client_has: str, ours: Certificate, strangers: Certificate
) -> None:
    client = TlsSettings(authorities=ours.authority) if client_has == "none" else own(strangers, ours.authority)

    with pytest.raises(OSError):  # noqa: PT011  an alert or a closed connection, as the versions have it
        shake_hands(server_context(own(ours, ours.authority)), client_context(client))


def test_a_server_of_another_authority_or_another_host_is_not_talked_to(
    ours: Certificate, strangers: Certificate
) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(server_context(own(strangers)), client_context(TlsSettings(authorities=ours.authority)))
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(server_context(own(ours)), client_context(TlsSettings(authorities=ours.authority)), "pacs.example")


def test_old_versions_and_weak_ciphers_are_refused(ours: Certificate) -> None:
    context = server_context(own(ours))

    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    weak = [cipher["name"] for cipher in context.get_ciphers() if "GCM" not in cipher["name"]]
    assert all("CHACHA20" in name for name in weak)


def test_a_file_that_cannot_be_used_is_named(ours: Certificate, tmp_path: Path) -> None:
    text = tmp_path / "text.pem"
    text.write_text("no certificate")

    with pytest.raises(UnusableCertificate, match=r"text\.pem cannot be used: it is no PEM file"):
        server_context(TlsSettings(certificate=text, key=ours.key))
    with pytest.raises(UnusableCertificate, match=r"absent\.pem cannot be used: No such file"):
        client_context(TlsSettings(authorities=tmp_path / "absent.pem"))
    with pytest.raises(UnusableCertificate, match="needs `certificate` and `key`"):
        server_context(TlsSettings())


def test_a_certificate_without_its_key_is_refused_in_the_settings(ours: Certificate) -> None:
    with pytest.raises(ValidationError, match="belong together"):
        TlsSettings(certificate=ours.certificate)
