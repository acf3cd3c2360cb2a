"""Signals over Redis: one channel for all topics, one connection that listens.

This process is told at once, without Redis; what it then hears from itself it drops. Signals that were sent while the
connection was broken are lost, as the port says.
"""

from __future__ import annotations

import asyncio
from typing import Any

from jupyter_aichat.bus.base import Handler, Unsubscribe
from jupyter_aichat.domain.ids import new_id
from jupyter_aichat.errors import BusUnavailable
from jupyter_aichat.redis_client import RedisClient, listening
from jupyter_aichat.redis_connection import RETRY_S, RedisConnection

QUIET_S = 5.0
"""After so long without a word the connection is asked whether it is still there."""


class Signals:
    """Publishes, listens, and listens again."""

    def __init__(self, connection: RedisConnection) -> None:
        self._connection = connection
        self._channel = f"{connection.prefix}signals"
        self._handlers: dict[str, list[Handler]] = {}
        self._self = new_id().encode()
        self._task: asyncio.Task[None] | None = None
        self._stopping = False

    def start(self) -> None:
        """Begin to listen."""
        self._stopping = False
        self._task = asyncio.create_task(self._listen_on(), name="aichat-signals")

    async def stop(self) -> None:
        """Listen no more, and forget who wanted to hear."""
        self._handlers.clear()
        self._stopping = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def publish(self, topic: str, payload: bytes) -> None:
        """See `Bus.publish`."""
        message = b"\n".join((self._self, topic.encode(), payload))
        await self._connection.ask(
            BusUnavailable, lambda client: client.execute_command("PUBLISH", self._channel, message)
        )
        self._deliver(topic, payload)

    def subscribe(self, topic: str, handler: Handler) -> Unsubscribe:
        """See `Bus.subscribe`."""
        self._handlers.setdefault(topic, []).append(handler)

        def unsubscribe() -> None:
            rest = [h for h in self._handlers.get(topic, ()) if h is not handler]
            self._handlers[topic] = rest

        return unsubscribe

    def _deliver(self, topic: str, payload: bytes) -> None:
        for handler in tuple(self._handlers.get(topic, ())):
            handler(payload)

    async def _listen_on(self) -> None:
        while not self._stopping:
            try:
                await self._connection.wait(BusUnavailable, self._listen, None)
            except BusUnavailable:
                if not self._stopping:  # a connection that fails as it is left hides that the task was cancelled
                    await asyncio.sleep(RETRY_S)

    async def _listen(self, client: RedisClient) -> None:
        async with listening(client) as channel:
            await channel.subscribe(self._channel)
            while True:
                await self._hear(channel)

    async def _hear(self, channel: Any) -> None:
        """Take the next signal; where none comes for long, ask whether the connection is still there."""
        message = await channel.get_message(timeout=QUIET_S)
        if message is None:
            await channel.ping()
            message = await channel.get_message(timeout=self._connection.timeout_s)
            if message is None:
                raise ConnectionError("no answer from the channel")
        if message["type"] == "message":
            sender, topic, payload = message["data"].split(b"\n", 2)
            if sender != self._self:
                self._deliver(topic.decode(), payload)
