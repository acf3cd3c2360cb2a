"""The bus of many processes: a stream of Redis for each run, and one channel for signals.

A stream's ids are ``<seq>-0``, so Redis itself refuses what an old owner appends. All runs of a process go in one pipeline
per tick. Streams are bounded, trimmed up to the checkpoint, and expire: a minute after the run's end, or an hour after
a process died with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jupyter_aichat.bus.base import KEPT_TRIMMED, Appended, Entry, EntryHandler, Handler, Unsubscribe, is_whole
from jupyter_aichat.bus.redis_following import Following, entry_of
from jupyter_aichat.bus.redis_signals import Signals
from jupyter_aichat.domain.ids import RunId
from jupyter_aichat.errors import BusUnavailable
from jupyter_aichat.redis_client import RedisClient
from jupyter_aichat.redis_connection import RedisConnection

EXPIRE_S = 60.0
KEPT_ENTRIES = 4096
"""More than what a minute without checkpoints brings; a run is checkpointed, and its log trimmed, once a second."""
KEPT_S = 3600
SILENCE_S = 5.0
AWAY_SILENCE_S = 1.0

_RENEW_EVERY = 256
_OLDER = b"equal or smaller"


class RedisBus:
    """Logs and signals over Redis; every failure is `BusUnavailable`, and heals by itself."""

    def __init__(self, connection: RedisConnection, expire_s: float = EXPIRE_S) -> None:
        self._connection = connection
        self._expire_ms = int(expire_s * 1000)
        self._following = Following(connection)
        self._signals = Signals(connection)

    async def open(self) -> None:
        """Begin to connect; a Redis that is away is no failure."""
        await self._connection.open()
        self._signals.start()

    async def close(self) -> None:
        """Hear and follow no more, and disconnect."""
        await self._following.stop()
        await self._signals.stop()
        await self._connection.close()

    async def ping(self) -> None:
        """See `Bus.ping`."""
        await self._connection.probe(BusUnavailable, "bus")

    @property
    def silence_s(self) -> float:
        """See `Bus.silence_s`."""
        return SILENCE_S if self._following.hears and not self._connection.away else AWAY_SILENCE_S

    async def append(self, entries: Sequence[Entry]) -> Appended:
        """See `Bus.append`: one pipeline; on a cluster, one for each node."""
        if not entries:
            return Appended()

        async def send(client: RedisClient) -> list[Any]:
            pipeline = client.pipeline(transaction=False)
            for entry in entries:
                self._add(pipeline, entry)
            answers = [a for a in await pipeline.execute(raise_on_error=False) if not isinstance(a, int)]
            for answer in answers:
                if isinstance(answer, Exception) and not _is_older(answer):
                    raise answer
            return answers

        answers = await self._connection.ask(BusUnavailable, send)
        refused = {e.run_id for e, answer in zip(entries, answers, strict=True) if isinstance(answer, Exception)}
        missing = {e.run_id for e, answer in zip(entries, answers, strict=True) if answer is None}
        return Appended(frozenset(refused), frozenset(missing))

    def _add(self, pipeline: Any, entry: Entry) -> None:
        key = self._key(entry.run_id)
        only_if_there = () if entry.begins else ("NOMKSTREAM",)
        field = b"b" if entry.begins else b"d"
        pipeline.execute_command(
            "XADD", key, *only_if_there, "MAXLEN", "~", KEPT_ENTRIES, b"%d-0" % entry.seq, field, entry.data
        )
        if entry.begins or entry.seq % _RENEW_EVERY == 0:
            pipeline.execute_command("EXPIRE", key, KEPT_S)

    async def read(self, run_id: RunId, after: int, limit: int) -> tuple[Entry, ...] | None:
        """See `Bus.read`."""
        key = self._key(run_id)

        async def ask(client: RedisClient) -> list[Any]:
            pipeline: Any = client.pipeline(transaction=False)
            pipeline.execute_command("XRANGE", key, f"({after}-0" if after else "-", "+", "COUNT", limit)
            pipeline.execute_command("EXISTS", key)
            return list(await pipeline.execute())

        found, there = await self._connection.ask(BusUnavailable, ask)
        entries = tuple(entry_of(run_id, item) for item in found)
        return entries if there and is_whole(entries, after) else None

    def follow(self, run_id: RunId, after: int, handler: EntryHandler) -> Unsubscribe:
        """See `Bus.follow`."""
        return self._following.follow(run_id, self._key(run_id), after, handler)

    async def trim(self, upto: Mapping[RunId, int]) -> None:
        """See `Bus.trim`; Redis forgets whole nodes of a stream, so a few more stay."""

        async def trim(client: RedisClient) -> None:
            pipeline: Any = client.pipeline(transaction=False)
            for run_id, seq in upto.items():
                oldest = max(seq - KEPT_TRIMMED + 1, 0)
                pipeline.execute_command("XTRIM", self._key(run_id), "MINID", "~", f"{oldest}-0")
            await pipeline.execute()

        if upto:
            await self._connection.ask(BusUnavailable, trim)

    async def expire(self, run_id: RunId) -> None:
        """See `Bus.expire`."""
        key = self._key(run_id)
        await self._connection.ask(
            BusUnavailable, lambda client: client.execute_command("PEXPIRE", key, self._expire_ms)
        )

    async def publish(self, topic: str, payload: bytes) -> None:
        """See `Bus.publish`."""
        await self._signals.publish(topic, payload)

    def subscribe(self, topic: str, handler: Handler) -> Unsubscribe:
        """See `Bus.subscribe`."""
        return self._signals.subscribe(topic, handler)

    def _key(self, run_id: RunId) -> str:
        return self._connection.key("run", run_id)


def _is_older(answer: Exception) -> bool:
    """Whether Redis refused an id because the stream is further."""
    return _OLDER in str(answer).encode()
