"""Where a request comes from, as the proxies say that the operator trusts, and nobody else."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from tornado.httputil import HTTPServerRequest

UNIX = "unix"
_UNIX_PEER = "0.0.0.0"  # noqa: S104 (what tornado says of a peer on a Unix socket)
_SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Proxies:
    """The proxies that are trusted: addresses, networks, or ``unix`` for those on a Unix socket.

    Raises `ValueError` for what is none of these.
    """

    def __init__(self, trusted: Iterable[str] = ()) -> None:
        words = tuple(trusted)
        self._unix = UNIX in words
        self._networks: tuple[Network, ...] = tuple(ipaddress.ip_network(word) for word in words if word != UNIX)

    def place(self, request: HTTPServerRequest) -> bool:
        """Let a request's address and scheme be those of its client, where a trusted proxy tells them; return whether one does."""
        peer = request.remote_ip or ""
        if not self.trusts(peer):
            return False
        request.remote_ip = self._client(peer, request.headers.get("X-Forwarded-For", ""))
        proto = request.headers.get("X-Forwarded-Proto", "").split(",")[0].strip().lower()
        request.protocol = _SCHEMES.get(proto, request.protocol)
        return True

    def trusts(self, peer: str) -> bool:
        """Whether a connection from there is of a trusted proxy."""
        if peer == _UNIX_PEER:
            return self._unix
        address = _address(peer) if self._networks else None
        return address is not None and any(address in network for network in self._networks)

    def _client(self, peer: str, forwarded: str) -> str:
        """The last address that no trusted proxy has: each proxy appends whom it was asked by, what stands before is hearsay."""
        found = peer
        for word in reversed(forwarded.split(",")):
            address = _address(word.strip())
            if address is None:
                break
            found = str(address)
            if not any(address in network for network in self._networks):
                break
        return found


def _address(word: str) -> Address | None:
    """Read an address, which some proxies write with a port; an IPv4 one that is mapped into IPv6 is one of IPv4."""
    if word.startswith("["):
        word = word[1:].partition("]")[0]
    elif word.count(":") == 1:
        word = word.partition(":")[0]
    try:
        address = ipaddress.ip_address(word.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
