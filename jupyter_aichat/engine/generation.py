"""A run's life, from the claim to its one end.

    claimed ── queue_position … ── run_started ── context ── text … text ── usage ── run_finished
       │           (queued)           (loading)            (streaming)                  │
       ├────────── stop, delete, shutdown, provider's fault, too long ──────────────────┘
       └────────── LET_GO: the run goes on, in another process or later here; nothing is ended

The worker is a task of the engine: sockets come and go beside it. Whatever happens, it ends in `_end`, which writes one
conditional update and tells readers what the store then says, whoever won; unless it has to let go of the run, because it
is not sure any more, or knows better, that the run is its own.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable

import msgspec

from jupyter_aichat.domain.event import Context, RunFinished, RunStarted, Snapshot, UsageEvent
from jupyter_aichat.domain.failure import Failure
from jupyter_aichat.domain.message import Message
from jupyter_aichat.domain.model import Model, ModelSetup
from jupyter_aichat.domain.run import FIRST_EPOCH, Outcome, RunEnd, RunRecord
from jupyter_aichat.domain.usage import Usage
from jupyter_aichat.engine.admission import Admission
from jupyter_aichat.engine.answers import AnswerCache, Asked
from jupyter_aichat.engine.charging import charge_of
from jupyter_aichat.engine.journal import Journal
from jupyter_aichat.engine.live import AskedModel, LiveRun
from jupyter_aichat.engine.models import Catalogue
from jupyter_aichat.engine.observer import Observer, ended_run
from jupyter_aichat.engine.window import Estimator, Window, fit, was_cut
from jupyter_aichat.errors import AIChatError, NotFound, StoreUnavailable, StreamInterrupted
from jupyter_aichat.limits.quotas import Quotas
from jupyter_aichat.providers.base import ChatRequest, Chunk, Hear
from jupyter_aichat.stores.base import Store

MAX_CHARACTERS = 3 * 1024 * 1024
"""At most 12 MiB in UTF-8, so that a document of MongoDB's has room for it."""
_PATH_PAGE = 100
STARVED = "store_unavailable"
_END_TRIES_S = (0.1, 0.3, 1.0, 3.0, 10.0, 20.0, 25.0)


class End(msgspec.Struct, frozen=True):
    """How a worker wants its run to end."""

    outcome: Outcome
    reason: str | None = None
    error: Failure | None = None


class _TooLong(Exception):
    """The answer is as long as one may be."""


LET_GO = End("interrupted", "server_restarted")
"""No end: whoever has the run now goes on with it."""


class Generator:
    """Generates answers. One instance serves all runs of the process; what belongs to a run is in its `LiveRun`."""

    def __init__(
        self,
        *,
        store: Store,
        catalogue: Catalogue,
        admission: Admission,
        answers: AnswerCache,
        quotas: Quotas,
        journal: Journal,
        observer: Observer,
        log: logging.Logger,
    ) -> None:
        self._store, self._catalogue, self._admission, self._answers = store, catalogue, admission, answers
        self._quotas, self._journal, self._observer, self._log = quotas, journal, observer, log
        self.estimator = Estimator()

    async def run(self, live: LiveRun, question: Message, reply: Message, wanted: asyncio.Future[End]) -> End | None:
        """Fill the reply and end the run. `wanted` is set, and this task cancelled, to end it early.

        Return None when it has ended; `LET_GO`, or the end that the store could not be told, where it goes on elsewhere.
        """
        self._observer.began(live.record)
        try:
            return await self._run(live, question, reply, wanted)
        finally:
            self._observer.left()

    async def _run(self, live: LiveRun, question: Message, reply: Message, wanted: asyncio.Future[End]) -> End | None:
        if reply.continuations or live.record.epoch > FIRST_EPOCH:
            live.tell(Snapshot(live.message()))
        try:
            if live.record.epoch > FIRST_EPOCH and not wanted.done():
                await self._quotas.adopt(live.record)
            end = wanted.result() if wanted.done() else await self._generate(live, question, reply)
        except asyncio.CancelledError:
            end = wanted.result() if wanted.done() else End("interrupted", "server_stopping")
            accept_cancellation()
        except StreamInterrupted as error:
            end = End("interrupted", "upstream_closed", _failure(error))
        except AIChatError as error:
            end = End("failed", None, _failure(error))
        except Exception:  # noqa: BLE001 (the top of a run's task: whatever it is, the run ends and says so)
            self._log.exception("Run %s failed", live.record.run.id)
            end = End("failed", None, Failure("internal", "Something went wrong inside the chat server; see its log."))
        if not wanted.done():
            wanted.set_result(end)  # from here on nobody may cancel: the end is being written
        live.flush()
        if end is LET_GO:
            self._admission.hand_over(live.record.run.id)
            self._quotas.hand_over(live.record.run.id)
            return LET_GO
        self._admission.leave(live.record.run.id)
        unended = await self._end(live, end)
        if unended is None:
            await self._quotas.settle(live.record.run.id)
        else:
            self._quotas.hand_over(live.record.run.id)
        return unended

    async def _generate(self, live: LiveRun, question: Message, reply: Message) -> End:
        if not await self._at_hand(live, question, reply):
            await self._admitted(live)
        live.tell(RunStarted())
        model, setup = await self._setup(live.record)
        window = await self._window(live.record, question, reply, setup)
        context = window.context
        live.tell(context)
        loop = asyncio.get_running_loop()
        asked = live.asked = AskedModel(loop.time(), context.tokens)
        answer = self._answer(live, model, _request(live.record, window, setup), self._hearing(live, asked))
        del window  # a long history, which nobody needs while the answer comes
        self._observer.asking(model, live.record)
        try:
            end = await _listen(answer)
        finally:
            finished = live.finished_chunk
            usage, reason = (finished.usage, finished.reason) if finished else (None, None)
            self._observer.heard(asked.first_token_s, usage, reason)
        return end or self._completed(live, setup, context, asked.first_token_s)

    def _hearing(self, live: LiveRun, asked: AskedModel) -> Hear:
        """Return what takes the answer as it comes."""
        feed = live.feed

        def hear(chunks: tuple[Chunk, ...]) -> None:
            if asked.first_at is None:
                asked.first_at = asyncio.get_running_loop().time()
                self._observer.first_token()
            feed(chunks)
            if live.size > MAX_CHARACTERS:
                raise _TooLong

        return hear

    async def _admitted(self, live: LiveRun) -> None:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        await self._admission.enter(live)
        self._observer.admitted(loop.time() - begun)

    def _answer(self, live: LiveRun, model: Model, request: ChatRequest, hear: Hear) -> Awaitable[None]:
        provider = self._catalogue.provider(model.provider)
        if not self._answers.concerns(live.record.generation):
            return provider.chat(request, hear)
        asked = _asked(live.record, model, request)
        return self._answers.chat(asked, provider, self._admission.door(live), hear)

    async def _at_hand(self, live: LiveRun, question: Message, reply: Message) -> bool:
        """Whether the answer needs no model, and the run need not wait for one."""
        if not self._answers.concerns(live.record.generation):
            return False
        model, setup = await self._setup(live.record)
        window = await self._window(live.record, question, reply, setup)
        return await self._answers.at_hand(_asked(live.record, model, _request(live.record, window, setup)))

    async def _setup(self, record: RunRecord) -> tuple[Model, ModelSetup]:
        model = await self._catalogue.resolve(record.generation.model or None)
        setup = await self._catalogue.setup(model)
        asked = record.generation.options.num_ctx
        return model, msgspec.structs.replace(setup, num_ctx=asked or setup.num_ctx)

    async def _window(self, record: RunRecord, question: Message, reply: Message, setup: ModelSetup) -> Window:
        options = record.generation.options
        branch = self._branch(record, question, reply)
        return await fit(branch, _key(setup), setup.num_ctx, options, self.estimator)

    async def _branch(self, record: RunRecord, question: Message, reply: Message) -> AsyncIterator[tuple[Message, int]]:
        """The messages that lead to the answer, newest first, and how many each has before it, itself included.

        A continued answer is itself the newest. The first question of a chat is at hand, and nothing is before it.
        """
        if question.parent_id is None and not record.generation.prefill:
            yield question, 1
            return
        leaf = reply.id if record.generation.prefill else question.id
        cursor: str | None = None
        while leaf is not None:
            page = await self._store.path(record.owner_id, reply.chat_id, leaf, cursor, _PATH_PAGE)
            for index, message in enumerate(page.items):
                yield message, page.length - index
            if page.next is None:
                return
            cursor = page.next

    def _completed(self, live: LiveRun, setup: ModelSetup, context: Context, first: float | None) -> End:
        finished = live.finished_chunk
        if finished is None:
            raise StreamInterrupted
        usage = msgspec.structs.replace(finished.usage, first_token_ms=None if first is None else round(first * 1000))
        live.finished_chunk = msgspec.structs.replace(finished, usage=usage)
        live.flush()
        self._compare(live, setup, context, usage)
        live.tell(UsageEvent(usage))
        return End("completed", finished.reason)

    def _compare(self, live: LiveRun, setup: ModelSetup, context: Context, usage: Usage) -> None:
        """Notice a provider that read less than it was sent, and learn how it counts."""
        if usage.prompt_tokens is None:
            return
        if was_cut(context, setup.num_ctx, usage.prompt_tokens):
            self._log.info("Run %s: the provider read %d tokens of about %d",
                           live.record.run.id, usage.prompt_tokens, context.tokens)  # fmt: skip
            live.tell(msgspec.structs.replace(context, cut=True))
        else:
            self.estimator.learn(_key(setup), context.tokens, usage.prompt_tokens)

    async def _end(self, live: LiveRun, end: End) -> End | None:
        record, finished = live.record, live.finished_chunk
        message = live.message()
        usage = summed(message.usage, finished.usage if finished else None)
        charge = charge_of(live, end.outcome, self.estimator) if self._quotas.charges else None
        written = RunEnd(
            end.outcome, end.reason, end.error, usage, message.parts, live.log.seq + 1, charge=charge, known=record
        )
        if end.reason == STARVED:  # readers have waited long enough for this store
            live.finish(RunFinished(end.outcome, end.reason, end.error, usage))
        won = await self._write_end(record, written)
        self._journal.drop(record.run.id)
        if won is not None and not won.run.ended:
            return LET_GO if won.epoch > record.epoch else end
        if live.ending is None:
            live.finish(finished_of(won))
        if won is None or won.epoch == record.epoch:  # else it was another's end
            self._tell(live, finished_of(won))
        return None

    def _tell(self, live: LiveRun, end: RunFinished) -> None:
        error = end.error.code if end.error else None
        level = logging.INFO if end.state in ("failed", "interrupted") else logging.DEBUG
        self._log.log(level, "Run %s is %s: %s", live.record.run.id, end.state, error or end.reason)
        self._observer.ended(ended_run(live, end.state, end.reason, error, asyncio.get_running_loop().time()))

    async def _write_end(self, record: RunRecord, end: RunEnd) -> RunRecord | None:
        """Write the end, again and again while the store is away; return the run as it then stands, None where it is gone.

        One that could not be written at all is found by a later look. Where the store can be told by another process too,
        the run stands as it was, and its readers wait; else they are told.
        """
        for pause_s in (*_END_TRIES_S, None):
            try:
                won = await self._store.end_run(record.owner_id, record.run.id, record.epoch, end)
                return won or await self._store.get_run(record.owner_id, record.run.id)
            except NotFound:
                return None
            except StoreUnavailable:
                if pause_s is not None:
                    await asyncio.sleep(pause_s)
            except AIChatError as error:
                self._log.error("The end of run %s was refused: %s", record.run.id, error.code)
                break
        else:
            self._log.error("The end of run %s could not be written: the store is away", record.run.id)
            if self._store.takes_over:
                return record
        run = msgspec.structs.replace(record.run, state="interrupted", reason=STARVED, usage=end.usage)
        return msgspec.structs.replace(record, run=run)


async def _listen(answer: Awaitable[None]) -> End | None:
    """Hear an answer to its end; return the end of one that is too long."""
    try:
        await answer
    except _TooLong:
        return End("stopped", "too_long")
    return None


def finished_of(won: RunRecord | None) -> RunFinished:
    """Return what readers are told: the store's word, or that the chat is gone."""
    if won is None:
        return RunFinished("stopped", "deleted")
    run = won.run
    return RunFinished(run.state, run.reason, run.error, run.usage)  # type: ignore[arg-type]


def accept_cancellation() -> None:
    """Let the task go on that was cancelled: it knows why, and ends by itself."""
    task = asyncio.current_task()
    assert task is not None
    task.uncancel()


def _request(record: RunRecord, window: Window, setup: ModelSetup) -> ChatRequest:
    return ChatRequest(
        setup.model.name, window.messages, setup.num_ctx, record.generation.options, digest=setup.model.digest
    )


def _asked(record: RunRecord, model: Model, request: ChatRequest) -> Asked:
    return Asked(record.owner_id, record.run.chat_id, model.provider, model.digest, request)


def _key(setup: ModelSetup) -> str:
    return f"{setup.model.provider}/{setup.model.name}"


def _failure(error: AIChatError) -> Failure:
    return Failure(error.code, error.message, dict(error.details))


def summed(before: Usage | None, now: Usage | None) -> Usage | None:
    """Add what a continued answer cost before; rates and first tokens are those of the last run."""
    if before is None or now is None:
        return now or before

    def add(a: int | None, b: int | None) -> int | None:
        return b if a is None else a if b is None else a + b

    return msgspec.structs.replace(
        now, completion_tokens=add(before.completion_tokens, now.completion_tokens),
        total_ms=add(before.total_ms, now.total_ms), load_ms=add(before.load_ms, now.load_ms),
    )  # fmt: skip
