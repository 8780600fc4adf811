"""Settings of connections by TLS."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from config.section import Section


class TlsSettings(Section):
    """Certificates of one side of a connection, as PEM files."""

    certificate: Annotated[
        Path | None, Field(description="Our certificate, with those between it and its authority. A server needs one.")
    ] = None
    key: Annotated[Path | None, Field(description="The private key of the certificate, without a passphrase.")] = None
    authorities: Annotated[
        Path | None,
        Field(
            description="The authorities whose certificates are trusted. A server that is given them lets in only "
            "clients with such a certificate; a client without them trusts those of the operating system."
        ),
    ] = None

    @model_validator(mode="after")
    def _are_a_pair(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key belong together; give both or neither")
        return self
