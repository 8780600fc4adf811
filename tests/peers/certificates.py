"""Certificates of an invented authority, made by OpenSSL for one test run."""

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Certificate:
    """A certificate and its key, as PEM files, and the authority that stands for it."""

    certificate: Path
    key: Path
    authority: Path


@dataclass(frozen=True)
class Authority:
    """A certificate authority in a folder of its own."""

    folder: Path
    certificate: Path
    key: Path

    def issue(self, name: str) -> Certificate:
        """Issue a certificate for 127.0.0.1 and localhost to `name`."""
        key, request, certificate = (self.folder / f"{name}.{suffix}" for suffix in ("key", "csr", "pem"))
        _openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", request, "-subj", f"/CN={name}")
        extensions = self.folder / "extensions"
        extensions.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
        signed_by = ("-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial", "-days", "2")
        _openssl("x509", "-req", "-in", request, "-out", certificate, "-extfile", extensions, *signed_by)
        return Certificate(certificate, key, self.certificate)


def make_authority(folder: Path) -> Authority:
    """Make an authority that nobody else trusts."""
    folder.mkdir(parents=True, exist_ok=True)
    key, certificate = folder / "authority.key", folder / "authority.pem"
    subject = ("-subj", "/CN=Test authority", "-days", "2")
    _openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, *subject)
    return Authority(folder, certificate, key)


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
