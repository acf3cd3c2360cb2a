"""Taking runs that other processes committed for the workers: on their offer, or because the store has one that nobody took.

Taken is the run first in the store, by compare-and-set, then its place in line and what is held for it; then whoever offered
it hears that it need not any more, and it is a run of this process like any other. One that a process kept, which another had
begun, is taken over.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

import msgspec

from jupyter_aichat.bus.base import Bus, Unsubscribe
from jupyter_aichat.domain.ids import ChatId, InstanceId, MessageId, OwnerId, RunId
from jupyter_aichat.domain.message import Message
from jupyter_aichat.domain.process import Roles
from jupyter_aichat.domain.run import NOBODYS_EPOCH, RunRecord
from jupyter_aichat.engine.admission import Admission
from jupyter_aichat.engine.generation import End
from jupyter_aichat.engine.models import Catalogue
from jupyter_aichat.engine.offers import OFFERS, TAKEN, Offer
from jupyter_aichat.engine.processes import Processes
from jupyter_aichat.engine.takeover import Takeover
from jupyter_aichat.engine.workers import Workers
from jupyter_aichat.errors import AIChatError, BusUnavailable, ProviderError
from jupyter_aichat.limits.quotas import Quotas
from jupyter_aichat.logs.context import nobodys
from jupyter_aichat.stores.base import Store

LOOK_S = 0.5
LOOK_RARELY_S = 5.0
"""Where no process is known that leaves its questions to others."""
AT_ONCE = 50
TAKEOVERS_AT_ONCE = 16
"""Each reads a whole answer."""


class Claiming:
    """Claims what is nobody's."""

    def __init__(
        self,
        *,
        instance: InstanceId,
        roles: Roles,
        store: Store,
        bus: Bus,
        catalogue: Catalogue,
        admission: Admission,
        quotas: Quotas,
        workers: Workers,
        takeover: Takeover,
        processes: Processes,
        log: logging.Logger,
    ) -> None:
        self._id, self._alone, self._store, self._bus = instance, "api" not in roles, store, bus
        self._catalogue, self._admission, self._quotas = catalogue, admission, quotas
        self._workers, self._takeover, self._processes, self._log = workers, takeover, processes, log
        self._side_by_side = asyncio.Semaphore(TAKEOVERS_AT_ONCE)
        self._taking: set[RunId] = set()
        self._seen: frozenset[RunId] = frozenset()
        self._tasks: set[asyncio.Task[None]] = set()
        self._unsubscribe: Unsubscribe | None = None

    def start(self) -> None:
        """Hear offers, and look."""
        self._unsubscribe = self._bus.subscribe(OFFERS, self._hear)
        self._spawn(self._look_on(), "aichat-claiming")

    async def stop(self) -> None:
        """Take nothing more."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name, context=nobodys())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # Offers

    def _hear(self, payload: bytes) -> None:
        offer = msgspec.json.decode(payload, type=Offer)
        if offer.worker in (None, self._id):
            begun = offer.epoch > NOBODYS_EPOCH
            taking = self._go_on(offer) if begun else self._take(offer.owner, offer.run, self._messages(offer))
            self._spawn(taking, f"aichat-take-{offer.run}")

    async def _messages(self, offer: Offer) -> tuple[Message, Message]:
        return await self._question_and_reply(offer.owner, offer.chat, offer.question, offer.reply)

    async def _question_and_reply(
        self, owner: OwnerId, chat: ChatId, question: MessageId, reply: MessageId
    ) -> tuple[Message, Message]:
        return await asyncio.gather(
            self._store.get_message(owner, chat, question), self._store.get_message(owner, chat, reply)
        )

    # The look

    async def _look_on(self) -> None:
        while True:
            often = self._alone or self._processes.need_workers
            await asyncio.sleep(LOOK_S if often else LOOK_RARELY_S)
            try:
                await self._look()
            except AIChatError:
                self._log.debug("The store does not say what is nobody's")
            except Exception:  # noqa: BLE001 (questions must not wait for ever by one fault)
                self._log.exception("Looking for questions that nobody has failed")

    async def _look(self) -> None:
        """Take what two looks found: what is newer was offered to somebody a moment ago."""
        found = {record.run.id: record for record in await self._store.unclaimed(AT_ONCE)}
        due = [run_id for run_id in found if run_id in self._seen]
        self._seen = frozenset(found)
        random.shuffle(due)  # others look too, and should not try the same ones in the same order
        for run_id in due:
            record = found[run_id]
            await self._take(record.owner_id, run_id, self._messages_of(record))

    async def _messages_of(self, record: RunRecord) -> tuple[Message, Message]:
        run = record.run
        reply = await self._store.get_message(record.owner_id, run.chat_id, run.message_id)
        assert reply.parent_id is not None
        return await self._store.get_message(record.owner_id, run.chat_id, reply.parent_id), reply

    # Taking

    async def _take(
        self, owner: OwnerId, run_id: RunId, messages: Coroutine[Any, Any, tuple[Message, Message]]
    ) -> None:
        """Take one; a fault after the claim costs some seconds: then it is ours without a worker, as the sweep finds."""
        if run_id in self._taking or not self._workers.accepting:
            messages.close()
            return
        self._taking.add(run_id)
        try:
            claimed, (question, reply) = await asyncio.gather(
                self._store.claim(owner, run_id, NOBODYS_EPOCH, self._id), messages
            )
            if claimed is not None:
                await self._begin(claimed, question, reply)
        except AIChatError as error:
            self._log.debug("Run %s cannot be taken right now: %s", run_id, error.code)
        finally:
            self._taking.discard(run_id)

    async def _begin(self, record: RunRecord, question: Message, reply: Message) -> None:
        record = await self._named(record)
        waits = await self._admission.adopt(record)
        await self._quotas.adopt(record)
        run = msgspec.structs.replace(record.run, state="queued" if waits else "loading")
        end = End("stopped", "user") if record.stop_requested else None
        self._workers.start(msgspec.structs.replace(record, run=run), question, reply, end)
        await self._tell_taken(record.run.id)

    async def _tell_taken(self, run_id: RunId) -> None:
        with suppress(BusUnavailable):  # then whoever offered it looks
            await self._bus.publish(TAKEN, run_id.encode())

    async def _go_on(self, offer: Offer) -> None:
        """Take a run over that was kept for a worker; who keeps it would have ended it, were it too late.

        It is left there where its model cannot be asked: that may come yet, as workers just did.
        """
        if offer.run in self._taking or not self._workers.accepting:
            return
        self._taking.add(offer.run)
        try:
            async with self._side_by_side:
                record = await self._store.get_run(offer.owner, offer.run)
                await self._catalogue.setup(await self._catalogue.resolve(record.generation.model or None))
                if record.epoch == offer.epoch and await self._takeover.take(record, 0.0, "server_restarted"):
                    await self._tell_taken(offer.run)
        except AIChatError as error:
            self._log.debug("Run %s cannot be taken over right now: %s", offer.run, error.code)
        finally:
            self._taking.discard(offer.run)

    async def _named(self, record: RunRecord) -> RunRecord:
        """The run with its model named, which whoever committed it may not have known."""
        asked = record.generation
        if asked.provider:
            return record
        try:
            model = await self._catalogue.resolve(asked.model or None)
        except ProviderError:
            return record  # the run says so
        asked = msgspec.structs.replace(asked, provider=model.provider, model=model.name)
        return msgspec.structs.replace(record, generation=asked)
