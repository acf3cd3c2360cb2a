"""The service's secret: a file that only its user may read. Made where there is none, never logged."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from jupyter_aichat.errors import NotReady

SECRET_BYTES = 32


def read(path: Path) -> bytes:
    """Return the secret of a file; raises `NotReady` for one that is missing, unreadable or short."""
    try:
        secret = path.read_bytes().strip()
    except OSError as error:
        raise NotReady(f"The secret file {path.name} cannot be read: {error.strerror}.") from error
    if len(secret) < SECRET_BYTES:
        raise NotReady(f"The secret file {path.name} is too short: at least {SECRET_BYTES} bytes.")
    return secret


def read_or_make(path: Path) -> bytes:
    """Return the secret of a file, which is made where it is missing; of many that make it at once one wins."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        made = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        try:
            _write(made, secrets.token_hex(SECRET_BYTES).encode())
            os.link(made, path)
        except FileExistsError:
            pass  # another process was faster, and its secret is ours too
        except OSError as error:
            raise NotReady(f"The secret file {path.name} cannot be made: {error.strerror}.") from error
        finally:
            made.unlink(missing_ok=True)
    return read(path)


def _write(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
