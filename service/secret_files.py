"""The files that hold secrets, by the settings that name them, and who may read them."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from config.settings import Settings
from service.errors import ExposedSecret

PSEUDONYM_KEY = "pseudonym.key"
_TOO_WIDE = stat.S_IRWXO | stat.S_IWGRP | stat.S_IXGRP
"""A group of its own may read a key, as many systems keep those of certificates."""


def secret_files(settings: Settings) -> Iterator[tuple[str, Path]]:
    """Give each file that holds a secret, after the setting that names it; those that are not there too."""
    for name, tls in (
        ("dicom.tls.key", settings.dicom.tls),
        ("hl7.tls.key", settings.hl7.tls),
        ("web.tls.key", settings.web.tls),
        *((f"peers[{peer.name}].tls.key", peer.tls) for peer in settings.peers),
    ):
        if tls is not None and tls.key is not None:
            yield name, tls.key
    server = settings.reports.server
    if server is not None and server.api_key_file is not None:
        yield "reports.server.api_key_file", server.api_key_file
    if (key := settings.data / PSEUDONYM_KEY).exists():
        yield "the key of the pseudonyms", key


def check_secrets(settings: Settings) -> str:
    """Say how many secrets there are, of which each can be read by the service and not by everybody.

    Raises:
        ExposedSecret: one is not there, cannot be read here, or can be read or changed by others.
    """
    count = 0
    for name, path in secret_files(settings):
        if not os.access(path, os.R_OK):
            raise ExposedSecret(f"{path}, {name}: it cannot be read. Give it to the service's user.")
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & _TOO_WIDE:
            raise ExposedSecret(
                f"{path}, {name}: others may read or change it (mode {mode:o}). Run `chmod 600 {path}`, "
                "and think of it as known to them."
            )
        count += 1
    return f"{count} files of secrets, which others cannot read" if count else "no file of secrets is set"
