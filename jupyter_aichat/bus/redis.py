"""The bus of many processes: a stream of Redis for each run, and one channel for signals.

A stream's ids are ``<seq>-0``, so Redis itself refuses what an old owner appends. All runs of a process go in one command
per tick. Streams are bounded, trimmed up to the checkpoint, and expire: a minute after the run's end, or an hour after
a process died with it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from jupyter_aichat.bus.base import KEPT_TRIMMED, Appended, Entry, EntryHandler, Handler, Unsubscribe, is_whole
from jupyter_aichat.bus.redis_following import Following, entry_of
from jupyter_aichat.bus.redis_signals import Signals
from jupyter_aichat.domain.ids import RunId
from jupyter_aichat.errors import BusUnavailable
from jupyter_aichat.redis_client import RedisClient
from jupyter_aichat.redis_connection import RedisConnection, bucket_of

EXPIRE_S = 60.0
KEPT_ENTRIES = 4096
"""More than what a minute without checkpoints brings; a run is checkpointed, and its log trimmed, once a second."""
KEPT_S = 3600
SILENCE_S = 5.0
TICK_S = 0.025
AWAY_SILENCE_S = 1.0

_REFUSED, _MISSING = 1, 2
_APPEND = """
local answers = {}
for i, key in ipairs(KEYS) do
  local id, kind, data = ARGV[3 * i], ARGV[3 * i + 1], ARGV[3 * i + 2]
  local added
  if kind == 'b' then
    added = redis.pcall('XADD', key, 'MAXLEN', '~', ARGV[1], id, kind, data)
  else
    added = redis.pcall('XADD', key, 'NOMKSTREAM', 'MAXLEN', '~', ARGV[1], id, kind, data)
  end
  if not added then
    answers[#answers + 1], answers[#answers + 2] = i, 2
  elseif type(added) == 'table' and added.err then
    if not string.find(added.err, 'equal or smaller', 1, true) then return added end
    answers[#answers + 1], answers[#answers + 2] = i, 1
  elseif kind == 'b' or string.sub(id, -4, -3) == '00' then
    redis.call('EXPIRE', key, ARGV[2])
  end
end
return answers
"""
"""Returns the places of the entries that were not written, each with why. One command and one answer for a tick cost this
process a quarter of a pipeline. Where another error comes, what follows it is not written."""


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

    @property
    def tick_s(self) -> float:
        """See `Bus.tick_s`."""
        return TICK_S

    async def append(self, entries: Sequence[Entry]) -> Appended:
        """See `Bus.append`: one command; on a cluster, one for each bucket."""
        if not entries:
            return Appended()
        groups: dict[int, list[Entry]] = {}
        for entry in entries:
            groups.setdefault(bucket_of(entry.run_id) if self._connection.clustered else 0, []).append(entry)
        answers = await self._connection.ask(BusUnavailable, lambda client: self._send(client, groups.values()))
        found: dict[int, set[RunId]] = {_REFUSED: set(), _MISSING: set()}
        for group, answer in zip(groups.values(), answers, strict=True):
            for place, what in zip(answer[::2], answer[1::2], strict=True):
                found[what].add(group[place - 1].run_id)
        return Appended(frozenset(found[_REFUSED]), frozenset(found[_MISSING]))

    async def _send(self, client: RedisClient, groups: Collection[Sequence[Entry]]) -> list[Any]:
        if len(groups) == 1:
            return [await client.execute_command(*self._command(group)) for group in groups]
        pipeline: Any = client.pipeline(transaction=False)
        for group in groups:
            pipeline.execute_command(*self._command(group))
        answers = list(await pipeline.execute(raise_on_error=False))  # redis-py's own error would repeat the texts
        if failed := next((answer for answer in answers if isinstance(answer, Exception)), None):
            raise failed
        return answers

    def _command(self, entries: Sequence[Entry]) -> list[Any]:
        keys = [self._key(entry.run_id) for entry in entries]
        words: list[Any] = ["EVAL", _APPEND, len(keys), *keys, KEPT_ENTRIES, KEPT_S]
        for entry in entries:
            words += (b"%d-0" % entry.seq, b"b" if entry.begins else b"d", entry.data)
        return words

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
