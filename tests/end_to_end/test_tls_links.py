"""All links of one site by TLS, each tried with OpenSSL's own client and server: nothing older than TLS 1.2."""

import socket
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.report_settings import ServerSettings
from config.settings import Peer
from config.tls_settings import TlsSettings
from integrations.dicom.calling import Unreachable
from integrations.dicom.sender import Delivered, verify
from integrations.tls import client_context
from pipeline.reports.engines.chat_server import Patience
from pipeline.reports.engines.openai import OpenAiEngine
from pipeline.reports.errors import ServerAway, UnusableModel
from tests.peers.certificates import Certificate, make_authority
from tests.peers.chat_server import MODEL, Script, listed, running_chat_server
from tests.peers.daemon import Daemon, running_daemon
from tests.peers.dicom import free_port, is_listened_on
from tests.waiting import wait_until

ROLES = ("receive", "listen", "web")
OLD = ("-cipher", "DEFAULT@SECLEVEL=0")  # without it, OpenSSL itself would not even offer what we are to refuse
QUICK = Patience(attempts=1, answer_seconds=5)


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_authority(tmp_path_factory.mktemp("ours")).issue("spinelabel")


@pytest.fixture(scope="module")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_authority(tmp_path_factory.mktemp("strangers")).issue("stranger")


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory, ours: Certificate) -> Iterator[Daemon]:
    tls = {"certificate": str(ours.certificate), "key": str(ours.key)}
    settings = {name: {"port": 0, "tls": tls} for name in ("dicom", "hl7", "web")}
    pacs = Peer(name="pacs", ae_title="PACS", port=free_port())
    with running_daemon(tmp_path_factory.mktemp("daemon"), pacs, settings, only=",".join(ROLES)) as running:
        yield running


def handshake(port: int, authority: Path, *options: str) -> str:
    """Give what OpenSSL's client says of a handshake."""
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-CAfile", str(authority), "-brief", *options]
    done = subprocess.run(command, input="", capture_output=True, text=True, timeout=30, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("version", ["tls1", "tls1_1"])
def test_an_old_protocol_is_refused_by_every_listener(
    role: str, version: str, daemon: Daemon, ours: Certificate
) -> None:
    said = handshake(daemon.port(role), ours.authority, f"-{version}", *OLD)

    assert "CONNECTION ESTABLISHED" not in said
    assert "no protocols available" not in said  # OpenSSL did offer it


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(("version", "name"), [("tls1_2", "TLSv1.2"), ("tls1_3", "TLSv1.3")])
def test_a_current_protocol_is_spoken_by_every_listener(
    role: str, version: str, name: str, daemon: Daemon, ours: Certificate
) -> None:
    said = handshake(daemon.port(role), ours.authority, f"-{version}")

    assert f"Protocol version: {name}" in said
    assert "Verification: OK" in said


@pytest.mark.parametrize("role", ROLES)
def test_a_cipher_without_forward_secrecy_is_refused_by_every_listener(
    role: str, daemon: Daemon, ours: Certificate
) -> None:
    said = handshake(
        daemon.port(role), ours.authority, "-tls1_2", "-cipher", "AES256-SHA256:AES128-SHA:AES256-GCM-SHA384"
    )

    assert "CONNECTION ESTABLISHED" not in said


def test_the_page_is_shown_by_https_and_not_by_http(daemon: Daemon, ours: Certificate) -> None:
    port = daemon.port("web")
    context = client_context(TlsSettings(authorities=ours.authority))

    with urllib.request.urlopen(f"https://127.0.0.1:{port}/healthz", timeout=30, context=context) as answer:
        assert answer.status == 200
    with pytest.raises(OSError):  # noqa: PT011  a reset or an end, as it comes
        urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=30)


def test_a_caller_that_never_begins_its_handshake_keeps_nobody_from_the_page(daemon: Daemon, ours: Certificate) -> None:
    port = daemon.port("web")
    context = client_context(TlsSettings(authorities=ours.authority))
    silent = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(150)]

    with urllib.request.urlopen(f"https://127.0.0.1:{port}/healthz", timeout=30, context=context) as answer:
        assert answer.status == 200
    for each in silent:
        each.close()


@pytest.mark.parametrize("version", ["tls1_1", "tls1_2"])
def test_a_pacs_is_called_by_a_current_protocol_only(version: str, ours: Certificate) -> None:
    port = free_port()
    command = ["openssl", "s_server", "-accept", str(port), "-cert", str(ours.certificate), "-key", str(ours.key)]
    with subprocess.Popen(
        [*command, f"-{version}", *OLD, "-quiet"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as server:
        wait_until(lambda: is_listened_on(port), "OpenSSL's server")
        peer = Peer(name="pacs", ae_title="PACS", port=port, tls=TlsSettings(authorities=ours.authority))
        began = time.monotonic()
        answer = verify(peer, "TEST") if version == "tls1_1" else None
        took = time.monotonic() - began
        if version == "tls1_2":  # it speaks no DICOM, so only the handshake can be looked at
            with (
                socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
                client_context(TlsSettings(authorities=ours.authority)).wrap_socket(
                    plain, server_hostname="127.0.0.1"
                ) as connection,
            ):
                assert connection.version() == "TLSv1.2"
        server.terminate()

    assert version == "tls1_2" or (isinstance(answer, Unreachable) and "TLS 1.2" in answer.reason)
    assert took < 20
    assert not isinstance(answer, Delivered)


def serving(certificate: Certificate, newest: ssl.TLSVersion) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.certificate, certificate.key)
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    context.minimum_version, context.maximum_version = ssl.TLSVersion.MINIMUM_SUPPORTED, newest
    return context


def script() -> Script:
    return Script(say=lambda _: listed(("yes", -0.1), ("no", -2.5)))


def test_a_language_server_is_asked_by_https_with_a_sites_own_authority(ours: Certificate) -> None:
    with running_chat_server(script(), serving(ours, ssl.TLSVersion.TLSv1_3)) as url:
        engine = OpenAiEngine(ServerSettings(url=url, model=MODEL, authorities=ours.authority), QUICK)

    assert engine.context_length == 4096


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
@pytest.mark.parametrize("fault", ["another authority", "an old protocol"])
def test_a_language_server_that_is_not_to_be_trusted_is_sent_nothing(
    fault: str, ours: Certificate, strangers: Certificate
) -> None:
    shown = strangers if fault == "another authority" else ours
    newest = ssl.TLSVersion.TLSv1_1 if fault == "an old protocol" else ssl.TLSVersion.TLSv1_3
    asked = script()
    with running_chat_server(asked, serving(shown, newest)) as url, pytest.raises(ServerAway):
        OpenAiEngine(ServerSettings(url=url, model=MODEL, authorities=ours.authority), QUICK)

    assert (asked.asked, asked.keys) == ([], set())


@pytest.mark.parametrize("content", [None, "no certificate"], ids=["absent", "no PEM"])
def test_authorities_of_a_language_server_that_cannot_be_read_are_named(content: str | None, tmp_path: Path) -> None:
    path = tmp_path / "authorities.pem"
    if content is not None:
        path.write_text(content)

    with pytest.raises(UnusableModel, match=r"authorities\.pem cannot be used"):
        OpenAiEngine(ServerSettings(url="https://127.0.0.1:1/v1", model=MODEL, authorities=path), QUICK)
