"""Runs: read, stop, and their events as server-sent events."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from jupyter_aichat.domain.ids import RunId
from jupyter_aichat.protocol.bodies import RunEventsQuery, Seq, StopReply
from jupyter_aichat.protocol.codec import convert
from jupyter_aichat.protocol.frames import EventFrames
from jupyter_aichat.server.base import AIChatHandler
from jupyter_aichat.server.sse import EventStreamHandler


class RunHandler(AIChatHandler):
    """One run."""

    @web.authenticated
    @authorized
    async def get(self, run_id: str) -> None:
        """Return a run."""
        self.reply(await self.engine.runs.get(self.owner, RunId(run_id)))

    @web.authenticated
    @authorized
    async def delete(self, run_id: str) -> None:
        """Stop a run: 202 while it ends, 200 once it has ended, whatever ended it."""
        run = await self.engine.runs.stop(self.owner, RunId(run_id))
        self.reply(StopReply(run), 200 if run.ended else 202)


class RunEventsHandler(EventStreamHandler):
    """The events of one run."""

    @web.authenticated
    @authorized
    async def get(self, run_id: str) -> None:
        """Send the events later than a place, until the run has ended."""
        after = self._after()
        run = await self.engine.runs.get(self.owner, RunId(run_id))
        self.begin()
        stream = self.outbox.stream(EventFrames(run.id, run.chat_id).server_sent, self.close)
        stream.attach(await self.engine.runs.read(self.owner, run.id, after, stream.wake))
        await self.send_until_closed()

    def _after(self) -> int:
        last = self.request.headers.get("Last-Event-ID")
        after: int = self.query(RunEventsQuery).after if last is None else convert(last, Seq)
        return after
