"""Asks, and waits for the answer in the thread of the cell: an interrupt of the kernel stops the answer."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from contextlib import aclosing
from typing import NamedTuple

from jupyter_aichat.domain.options import Options
from jupyter_aichat.errors import NotFound
from jupyter_aichat.kernel.answer import Answer
from jupyter_aichat.kernel.api import Api, NewChat, new_key
from jupyter_aichat.kernel.display import View
from jupyter_aichat.kernel.session import Question, Session
from jupyter_aichat.protocol.bodies import EditBody, SendBody, SentReply

STOP_S = 5.0
"""How long an interrupted cell waits for the end of its answer."""
_TICK_S = 0.5


class Wish(NamedTuple):
    """What a cell asks for. ``chosen``: the person named the chat; else one that is gone is replaced by a new one."""

    text: str
    chat_id: str | None = None
    chosen: bool = False
    model: str | None = None
    options: Options = Options()
    earlier: Question | None = None


class Asking:
    """One question and its answer. Runs on the session's loop; a cell follows it from its own thread."""

    def __init__(self, session: Session, wish: Wish) -> None:
        self._session, self._wish = session, wish
        self._key = new_key()
        self._new_chat = NewChat()
        self._seq = 0
        self._stopping = False
        self.answer = Answer()
        self.changed = threading.Event()
        self.sent: SentReply | None = None

    async def run(self) -> None:
        """Ask, and take the answer to its end."""
        self.sent = await self._session.with_api(self._ask)
        self._seq = self.sent.reply.seq
        self.answer.begin(self.sent.reply)
        self.changed.set()
        if self._stopping:
            await self.stop()
        await self._session.with_api(self._follow)

    async def stop(self) -> None:
        """Stop the answer, now or as soon as there is one."""
        self._stopping = True
        if self.sent is not None:
            run_id = self.sent.run.id
            await self._session.with_api(lambda api: api.stop(run_id))

    async def _follow(self, api: Api) -> None:
        assert self.sent is not None
        async with aclosing(api.events(self.sent.run.id, self._seq)) as frames:
            async for frame in frames:
                self._seq = frame.seq
                self.answer.apply(frame.event)
                self.changed.set()

    async def _ask(self, api: Api) -> SentReply:
        wish = self._wish
        body = SendBody(text=wish.text, model=wish.model, options=wish.options, idempotency_key=self._key)
        if wish.chat_id is not None:
            try:
                return await self._ask_in(wish.chat_id, api, body)
            except NotFound:
                if wish.chosen:
                    raise
        return await self._new_chat.send(api, body)

    async def _ask_in(self, chat_id: str, api: Api, body: SendBody) -> SentReply:
        earlier, wish = self._wish.earlier, self._wish
        if earlier is None or earlier.chat_id != chat_id or not await _is_before_the_end(earlier, api):
            return await api.send(chat_id, body)
        edit = EditBody(text=wish.text, model=wish.model, options=wish.options, idempotency_key=self._key)
        return await api.again("edit", chat_id, earlier.message_id, edit)


async def _is_before_the_end(earlier: Question, api: Api) -> bool:
    """Whether asking beside an earlier question still follows the branch that the chat shows.

    When all cells are run again, the first of them begins a branch; those after it go on there.
    """
    if earlier.parent_id is None:
        return True
    leaf = (await api.chat(earlier.chat_id)).active_leaf
    if leaf is None:
        return False
    async with aclosing(api.messages(earlier.chat_id, leaf)) as path:
        return any([message.id == earlier.parent_id async for message in path])


def show_until_end(session: Session, asking: Asking, view: View) -> None:
    """Show an answer while it grows, in the calling thread; raises what it fails with.

    An interrupt stops the answer, shows the rest of it and is raised again.
    """
    work = session.loop.spawn(asking.run())
    try:
        _show(work, asking, view)
    except KeyboardInterrupt:
        session.loop.spawn(asking.stop())
        try:
            _show(work, asking, view, STOP_S)
        except (KeyboardInterrupt, TimeoutError):
            work.cancel()
        raise
    work.result()


def _show(work: Future[None], asking: Asking, view: View, patience_s: float = float("inf")) -> None:
    """Return at the end of the work; waits in steps, because on Windows a wait without an end cannot be interrupted."""
    until = time.monotonic() + patience_s
    work.add_done_callback(lambda _: asking.changed.set())
    while not work.done():
        if time.monotonic() > until:
            raise TimeoutError
        if asking.changed.wait(_TICK_S):
            asking.changed.clear()
            gap_s = view.show(asking.answer)
            if not work.done():
                time.sleep(gap_s)
