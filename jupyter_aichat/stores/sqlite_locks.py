"""Which processes on one SQLite file live: each holds an exclusive lock on a file beside the database.

The kernel lets go of the lock when the process ends, however it ends; no clock is compared. These are `flock`s, not
POSIX locks, which any code of the process would drop that opens and closes the file (a backup, say). But a `flock`
lives in every forked child, too: a worker of `multiprocessing` that survives its parent would make it immortal. So
each child lets go of what it inherited; ``exec`` does so by itself.
"""

from __future__ import annotations

import fcntl
import os
import weakref
from pathlib import Path

from jupyter_aichat.domain.ids import InstanceId


class InstanceLocks:
    """Lock files ``<database>.<instance>.lock``."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._held: dict[InstanceId, int] = {}
        _all.add(self)

    def _path(self, instance: InstanceId) -> Path:
        return self._database.with_name(f"{self._database.name}.{instance}.lock")

    def hold(self, instance: InstanceId) -> None:
        """Take the lock of an instance of this process; once is enough."""
        if instance in self._held:
            return
        descriptor = os.open(self._path(instance), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BaseException:
            os.close(descriptor)
            raise
        self._held[instance] = descriptor

    def intact(self, instance: InstanceId) -> bool:
        """Whether an instance of this process holds a lock that the others can see."""
        try:
            seen = self._path(instance).stat()
        except FileNotFoundError:
            return False
        return instance in self._held and os.path.samestat(seen, os.fstat(self._held[instance]))

    def drop(self, instance: InstanceId) -> None:
        """Let go of a lock, if it is ours; its file is gone already."""
        descriptor = self._held.pop(instance, None)
        if descriptor is not None:
            os.close(descriptor)

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
        self.drop(instance)

    def close(self) -> None:
        """Let go of all locks and leave their files: whoever has not left is dead from now on."""
        for descriptor in self._held.values():
            os.close(descriptor)
        self._held.clear()


_all: weakref.WeakSet[InstanceLocks] = weakref.WeakSet()


def _let_go() -> None:
    for locks in tuple(_all):
        locks.close()


os.register_at_fork(after_in_child=_let_go)
