"""TLS contexts for both protocols (BCP 195; DICOM PS3.15, B.9; IHE ATNA): TLS 1.2 with forward secrecy, or 1.3."""

import ssl
from pathlib import Path

from config.tls_settings import TlsSettings
from integrations.errors import UnusableCertificate

_TLS_1_2_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"  # RFC 9325, 4.2


def server_context(settings: TlsSettings) -> ssl.SSLContext:
    """Give what a server of ours listens with; with authorities, clients without a certificate of theirs get nowhere.

    Raises:
        UnusableCertificate: a file is missing or is not what it should be; the message names it.
    """
    if settings.certificate is None:
        raise UnusableCertificate("A server by TLS needs `certificate` and `key`.")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _prepare(context, settings)
    if settings.authorities is not None:
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def client_context(settings: TlsSettings) -> ssl.SSLContext:
    """Give what we call a server with; its certificate must be of a trusted authority and name the host called.

    Raises:
        UnusableCertificate: a file is missing or is not what it should be; the message names it.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _prepare(context, settings)
    if settings.authorities is None:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    return context


def _prepare(context: ssl.SSLContext, settings: TlsSettings) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_TLS_1_2_CIPHERS)
    try:
        if settings.authorities is not None:
            context.load_verify_locations(settings.authorities)
    except OSError as error:
        raise _unusable(settings.authorities, error) from None
    try:
        if settings.certificate is not None:
            context.load_cert_chain(settings.certificate, settings.key)
    except OSError as error:
        raise _unusable(settings.certificate, error) from None


def _unusable(path: Path | None, error: OSError) -> UnusableCertificate:
    why = "it is no PEM file of that kind, or certificate and key do not belong together"
    return UnusableCertificate(f"{path} cannot be used: {why if isinstance(error, ssl.SSLError) else error.strerror}.")
