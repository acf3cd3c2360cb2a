"""The doctor's look at the secret that the service signs with."""

from __future__ import annotations

import importlib.util
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from jupyter_aichat.auth.keys import read_keys
from jupyter_aichat.cli.checks.finding import Finding
from jupyter_aichat.cli.desk import AIChatApp
from jupyter_aichat.errors import NotReady

OLD_DAYS = 365
OTHERS = stat.S_IRWXG | stat.S_IRWXO
_DAY_S = 24 * 3600
_OF_A_CONTAINER = "/run/secrets"
"""Where containers are given secrets, to be read by whoever is in there: there is nobody else."""


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
    yield from _file(path)
    if any(key.algorithm == "EdDSA" for key in keys) and importlib.util.find_spec("cryptography") is None:
        yield Finding("secret", "fail", "A key is EdDSA.", "pip install 'jupyterlab-aichat[eddsa]'")
    yield Finding("secret", "ok", f"{keys[0].kid} ({keys[0].algorithm}) signs, {len(keys) - 1} more are accepted.")


def _file(path: Path) -> Iterator[Finding]:
    found = path.stat()
    if found.st_mode & OTHERS and not path.is_relative_to(_OF_A_CONTAINER):
        yield Finding("secret", "fail", f"Others may read {path}.", f"chmod 600 {path}, and rotate it if they could.")
    elif hasattr(os, "geteuid") and found.st_uid not in (0, os.geteuid()):
        yield Finding("secret", "warn", f"{path} belongs to another user, who may change it.")
    days = (time.time() - found.st_mtime) / _DAY_S
    if days > OLD_DAYS:
        yield Finding(
            "secret", "warn", f"It has not been changed for {days:.0f} days.",
            "Rotate it: `jupyter aichat secret --help` says how, without logging anybody out.",
        )  # fmt: skip
