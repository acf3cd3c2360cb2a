"""The doctor's look at how people reach the service: who may come, by which way, and with which certificate."""

from __future__ import annotations

import ipaddress
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from jupyter_aichat.cli.checks.certificate import certificate
from jupyter_aichat.cli.checks.finding import Finding
from jupyter_aichat.cli.desk import AIChatApp

_LOOPBACK = ("", "localhost", "127.0.0.1", "::1")
_WIDEST = 8
"""Bits of a prefix below which a network is no network of proxies."""


class Front(msgspec.Struct, frozen=True):
    """How people reach the service, as the server's own settings say."""

    ip: str = ""
    certfile: str = ""
    keyfile: str = ""
    sock: str = ""


def registration(app: AIChatApp) -> Finding:
    """Who may make an account."""
    if app.registration == "open":
        return Finding(
            "registration", "warn", "Open: everybody who reaches the service may make an account and use its models.",
            "AIChatApp.registration = 'invitation' or 'closed', unless that is meant.",
        )  # fmt: skip
    return Finding("registration", "ok", f"{app.registration.capitalize()}.")


def front(app: AIChatApp, how: Front) -> Iterator[Finding]:
    """Yield whether what people type stays between them and the service."""
    yield from _proxies(app)
    near = how.ip in _LOOPBACK or bool(how.sock)
    if how.certfile:
        yield from _tls(how)
        if app.trusted_proxies:
            yield Finding("front", "warn", "It has TLS itself, and trusts proxies too; one of them is enough.")
    elif app.trusted_proxies:
        yield Finding("front", "ok", f"A proxy is trusted to have TLS: {', '.join(app.trusted_proxies)}.")
        if not near:
            yield Finding(
                "front", "warn", f"It listens on {how.ip}: who reaches that past the proxy sends passwords in the clear.",
                "--ip=127.0.0.1 or --sock, or a firewall.",
            )  # fmt: skip
    elif near:
        yield Finding(
            "front", "warn", "It listens on this machine alone, and trusts no proxy.",
            "Behind one set AIChatApp.trusted_proxies, or every address is the proxy's and cookies are not Secure.",
        )  # fmt: skip
    else:
        yield Finding(
            "front", "fail", f"It listens on {how.ip} without TLS: passwords and prompts go in the clear.",
            "Set --certfile and --keyfile, or put a proxy with TLS before it (docs/operators/security.md).",
        )  # fmt: skip


def _proxies(app: AIChatApp) -> Iterator[Finding]:
    """Yield which trusted proxies are none, or everybody."""
    for word in app.trusted_proxies:
        try:
            network = None if word == "unix" else ipaddress.ip_network(word)
        except ValueError as error:
            yield Finding("front", "fail", f"AIChatApp.trusted_proxies: {error}.")
            continue
        if network is not None and network.prefixlen < _WIDEST:
            yield Finding(
                "front", "fail", f"AIChatApp.trusted_proxies has {word}: whoever is in there may say any address to be theirs.",
                "Name the proxies themselves.",
            )  # fmt: skip


def _tls(how: Front) -> Iterator[Finding]:
    with suppress(OSError):
        if how.keyfile and Path(how.keyfile).stat().st_mode & stat.S_IRWXO:
            yield Finding("front", "fail", f"Everybody may read {how.keyfile}.", f"chmod 600 {how.keyfile}")
            return
    yield from certificate(how.certfile, how.keyfile)
