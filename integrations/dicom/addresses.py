"""The addresses of hosts that are named in the settings."""

import socket
from collections.abc import Callable, Iterable
from contextlib import suppress

Resolve = Callable[[str], Iterable[str]]


def resolve_host(host: str) -> set[str]:
    """Ask the name service, or the system's own list, for all addresses of a host.

    Raises:
        OSError: it is not known, or nobody answers.
    """
    return {str(found[4][0]) for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}


class KnownAddresses:
    """Looks hosts up each time, since their addresses may change; where that fails, the last known ones count."""

    def __init__(self, resolve: Resolve = resolve_host) -> None:
        self._resolve = resolve
        self._last: dict[str, frozenset[str]] = {}

    def of(self, hosts: Iterable[str]) -> frozenset[str]:
        """Give the addresses of all these hosts together; of one that was never found there are none."""
        found: set[str] = set()
        for host in hosts:
            with suppress(OSError):  # an outage of the name service shuts nobody out who was in before
                self._last[host] = frozenset(self._resolve(host))
            found |= self._last.get(host, frozenset())
        return frozenset(found)
