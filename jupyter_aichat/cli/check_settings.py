"""The doctor's look at this machine and at what was configured: versions, secret, registration, TLS, files of settings."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import ssl
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from jupyter_aichat.auth.keys import read_keys
from jupyter_aichat.cli.desk import AIChatApp
from jupyter_aichat.cli.finding import Finding
from jupyter_aichat.errors import NotReady

_PACKAGES = ("jupyterlab-aichat", "jupyter-server", "tornado", "motor", "redis", "bcrypt", "pyjwt")
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_OF_A_CONTAINER = "/run/secrets"
"""Where containers are given secrets, to be read by whoever is in there: there is nobody else."""
_LOOPBACK = ("", "localhost", "127.0.0.1", "::1")


class Front(msgspec.Struct, frozen=True):
    """How people reach the service, as the server's own settings say."""

    ip: str = ""
    certfile: str = ""
    keyfile: str = ""
    sock: str = ""


def versions() -> Iterator[Finding]:
    """Yield what is installed."""
    found = []
    for name in _PACKAGES:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            found.append(f"{name} not installed")
    missing = any(each.endswith("not installed") for each in found[1:])
    todo = "pip install jupyterlab-aichat" if missing else ""
    yield Finding(
        "versions", "fail" if missing else "ok", f"Python {platform.python_version()}, {', '.join(found)}.", todo
    )


def secret(app: AIChatApp, *, needed: bool = True) -> Iterator[Finding]:
    """Yield how the secret file is; a service of a JupyterHub needs none."""
    if not app.secret_file and not needed:
        yield Finding("secret", "ok", "None is needed: people come with tokens of the JupyterHub.")
        return
    if not app.secret_file:
        yield Finding(
            "secret", "fail", "None: the service does not start without one.",
            "`jupyter aichat secret FILE` makes one; set AIChatApp.secret_file (AICHAT_SECRET_FILE) to it.",
        )  # fmt: skip
        return
    path = Path(app.secret_file).expanduser()
    try:
        keys = read_keys(path)
    except NotReady as error:
        yield Finding("secret", "fail", error.message)
        return
    mode = path.stat()
    if mode.st_mode & _OTHERS and not path.is_relative_to(_OF_A_CONTAINER):
        yield Finding("secret", "fail", f"Others may read {path}.", f"chmod 600 {path}, and rotate it if they could.")
    elif hasattr(os, "geteuid") and mode.st_uid not in (0, os.geteuid()):
        yield Finding("secret", "warn", f"{path} belongs to another user, who may change it.")
    if any(key.algorithm == "EdDSA" for key in keys) and importlib.util.find_spec("cryptography") is None:
        yield Finding("secret", "fail", "A key is EdDSA.", "pip install 'jupyterlab-aichat[eddsa]'")
    yield Finding("secret", "ok", f"{keys[0].kid} ({keys[0].algorithm}) signs, {len(keys) - 1} more are accepted.")


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
    near = how.ip in _LOOPBACK or bool(how.sock)
    if how.certfile:
        yield _certificate(how)
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


def _certificate(how: Front) -> Finding:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(how.certfile, how.keyfile or None)
    except (OSError, ssl.SSLError) as error:
        return Finding(
            "front", "fail", f"The certificate cannot be used: {error}.", "Mend ServerApp.certfile and keyfile."
        )
    if how.keyfile and Path(how.keyfile).stat().st_mode & stat.S_IRWXO:
        return Finding("front", "fail", f"Everybody may read {how.keyfile}.", f"chmod 600 {how.keyfile}")
    return Finding("front", "ok", f"TLS with {how.certfile}.")


def files(loaded: Iterable[str]) -> Iterator[Finding]:
    """Yield who else may write the files of settings, which are programs that the service runs."""
    names = list(loaded)
    for name in names:
        if Path(name).stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            yield Finding("settings", "fail", f"Others may write {name}, which the service runs.", f"chmod go-w {name}")
    yield Finding("settings", "ok", f"Read from {', '.join(names) or 'no file'}, the environment and the arguments.")
