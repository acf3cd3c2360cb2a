"""`OLLAMA_HOST` in all its spellings, read as Ollama's own client reads them (its `envconfig.Host`)."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

DEFAULT_URL = "http://127.0.0.1:11434"
_PORTS = {"": "11434", "http": "80", "https": "443"}
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104  where a server that listens everywhere is


def parse_host(spelling: str) -> str:
    """Return the base URL, without a slash at the end.

    ``host``, ``:port``, ``host:port``, an IPv6 address with or without brackets, each with or without ``http://`` or
    ``https://`` before and a path behind; quotes and white space around are dropped, a port that is none becomes the
    default one. Raises ValueError for another scheme, and for a name and password in the address.
    """
    text = spelling.strip().strip("\"'").strip()
    scheme, separator, rest = text.partition("://")
    scheme, rest = (scheme.lower(), rest) if separator else ("", text)
    if scheme not in _PORTS:
        raise ValueError(f"Ollama is reached over http or https, not {scheme}.")
    place, _, path = rest.partition("/")
    if "@" in place:
        raise ValueError("A name and password in the address would end up in logs; put them into headers.")
    if text == "ollama.com":
        scheme = "https"
    host, port = _split(place)
    port = port if port.isascii() and port.isdigit() and int(port) <= 65_535 else _PORTS[scheme]
    host = _ANY.get(host, host)
    host = f"[{host}]" if ":" in host else host
    path = path.partition("?")[0].partition("#")[0].strip("/")
    return f"{scheme or 'http'}://{host}:{port}{'/' if path else ''}{path}"


def address_of(url: str) -> str:
    """Return ``host:port`` of a URL, for people to read."""
    return urlsplit(url).netloc


def _split(place: str) -> tuple[str, str]:
    """Split host and port; either may be empty."""
    bare = place.strip("[]")
    try:
        return str(ipaddress.ip_address(bare)), ""
    except ValueError:
        host, _, port = place.rpartition(":")
        return (host.strip("[]"), port) if ":" in place else (place, "")
