"""The doctor's look at this machine: versions, and files of settings."""

from __future__ import annotations

import importlib.metadata
import platform
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from jupyter_aichat.cli.checks.finding import Finding

_NEEDED = (
    *("jupyterlab-aichat", "jupyter-server", "tornado", "motor", "pymongo", "redis", "bcrypt", "pyjwt"),
    *("aiohttp", "httptools", "httpx", "msgspec", "prometheus-client"),
)
_WELCOME = ("cryptography", "jupyterhub", "opentelemetry-sdk")


def versions() -> Iterator[Finding]:
    """Yield what is installed."""
    found = {name: _version(name) for name in (*_NEEDED, *_WELCOME)}
    missing = [name for name in _NEEDED[1:] if found[name] is None]
    said = [f"{name} {version or 'not installed'}" for name, version in found.items() if version or name in _NEEDED]
    yield Finding(
        "versions", "fail" if missing else "ok", f"Python {platform.python_version()}, {', '.join(said)}.",
        "pip install jupyterlab-aichat" if missing else "",
    )  # fmt: skip


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def files(loaded: Iterable[str]) -> Iterator[Finding]:
    """Yield who else may write the files of settings, which are programs that the service runs."""
    names = list(loaded)
    for name in names:
        if Path(name).stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            yield Finding("settings", "fail", f"Others may write {name}, which the service runs.", f"chmod go-w {name}")
    yield Finding("settings", "ok", f"Read from {', '.join(names) or 'no file'}, the environment and the arguments.")
