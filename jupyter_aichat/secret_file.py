"""The service's secret: a file that only its user may read. Made where there is none, never logged."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
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
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _put(path, secrets.token_hex(SECRET_BYTES).encode(), os.link)
        except FileExistsError:
            pass  # another process was faster, and its secret is ours too
        except OSError as error:
            raise NotReady(f"The secret file {path.name} cannot be made: {error.strerror}.") from error
    return read(path)


def make(path: Path, data: bytes) -> None:
    """Make a file; raises `NotReady` where there is one, which is never overwritten."""
    try:
        _put(path, data, os.link)
    except FileExistsError:
        raise NotReady(f"{path} is there already, and is not overwritten.") from None
    except OSError as error:
        raise NotReady(f"{path} cannot be made: {error.strerror}.") from error


def replace(path: Path, data: bytes) -> None:
    """Put other data into a file, all at once; it stays its owner's, and nobody else may read it."""
    try:
        _put(path.resolve(strict=True), data, os.replace)
    except OSError as error:
        raise NotReady(f"{path} cannot be changed: {error.strerror}.") from error


def _put(path: Path, data: bytes, into_place: Callable[[Path, Path], None]) -> None:
    """Write a file beside its place first, so that nobody ever reads half of it."""
    beside = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        _write(beside, data)
        if path.exists() and os.geteuid() == 0:
            owner = path.stat()
            os.chown(beside, owner.st_uid, owner.st_gid)
        into_place(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def _write(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
