"""The HTTP server of the service, which nobody can occupy alone: not by many connections, and not by slow ones."""

from __future__ import annotations

import ipaddress
import logging
import resource
from collections.abc import Callable
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.iostream import IOStream

RESERVED_FILES = 256
"""File descriptors for everything but connections of clients: the store, Redis, the model server, files."""

_LEAST_PRUNED = 256


class BoundedServer(HTTPServer):
    """Takes so many connections, and so many from one address (of IPv6: one /64 network).

    Trusted proxies may have as many as there are: they speak for many. What is beyond is closed at once.
    """

    def initialize(  # type: ignore[override]
        self,
        *args: Any,
        most: int,
        most_of_one: int,
        is_proxy: Callable[[str], bool],
        log: logging.Logger,
        **kwargs: Any,
    ) -> None:
        """Take tornado's arguments and the bounds."""
        super().initialize(*args, **kwargs)
        self._most, self._most_of_one, self._is_proxy, self._log = most, most_of_one, is_proxy, log
        self._streams: dict[str, set[IOStream]] = {}
        self._count, self._prune_at = 0, _LEAST_PRUNED
        self._refusing = False

    def handle_stream(self, stream: IOStream, address: Any) -> None:
        """Serve a connection, or close it."""
        place = _place(address)
        mine = self._streams.setdefault(place, set())
        if self._count >= min(self._prune_at, self._most):
            for found in self._streams.values():
                self._prune(found)
            self._streams = {each: found for each, found in self._streams.items() if found or each == place}
            self._prune_at = max(2 * self._count, _LEAST_PRUNED)
        if len(mine) >= self._most_of_one:
            self._prune(mine)
        too_many_of_one = len(mine) >= self._most_of_one and place and not self._is_proxy(place)
        if self._count >= self._most or too_many_of_one:
            self._refuse(stream, place)
            return
        self._refusing = False
        mine.add(stream)
        self._count += 1
        super().handle_stream(stream, address)

    def _prune(self, found: set[IOStream]) -> None:
        """Forget connections that have gone: of those that became WebSockets tornado's server hears nothing more."""
        gone = {each for each in found if each.closed()}
        found -= gone
        self._count -= len(gone)

    def _refuse(self, stream: IOStream, place: str) -> None:
        if not self._refusing:
            self._log.warning(
                "Connections are refused: %s of %s, %s in all", len(self._streams[place]), place, self._count
            )
        self._refusing = True
        stream.close()


def bound(wanted: int) -> int:
    """Return how many connections the process can have, at most `wanted`; raises its limit of open files for them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + RESERVED_FILES
    if soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return max(min(wanted, soft - RESERVED_FILES), 1)


def _place(address: Any) -> str:
    """Whom connections are counted for; those on a Unix socket, for nobody."""
    if not isinstance(address, tuple):
        return ""
    try:
        found = ipaddress.ip_address(str(address[0]).partition("%")[0])
    except ValueError:
        return ""
    if isinstance(found, ipaddress.IPv6Address):
        mapped = found.ipv4_mapped
        return str(mapped) if mapped else str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)
