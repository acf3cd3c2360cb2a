"""What a Redis URL means: one server, a service that Sentinels watch, or a Cluster."""

from __future__ import annotations

from typing import Literal
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

_PORTS = {"single": 6379, "sentinel": 26379, "cluster": 6379}
_QUERY = {"db", "sentinel_username", "sentinel_password"}


class RedisAddress(msgspec.Struct, frozen=True):
    """Where Redis is, and who we are there. ``hosts``: (name, port) of the server, the Sentinels or some cluster nodes."""

    kind: Literal["single", "sentinel", "cluster"]
    hosts: tuple[tuple[str, int], ...] = ()
    path: str = ""
    tls: bool = False
    username: str | None = None
    password: str | None = None
    database: int = 0
    service: str = ""
    sentinel_username: str | None = None
    sentinel_password: str | None = None

    def __str__(self) -> str:
        """Where it is, without any password: for logs."""
        where = self.path or ",".join(f"{host}:{port}" for host, port in self.hosts)
        return f"{where}/{self.service}" if self.service else where


def parse(url: str) -> RedisAddress:
    """Return what a URL says; raises `ValueError` with a sentence that does not repeat the URL.

    ``redis://[user:password@]host[:port][/db]`` · ``unix://[user:password@]/path[?db=0]`` ·
    ``redis+sentinel://[user:password@]host[:port],…/service[/db][?sentinel_username=&sentinel_password=]`` ·
    ``redis+cluster://[user:password@]host[:port],…`` · ``rediss`` in place of ``redis`` for TLS.
    """
    parts = urlsplit(url)
    scheme, _, suffix = parts.scheme.partition("+")
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    if scheme not in {"redis", "rediss", "unix"} or (suffix and (scheme == "unix" or suffix not in _PORTS)):
        raise ValueError("its scheme is not redis, rediss, unix, redis+sentinel or redis+cluster")
    if unknown := query.keys() - _QUERY:
        raise ValueError(f"it has an unknown parameter: {min(unknown)}")
    kind: Literal["single", "sentinel", "cluster"] = suffix or "single"  # type: ignore[assignment]
    login, _, where = parts.netloc.rpartition("@")
    username, _, password = login.partition(":")
    service, database = _path(kind, scheme, parts.path)
    return RedisAddress(
        kind,
        hosts=_hosts(where, kind) if scheme != "unix" else (),
        path=unquote(parts.path) if scheme == "unix" else "",
        tls=scheme == "rediss",
        username=unquote(username) or None,
        password=unquote(password) or None,
        database=_number(query.get("db", database) or "0", "database"),
        service=service,
        sentinel_username=query.get("sentinel_username"),
        sentinel_password=query.get("sentinel_password"),
    )


def _hosts(where: str, kind: str) -> tuple[tuple[str, int], ...]:
    hosts = []
    for each in where.split(","):
        name, port = _host(each)
        if not name:
            raise ValueError("it names no host")
        hosts.append((unquote(name), _number(port, "port") if port else _PORTS[kind]))
    if kind == "single" and len(hosts) > 1:
        raise ValueError("it names several hosts, which only redis+sentinel and redis+cluster have")
    return tuple(hosts)


def _host(text: str) -> tuple[str, str]:
    if text.startswith("["):  # an IPv6 address
        name, _, rest = text[1:].partition("]")
        return name, rest.removeprefix(":")
    name, _, port = text.partition(":")
    return name, port


def _path(kind: str, scheme: str, path: str) -> tuple[str, str]:
    """Return the service and the database that a path names."""
    if scheme == "unix":
        if not path.strip("/"):
            raise ValueError("it names no socket")
        return "", ""
    first, _, second = path.strip("/").partition("/")
    if kind == "sentinel":
        if not first:
            raise ValueError("it names no service after the Sentinels' hosts")
        return unquote(first), second
    if kind == "cluster" and first.strip("0"):
        raise ValueError("a Redis Cluster has database 0 only")
    return "", first


def _number(text: str, what: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise ValueError(f"its {what} is not a number")
    return int(text)
