"""Answers that need no model: the same request was answered before, or is being answered right now.

Off unless the operator wants it, and only for requests whose answer is always the same: temperature 0, or a seed. What is
kept is found by the whole request and nothing less, and goes with its chat.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import secrets
from collections.abc import Callable, Sequence
from functools import partial

import msgspec
from traitlets import Enum, Float, Int
from traitlets.config import LoggingConfigurable

from jupyter_aichat.cache.base import Cache
from jupyter_aichat.domain.ids import ChatId, OwnerId
from jupyter_aichat.domain.run import Generation
from jupyter_aichat.engine.admission import Door
from jupyter_aichat.engine.flights import Answer, Flight
from jupyter_aichat.engine.kept_answers import KeptAnswer, kept_of, replay
from jupyter_aichat.errors import CacheUnavailable
from jupyter_aichat.logs.context import nobodys
from jupyter_aichat.providers.base import ChatRequest, Chunk, Hear, Provider

_VERSION = 1
_GONE_S = 60.0
FORGET_AGAIN_S = 5.0


class Asked(msgspec.Struct, frozen=True):
    """A request, and who makes it where; ``digest`` is that of the model."""

    owner: OwnerId
    chat_id: ChatId
    provider: str
    digest: str | None
    request: ChatRequest


class AnswerCache(LoggingConfigurable):
    """Answers kept for the next who asks the same, and shared while they are written.

    Parameters
    ----------
    secret
        Returns the service's secret; may read a file. Without one each process has its own, and finds only its own answers.

    ``hits``, ``misses`` and ``joined`` count the requests that a cache could concern.
    """

    scope = Enum(
        ("off", "own", "shared"), "off",
        help="Who may get an answer that was given before to the very same request (model, system prompt, options, history; "
        "only with temperature 0 or a seed): 'off' nobody, 'own' its owner, 'shared' everybody.",
    ).tag(config=True)  # fmt: skip
    ttl_s = Float(3600.0, min=1.0, help="How long an answer is kept, in seconds.").tag(config=True)
    max_bytes = Int(256 * 1024, min=0, help="Longer answers are not kept.").tag(config=True)

    def __init__(self, secret: Callable[[], bytes] | None = None, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self._read_secret = secret
        self._secret = secrets.token_bytes(32)
        self._flights: dict[str, Flight[Asked]] = {}
        self._to_forget: set[str] = set()
        self._forgetting: asyncio.Task[None] | None = None
        self._decoder = msgspec.json.Decoder(KeptAnswer)
        self.hits = self.misses = self.joined = 0

    async def start(self, cache: Cache, log: logging.Logger) -> None:
        """Begin; reads the secret only where it will be needed."""
        self._cache, self._log = cache, log
        if self.scope != "off" and self._read_secret is not None:
            self._secret = await asyncio.to_thread(self._read_secret)

    async def stop(self) -> None:
        """Close what is under way."""
        if self._forgetting is not None:
            self._forgetting.cancel()
            await asyncio.gather(self._forgetting, return_exceptions=True)
        for flight in list(self._flights.values()):
            await flight.finish()

    def concerns(self, generation: Generation) -> bool:
        """Whether such a request may be answered without the model: its answer is always the same."""
        options = generation.options
        deterministic = options.temperature == 0 or options.seed is not None
        return self.scope != "off" and deterministic and not generation.fresh and not generation.prefill

    async def at_hand(self, asked: Asked) -> bool:
        """Whether the answer is kept, or is being written here."""
        key = self._key(asked)
        return key is not None and (key in self._flights or await self._find(key) is not None)

    async def chat(self, asked: Asked, provider: Provider, door: Door, hear: Hear) -> None:
        """Answer as `Provider.chat` does: by what is kept or under way, or else by the provider."""
        key = self._key(asked)
        answer = await self._without_model(key, asked)
        if answer is None:
            await door.enter()  # and what was not there before the wait may be now
            answer = await self._without_model(key, asked)
        if answer is not None:
            door.leave()
            await answer(hear)
        elif key is None:
            await provider.chat(asked.request, hear)
        else:
            self.misses += 1
            await self._lead(key, asked, provider, door).read(asked, hear)

    async def _without_model(self, key: str | None, asked: Asked) -> Answer | None:
        if key is None:
            return None
        if (flight := self._flights.get(key)) is None:
            kept = await self._find(key)
            if kept is not None:
                self.hits += 1
                return partial(replay, kept)
            flight = self._flights.get(key)  # taken off while the cache was asked
        if flight is None:
            return None
        self.joined += 1
        return partial(flight.read, asked)

    def _lead(self, key: str, asked: Asked, provider: Provider, door: Door) -> Flight[Asked]:
        async def land(chunks: Sequence[Chunk], readers: Sequence[Asked]) -> None:
            await self._keep(key, chunks, readers)

        def over() -> None:
            if self._flights.get(key) is flight:
                del self._flights[key]

        answer = partial(provider.chat, asked.request)
        flight = self._flights[key] = Flight(answer, closed=door.lend(), landed=land, over=over)
        return flight

    def _key(self, asked: Asked) -> str | None:
        """Everything that an answer depends on; an owner's answers are found by nobody else unless they are shared."""
        if asked.digest is None or asked.request.messages[-1].role == "assistant":
            return None
        owner = None if self.scope == "shared" else asked.owner
        request = asked.request
        whole = [_VERSION, asked.provider, asked.digest, request.num_ctx, request.options, request.messages, owner]
        return "answer:" + self._sign(msgspec.json.encode(whole))

    def _sign(self, data: bytes) -> str:
        return hmac.new(self._secret, data, hashlib.sha256).hexdigest()

    async def _find(self, key: str) -> KeptAnswer | None:
        try:
            data = await self._cache.get(key)
            return None if data is None else self._decoder.decode(data)
        except (CacheUnavailable, msgspec.DecodeError):
            return None

    async def _keep(self, key: str, chunks: Sequence[Chunk], readers: Sequence[Asked]) -> None:
        """Keep a complete answer for its chats: one that ends while we write is seen by us or sees what we wrote."""
        kept = kept_of(chunks)
        data = b"" if kept is None else msgspec.json.encode(kept)
        if not data or len(data) > self.max_bytes or not readers:
            return
        chats = {self._chat(asked.owner, asked.chat_id) for asked in readers}
        try:
            await self._cache.put(key, data, self.ttl_s)
            for chat in chats:
                await self._cache.gather(f"answers-of:{chat}", key.encode(), self.ttl_s)
            for chat in chats:
                if await self._cache.get(f"answers-gone:{chat}") is not None:
                    await self._cache.delete(key)
        except CacheUnavailable:
            self._log.debug("An answer is not kept: the cache is away")

    def _chat(self, owner: OwnerId, chat_id: ChatId) -> str:
        return self._sign(msgspec.json.encode([owner, chat_id]))

    async def forget(self, owner: OwnerId, chat_id: ChatId) -> None:
        """Forget the answers of a chat that is deleted."""
        if self.scope == "off":
            return
        chat = self._chat(owner, chat_id)
        if not await self._forget(chat):
            self._log.warning("The cache is away: answers of a deleted chat are deleted when it is back")
            self._to_forget.add(chat)
            if self._forgetting is None:
                self._forgetting = asyncio.create_task(self._forget_later(), name="aichat-forget", context=nobodys())

    async def _forget(self, chat: str) -> bool:
        try:
            await self._cache.put(f"answers-gone:{chat}", b"1", _GONE_S)
            members = f"answers-of:{chat}"
            for key in await self._cache.members(members):
                await self._cache.delete(key.decode())
            await self._cache.delete(members)
        except CacheUnavailable:
            return False
        return True

    async def _forget_later(self) -> None:
        while self._to_forget:
            await asyncio.sleep(FORGET_AGAIN_S)
            for chat in list(self._to_forget):
                if await self._forget(chat):
                    self._to_forget.discard(chat)
        self._forgetting = None
