"""TLS contexts for both protocols (BCP 195; DICOM PS3.15, B.9; IHE ATNA): TLS 1.2 with forward secrecy, or 1.3."""

import ssl
from pathlib import Path

from config.tls_settings import TlsSettings
from integrations.errors import UnusableCertificate

_TLS_1_2_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"  # RFC 9325, 4.2

_HANDSHAKE_FAULTS = {
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "it shows no certificate, which is asked for",
    "ALERT_CERTIFICATE_REQUIRED": "it asks for a certificate of ours, and was shown none",
    "ALERT_UNKNOWN_CA": "it does not accept our certificate, whose authority it does not know",
    "ALERT_BAD_CERTIFICATE": "it does not accept our certificate",
    "ALERT_CERTIFICATE": "it does not accept our certificate",
    "ALERT_UNSUPPORTED_CERTIFICATE": "it does not accept our certificate",
    "ALERT_HANDSHAKE_FAILURE": "it agrees to no cipher of ours, or asks for a certificate of ours",
    "ALERT_PROTOCOL_VERSION": "it speaks neither TLS 1.2 nor 1.3",
    "UNSUPPORTED_PROTOCOL": "it speaks neither TLS 1.2 nor 1.3",
    "NO_SHARED_CIPHER": "it has no cipher in common with us",
    "WRONG_VERSION_NUMBER": "it does not speak TLS",
    "HTTP_REQUEST": "it does not speak TLS",
    "UNEXPECTED_EOF": "it ended the connection during the TLS handshake; look whether it accepts our certificate",
}
"""Parts of OpenSSL's reasons, the first that fits counts; the other side is `it`."""


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


def handshake_fault(error: OSError) -> str:
    """Say why a connection came to no TLS, in words that name the side to look at; nothing of what was sent.

    Args:
        error: what Python's ssl raised, on either side.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return "it did not finish the TLS handshake in time"
    reason = str(getattr(error, "reason", None) or "")
    found = next((sentence for part, sentence in _HANDSHAKE_FAULTS.items() if part in reason), None)
    if found is not None:
        return found
    return f"the TLS handshake failed ({reason or type(error).__name__})"


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
