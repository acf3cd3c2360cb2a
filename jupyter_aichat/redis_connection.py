"""The one way to Redis: who we are there, how long we wait, and what its failures mean for us.

Bus, cache and queue share a connection. A Redis that hangs costs one time-out, not one for each question: for half a
second everybody is told at once, then one question tries again. The log says once a minute what is wrong.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from redis.asyncio import Redis
from redis.exceptions import (
    ClusterDownError,
    MasterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
    ResponseError,
)
from redis.exceptions import TimeoutError as RedisTimeout
from traitlets import Float, Unicode
from traitlets.config import LoggingConfigurable

from jupyter_aichat.errors import AIChatError, BusUnavailable, CacheUnavailable, NotReady
from jupyter_aichat.redis_client import Patience, RedisClient, connect, disconnect
from jupyter_aichat.redis_url import parse

BUCKETS = 16
RETRY_S = 0.5
FAILURES = (RedisError, RedisClusterException, OSError, EOFError)
"""What redis-py raises."""

_AT_ONCE = 32
_COMPLAIN_S = 60.0
_USELESS = (ClusterDownError, MasterDownError, OutOfMemoryError, ReadOnlyError)
_USELESS_CODES = ("MISCONF", "NOREPLICAS")

Unavailable = type[BusUnavailable] | type[CacheUnavailable]
T = TypeVar("T")


def bucket_of(name: str) -> int:
    """Return which of the `BUCKETS` a thing belongs to: keys of one bucket are on one node of a cluster."""
    return zlib.crc32(name.encode()) % BUCKETS


class RedisConnection(LoggingConfigurable):
    """Redis, as configured. Raises `NotReady` for a URL that means nothing."""

    url = Unicode(help="See AIChatApp.redis_url.")
    prefix = Unicode("aichat:", help="What all keys and channels begin with.").tag(config=True)
    ca_file = Unicode(
        help="The certificates that a rediss:// server is checked against. Default: those that the system trusts."
    ).tag(config=True)
    connect_timeout_s = Float(1.0, min=0.1, help="How long a connection may take, in seconds.").tag(config=True)
    timeout_s = Float(2.0, min=0.1, help="How long an answer may take, in seconds.").tag(config=True)

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        try:
            self.address = parse(self.url)
        except ValueError as error:
            raise NotReady(f"AIChatApp.redis_url cannot be used: {error}.") from error
        self._client: RedisClient | None = None
        self._users = 0
        self._gate = asyncio.Semaphore(_AT_ONCE)
        self.away = False
        """Whether the last question failed, and not by its own fault."""
        self._hangs_until = 0.0
        self._said: dict[str, float] = {}

    @property
    def clustered(self) -> bool:
        """Whether keys of different buckets may be on different nodes."""
        return self.address.kind == "cluster"

    def key(self, kind: str, name: str, *, bucket: int | None = None) -> str:
        """Return a key of our own; `bucket` where it must be beside another one."""
        return f"{self.prefix}{{b{bucket_of(name) if bucket is None else bucket:02d}}}:{kind}:{name}"

    async def open(self) -> None:
        """Let a part use Redis, which may be away; each `open` has its `close`."""
        self._users += 1
        if self._client is None:
            patience = Patience(self.connect_timeout_s, self.timeout_s)
            self._client = connect(self.address, self.ca_file, patience)

    async def close(self) -> None:
        """Disconnect when the last part closes."""
        self._users -= 1
        if self._users == 0 and self._client is not None:
            client, self._client = self._client, None
            try:
                await disconnect(client)
            except FAILURES as error:
                self.log.debug("Redis could not be left: %r", error)

    async def ask(self, unavailable: Unavailable, question: Callable[[RedisClient], Awaitable[T]]) -> T:
        """Return the answer to a question, or raise `unavailable`, and nothing else."""
        async with self._gate:
            now = asyncio.get_running_loop().time()
            if now < self._hangs_until:
                raise unavailable("Redis does not answer.")
            if self._hangs_until:
                self._hangs_until = now + self.timeout_s + RETRY_S  # this question tries; the others need not
            return await self._note(self._try(unavailable, question, self.timeout_s))

    async def wait(
        self, unavailable: Unavailable, question: Callable[[RedisClient], Awaitable[T]], limit_s: float | None
    ) -> T:
        """Ask what Redis answers late on purpose; on a connection of its own, whose loss says nothing of the others."""
        return await self._try(unavailable, question, limit_s)

    async def info(self, unavailable: Unavailable) -> dict[str, Any]:
        """Return what Redis says of itself (INFO); of a cluster nothing, since each of its nodes is another."""
        if self.clustered:
            return {}
        return await self.ask(unavailable, lambda client: client.info())

    async def probe(self, unavailable: Unavailable, kind: str) -> None:
        """Return if Redis takes writes: also one that is full, or a replica, is of no use to us."""
        buckets = range(BUCKETS) if self.clustered else range(1)

        async def write(client: RedisClient) -> None:
            pipeline = client.pipeline(transaction=False)
            for bucket in buckets:
                pipeline.execute_command("SET", self.key(kind, "probe", bucket=bucket), b"1", "EX", 60)
            await pipeline.execute()

        await self._note(self._try(unavailable, write, self.timeout_s))

    async def _try(
        self, unavailable: Unavailable, question: Callable[[RedisClient], Awaitable[T]], limit_s: float | None
    ) -> T:
        if self._client is None:
            raise unavailable("Redis is not connected.")
        try:
            async with asyncio.timeout(limit_s):
                return await question(self._client)
        except FAILURES as error:
            if self._may_say(type(error).__name__):
                # Redis repeats what it did not understand, and that may be somebody's text.
                what = str(error).partition(", with args")[0] or type(error).__name__
                self.log.warning("Redis at %s cannot be used: %s", self.address, what)
            if isinstance(error, ReadOnlyError) and isinstance(self._client, Redis):
                # Behind this name there is another server now, and the one that we know takes no writes.
                await self._client.connection_pool.disconnect(inuse_connections=False)
            raise unavailable("Redis cannot be used.") from error

    async def _note(self, asking: Awaitable[T]) -> T:
        """Keep in mind whether Redis can be used."""
        try:
            answer = await asking
        except AIChatError as error:
            cause = error.__cause__
            if isinstance(cause, (TimeoutError, RedisTimeout)):
                self._hangs_until = asyncio.get_running_loop().time() + RETRY_S
            self.away = self.away or not isinstance(cause, ResponseError) or _is_useless(cause)
            raise
        if self.away and self._may_say("back"):
            self.log.info("Redis at %s is back", self.address)
        self.away, self._hangs_until = False, 0.0
        return answer

    def _may_say(self, what: str) -> bool:
        """Whether this was not logged for a while."""
        now = asyncio.get_running_loop().time()
        if now - self._said.get(what, float("-inf")) < _COMPLAIN_S:
            return False
        self._said[what] = now
        return True


def _is_useless(error: ResponseError) -> bool:
    """Whether it is the server's state that speaks, and not what was asked."""
    return isinstance(error, _USELESS) or str(error).startswith(_USELESS_CODES)
