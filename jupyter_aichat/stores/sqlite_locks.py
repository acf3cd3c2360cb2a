"""Which processes on one SQLite file live: each holds an exclusive lock on a file beside the database.

The kernel lets go of the lock when the process ends, however it ends; no clock is compared.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from jupyter_aichat.domain.ids import InstanceId


class InstanceLocks:
    """Lock files ``<database>.<instance>.lock``."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._held: dict[InstanceId, int] = {}

    def _path(self, instance: InstanceId) -> Path:
        return self._database.with_name(f"{self._database.name}.{instance}.lock")

    def hold(self, instance: InstanceId) -> None:
        """Take the lock of an instance of this process."""
        descriptor = os.open(self._path(instance), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._held[instance] = descriptor

    def is_dead(self, instance: InstanceId) -> bool:
        """Whether nobody holds the lock of an instance."""
        if instance in self._held:
            return False
        try:
            descriptor = os.open(self._path(instance), os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(descriptor)
        return True

    def forget(self, instance: InstanceId) -> None:
        """Let go of a lock, if it is ours, and remove its file."""
        self._path(instance).unlink(missing_ok=True)
        descriptor = self._held.pop(instance, None)
        if descriptor is not None:
            os.close(descriptor)
