"""What a person may do with runs: send, edit, regenerate, continue, read, stop."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Literal
from weakref import WeakSet

import msgspec

from jupyter_aichat.bus.base import Bus
from jupyter_aichat.domain.change import Change, ChangeKind
from jupyter_aichat.domain.clock import now
from jupyter_aichat.domain.event import Snapshot, encode_event
from jupyter_aichat.domain.ids import ChatId, InstanceId, MessageId, OwnerId, RunId, new_id
from jupyter_aichat.domain.message import Message
from jupyter_aichat.domain.model_rule import EVERY_MODEL, AllowedModels
from jupyter_aichat.domain.options import Options
from jupyter_aichat.domain.part import TextPart, text_of
from jupyter_aichat.domain.run import FIRST_EPOCH, NOBODYS_EPOCH, Committed, Generation, Run, RunRecord, Turn, queued
from jupyter_aichat.engine.admission import Admission
from jupyter_aichat.engine.expected import prompt_tokens
from jupyter_aichat.engine.follower import Follower
from jupyter_aichat.engine.generation import End
from jupyter_aichat.engine.live import LiveRun
from jupyter_aichat.engine.log import EncodedEvent
from jupyter_aichat.engine.models import Catalogue
from jupyter_aichat.engine.observer import Observer
from jupyter_aichat.engine.owners import Owners
from jupyter_aichat.engine.reader import Reader
from jupyter_aichat.engine.requests import Again, Edit, Send, Sent
from jupyter_aichat.engine.room import Room
from jupyter_aichat.engine.sources import EndedRun, encoded, read_log
from jupyter_aichat.engine.title import title_from
from jupyter_aichat.engine.whose import check_whose
from jupyter_aichat.engine.workers import Workers
from jupyter_aichat.errors import (
    BusUnavailable,
    CannotContinue,
    InvalidRequest,
    ModelNotAllowed,
    NotReady,
    ProviderError,
    QueueFull,
    QuotaExceeded,
    StoreUnavailable,
    TooManyChats,
    TooManyRuns,
)
from jupyter_aichat.limits.quotas import Quotas
from jupyter_aichat.logs.context import TRACEPARENT
from jupyter_aichat.stores.base import Store

STOP_TOPIC = "stop"
MAX_TEXT = 512 * 1024
MAX_RUNS = 10_000


class _Asked(msgspec.Struct, frozen=True):
    generation: Generation
    digest: str | None


class Runs:
    """The commands on runs, each for one owner."""

    def __init__(
        self,
        *,
        store: Store,
        bus: Bus,
        catalogue: Catalogue,
        admission: Admission,
        quotas: Quotas,
        observer: Observer,
        workers: Workers,
        owners: Owners,
        room: Room,
        instance: InstanceId,
        shared: bool = False,
        generates: bool = True,
        log: logging.Logger,
    ) -> None:
        self._shared, self._generates = shared, generates
        self._followers: WeakSet[Follower] = WeakSet()
        self._store, self._bus, self._catalogue, self._admission = store, bus, catalogue, admission
        self._quotas, self._observer, self._workers, self._owners = quotas, observer, workers, owners
        self._room, self._instance, self._log = room, instance, log

    async def send(self, owner: OwnerId, send: Send, allowed: AllowedModels = EVERY_MODEL) -> Sent:
        """Commit a question and begin its answer; without a chat one is begun."""
        _check_text(send.parts)
        chat = await self._store.get_chat(owner, send.chat_id) if send.chat_id else None
        chat_id = chat.id if chat else ChatId(new_id())
        options = send.options.over(chat.options) if chat else send.options
        asked = await self._ask(send.model or (chat.model if chat else None), options, allowed)
        turn = self._turn("send", owner, chat_id, send, asked, question=_question(chat_id, send.parts))
        title = title_from(text_of(send.parts))
        turn = msgspec.structs.replace(turn, parent_id=send.parent_id, create_chat=chat is None, title=title)
        return await self._commit(turn, chat.active_leaf if chat else None)

    async def edit(self, owner: OwnerId, edit: Edit, allowed: AllowedModels = EVERY_MODEL) -> Sent:
        """Commit a question put differently, beside the old one, and begin its answer."""
        _check_text(edit.parts)
        chat = await self._store.get_chat(owner, edit.chat_id)
        asked = await self._ask(edit.model or chat.model, edit.options.over(chat.options), allowed)
        question = _question(chat.id, edit.parts)
        return await self._commit(
            self._turn("edit", owner, chat.id, edit, asked, question=question, target=edit.message_id)
        )

    async def regenerate(self, owner: OwnerId, again: Again, allowed: AllowedModels = EVERY_MODEL) -> Sent:
        """Begin another answer to the same question, beside the old one."""
        chat = await self._store.get_chat(owner, again.chat_id)
        asked = await self._ask(again.model or chat.model, again.options.over(chat.options), allowed, fresh=True)
        return await self._commit(self._turn("regenerate", owner, chat.id, again, asked, target=again.message_id))

    async def resume(self, owner: OwnerId, again: Again, allowed: AllowedModels = EVERY_MODEL) -> Sent:
        """Begin the rest of an answer that was stopped, interrupted or cut by length, on the same message."""
        chat = await self._store.get_chat(owner, again.chat_id)
        reply = await self._store.get_message(owner, chat.id, again.message_id)
        model = again.model or reply.model or chat.model
        prefill = bool(text_of(reply.parts))
        asked = await self._ask(model, again.options.over(chat.options), allowed, prefill=prefill, fresh=True)
        if prefill and reply.unfinished:  # of another one the store says what is the matter
            await self._check_prefill(reply, model)
        reply = msgspec.structs.replace(reply, created_at=now())  # when the rest was asked for
        return await self._commit(self._turn("continue", owner, chat.id, again, asked, target=reply.id, reply=reply))

    async def _check_prefill(self, reply: Message, model: str | None) -> None:
        if not all(isinstance(part, TextPart) for part in reply.parts):
            raise CannotContinue("An answer with thinking or tool calls cannot be continued; regenerate it.")
        try:
            setup = await self._catalogue.setup(await self._catalogue.resolve(model))
        except ProviderError:
            return  # the run will say so
        if not setup.can_prefill:
            raise CannotContinue(f"The model {setup.model.name} cannot go on from its own text; regenerate the answer.")

    async def _ask(
        self,
        model: str | None,
        options: Options,
        allowed: AllowedModels,
        *,
        prefill: bool = False,
        fresh: bool = False,
    ) -> _Asked:
        """Decide who is asked for what; a model that is not there is the run's to tell."""
        check_whose(options, shared=self._shared)
        try:
            found = await self._catalogue.resolve(model, allowed)
        except ProviderError:
            _check_unseen(model, allowed)
            return _Asked(Generation("", model or "", options, prefill, fresh, TRACEPARENT.get()), None)
        generation = Generation(found.provider, found.name, options, prefill, fresh, TRACEPARENT.get())
        return _Asked(generation, found.digest)

    def _turn(
        self,
        mode: Literal["send", "edit", "regenerate", "continue"],
        owner: OwnerId,
        chat_id: ChatId,
        request: Send | Edit | Again,
        asked: _Asked,
        *,
        question: Message | None = None,
        target: MessageId | None = None,
        reply: Message | None = None,
    ) -> Turn:
        """The turn to commit: its run is claimed by this instance already, unless it leaves that to others."""
        run_id = RunId(new_id())
        if reply is None:
            model = asked.generation.model or None
            reply = _reply(chat_id, run_id, model, asked.digest)
        run = Run(id=run_id, chat_id=chat_id, message_id=reply.id, state="loading" if self._generates else "queued")
        claim = (self._instance, FIRST_EPOCH) if self._generates else (None, NOBODYS_EPOCH)
        return Turn(
            mode=mode,
            chat_id=chat_id,
            record=RunRecord(run, owner, asked.generation, *claim),
            reply=reply,
            question=question,
            target=target,
            chat_model=request.model,
            key=request.key,
            fingerprint=hashlib.sha256(mode.encode() + msgspec.json.encode(request)).hexdigest(),
        )

    async def _commit(self, turn: Turn, leaf: MessageId | None = None) -> Sent:
        if not self._workers.accepting:
            raise NotReady
        if len(self._workers) >= MAX_RUNS:
            self._observer.refused(QueueFull.code)
            raise QueueFull("Too many answers are being written here; try again in a moment.", retry_after=5)
        # Whoever asked may go away meanwhile; what is committed must be generated all the same.
        return await asyncio.shield(asyncio.ensure_future(self._begin(turn, leaf)))

    async def _begin(self, turn: Turn, leaf: MessageId | None) -> Sent:
        """Reserve what it may use and a place, commit, and begin; what no new run needs is given back."""
        try:
            waits = await self._reserve(turn, leaf)
        except (QueueFull, QuotaExceeded, TooManyChats, TooManyRuns) as refused:
            if (known := await self._store.committed(turn)) is None:
                self._observer.refused(refused.code)
                raise
            return self._sent(known)  # it came before, and may itself be what fills the line
        try:
            committed = await self._store.commit(_queued(turn) if waits else turn)
        except BaseException:
            await self._give_back(turn)
            raise
        if committed.replayed:
            await self._give_back(turn)
        else:
            self._workers.start(committed.record, committed.message, committed.reply)
            await self._tell(committed)
        return self._sent(committed)

    async def _reserve(self, turn: Turn, leaf: MessageId | None) -> bool:
        """Return whether the run will have to wait for its place."""
        if turn.create_chat:
            await self._room.take(turn.record.owner_id)
        await self._quotas.reserve(turn.record, lambda: prompt_tokens(self._store, turn, leaf))
        try:
            return await self._admission.reserve(turn.record)
        except BaseException:
            await self._quotas.settle(turn.record.run.id)
            raise

    async def _give_back(self, turn: Turn) -> None:
        self._admission.leave(turn.record.run.id)
        await self._quotas.settle(turn.record.run.id)

    def _sent(self, committed: Committed) -> Sent:
        """What was committed, now or before, as it stands by now."""
        live = self._workers.find(committed.record.run.id) if committed.replayed else None
        reply = live.message() if live else committed.reply
        return Sent(committed.message, reply, self._now(committed.record), committed.chat_created)

    async def _tell(self, committed: Committed) -> None:
        record = committed.record
        kind: ChangeKind = "created" if committed.chat_created else "message"
        run = record.run
        await self._owners.publish(Change(record.owner_id, run.chat_id, kind, run.message_id, run.id))

    def _now(self, record: RunRecord) -> Run:
        live = self._workers.find(record.run.id)
        return live.run() if live else record.run

    async def get(self, owner: OwnerId, run_id: RunId) -> Run:
        """Return a run as it stands."""
        return self._now(await self._store.get_run(owner, run_id))

    async def active(self, owner: OwnerId, chat_id: ChatId) -> tuple[Run, ...]:
        """Return the runs of a chat that have not ended; an unknown chat is `NotFound`."""
        await self._store.get_chat(owner, chat_id)
        return tuple(self._now(record) for record in await self._store.active_runs(owner, chat_id))

    async def stop(self, owner: OwnerId, run_id: RunId) -> Run:
        """Stop a run, wherever it is generated: first the store knows, then whoever generates it."""
        record = await self._request_stop(owner, run_id)
        if record.run.ended:
            return record.run
        if not self._workers.end(run_id, End("stopped", "user")):
            with suppress(BusUnavailable):  # then its owner sees the store's flag, within a second
                await self._bus.publish(STOP_TOPIC, run_id.encode())
        return self._now(record)

    async def _request_stop(self, owner: OwnerId, run_id: RunId) -> RunRecord:
        try:
            return await self._store.request_stop(owner, run_id)
        except StoreUnavailable:
            live = self._workers.find(run_id)
            if live is None or live.record.owner_id != owner:
                raise
            return live.record  # it is generated here, and can be stopped without the store

    def on_stop_signal(self, payload: bytes) -> None:
        """Take a stop from another process. The store's flag says whether it was meant."""
        self._workers.end(RunId(payload.decode()), End("stopped", "user"))

    async def read(self, owner: OwnerId, run_id: RunId, after: int | None, wake: Callable[[], None]) -> Reader:
        """Begin to read a run: `after` is the last ``seq`` seen, None to begin with a snapshot.

        The store is asked only about runs that are not this process's own.
        """
        if (live := self._log_of(owner, run_id)) is not None:
            return Reader(live, after, wake)
        record = await self._store.get_run(owner, run_id)
        if (live := self._log_of(owner, run_id)) is not None:
            return Reader(live, after, wake)
        if not record.run.ended:
            return self._follow(owner, record.run, after, wake)
        return Reader(EndedRun(record.run, await self._rest(owner, record.run, after)), after, wake)

    def _log_of(self, owner: OwnerId, run_id: RunId) -> LiveRun | None:
        live = self._workers.find_log(run_id)
        return live if live is not None and live.record.owner_id == owner else None

    def follow_on(self, live: LiveRun) -> None:
        """Let the readers of a run that was let go of here go on from wherever it is written now."""
        for reader in live.drop_readers():
            follower = Follower(self._store, self._bus, live.record.owner_id, live.record.run, self._log)
            self._followers.add(follower)
            reader.move(follower)
            follower.start(reader.after)

    def _follow(self, owner: OwnerId, run: Run, after: int | None, wake: Callable[[], None]) -> Reader:
        follower = Follower(self._store, self._bus, owner, run, self._log)
        self._followers.add(follower)
        reader = Reader(follower, after, wake)
        follower.start(after)
        return reader

    def reads(self, run_id: RunId) -> bool:
        """Whether somebody reads a run of another process here."""
        return any(follower.reads(run_id) for follower in self._followers)

    async def _rest(self, owner: OwnerId, run: Run, after: int | None) -> list[EncodedEvent]:
        """What a reader of an ended run has not seen: the exact events while the log has them, else a snapshot."""
        if after is not None and after >= run.seq:
            return []
        entries = None if after is None else await read_log(self._bus, run.id, after, self._log)
        if entries and entries[-1].seq >= run.seq:
            return [encoded(entry) for entry in entries]
        message = await self._store.get_message(owner, run.chat_id, run.message_id)
        if message.run_id != run.id:
            return []  # continued since by another run, which has its own events
        seq = max(run.seq - 1, (after or 0) + 1) if after is not None else run.seq - 1
        return [EncodedEvent(seq, encode_event(Snapshot(message)))]


def _queued(turn: Turn) -> Turn:
    return msgspec.structs.replace(turn, record=queued(turn.record))


def _question(chat_id: ChatId, parts: tuple[TextPart, ...]) -> Message:
    return Message(MessageId(new_id()), chat_id, None, "user", parts, "completed", n=0, created_at=now())


def _reply(chat_id: ChatId, run_id: RunId, model: str | None, digest: str | None) -> Message:
    message = Message(MessageId(new_id()), chat_id, None, "assistant", (), "pending", n=0, created_at=now())
    return msgspec.structs.replace(message, run_id=run_id, model=model, digest=digest)


def _check_unseen(model: str | None, allowed: AllowedModels) -> None:
    """Raise where a model that is not there now may be there, and nobody judges it any more, when the run begins."""
    if allowed.all:
        return
    if model is None:
        raise NotReady("No model that is yours to ask is there right now; try again in a moment.")
    if not allowed.has_name(model):
        raise ModelNotAllowed(f"The model {model} is not for you here; choose another.", model=model)


def _check_text(parts: tuple[TextPart, ...]) -> None:
    size = sum(len(part.text) for part in parts)
    if not any(part.text.strip() for part in parts):
        raise InvalidRequest("The message is empty.")
    if size > MAX_TEXT:
        raise InvalidRequest(f"The message is longer than {MAX_TEXT:,} characters.", limit=MAX_TEXT)
