"""The lines of many processes: see `local_queue`, which says the same in Python, and `redis_queue_lua` for how it is kept."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any, Literal

from jupyter_aichat.cache.base import Bounds, Reserved, Standing, Ticket
from jupyter_aichat.cache.local_queue import LEASE_S, MENDING_SHARE
from jupyter_aichat.cache.redis_queue_lua import KEYS, PRESENT, RELEASE, RESERVE, SYNC
from jupyter_aichat.domain.ids import InstanceId, RunId
from jupyter_aichat.errors import CacheUnavailable
from jupyter_aichat.redis_connection import RedisConnection, bucket_of

_REFUSED: tuple[Literal["owner", "all"] | None, ...] = (None, "owner", "all")


class RedisQueue:
    """Lines in Redis; each operation is one script, and leases run by Redis' own clock."""

    def __init__(self, connection: RedisConnection, lease_s: float = LEASE_S) -> None:
        self._connection = connection
        self._lease_ms = int(lease_s * 1000)

    async def open(self) -> None:
        """Begin to connect; a Redis that is away is no failure."""
        await self._connection.open()

    async def close(self) -> None:
        """Disconnect."""
        await self._connection.close()

    async def reserve(
        self, line: str, instance: InstanceId, ticket: Ticket, bounds: Bounds, *, ahead: bool = False
    ) -> Reserved:
        """See `Queue.reserve`."""
        position, refused, granted = await self._run(
            RESERVE,
            line,
            instance,
            bounds.capacity,
            ticket.id,
            ticket.owner,
            bounds.per_owner,
            bounds.waiting,
            int(ahead),
        )
        return Reserved(position, _REFUSED[refused], _ids(granted))

    async def release(
        self, line: str, instance: InstanceId, tickets: Sequence[RunId], capacity: int
    ) -> tuple[RunId, ...]:
        """See `Queue.release`."""
        return _ids(await self._run(RELEASE, line, instance, capacity, *tickets))

    async def sync(
        self, line: str, instance: InstanceId, admitted: Sequence[Ticket], waiting: Sequence[Ticket], capacity: int
    ) -> Standing:
        """See `Queue.sync`."""
        named = chain.from_iterable((ticket.id, ticket.owner) for ticket in (*admitted, *waiting))
        entered, places, granted = await self._run(SYNC, line, instance, capacity, len(admitted), *named)
        positions = dict(zip(_ids(places[::2]), places[1::2], strict=True))
        return Standing(_ids(entered), positions, _ids(granted))

    async def present(self, instance: InstanceId) -> int:
        """See `Queue.present`."""
        key = self._connection.key("queue", "present")
        return int(await self._ask("EVAL", PRESENT, 1, key, instance, self._lease_ms))

    async def _run(self, script: str, line: str, instance: InstanceId, capacity: int, *arguments: str | int) -> Any:
        bucket = bucket_of(line)
        keys = [self._connection.key("queue", f"{line}:{kind}", bucket=bucket) for kind in KEYS]
        lease = (self._lease_ms, int(self._lease_ms * MENDING_SHARE))
        return await self._ask("EVAL", script, len(keys), *keys, instance, *lease, capacity, *arguments)

    async def _ask(self, *command: Any) -> Any:
        return await self._connection.ask(CacheUnavailable, lambda client: client.execute_command(*command))


def _ids(names: Sequence[bytes]) -> tuple[RunId, ...]:
    return tuple(RunId(name.decode()) for name in names)
