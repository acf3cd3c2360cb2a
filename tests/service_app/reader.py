"""Somebody who reads a shared chat live, as a page does; what comes is kept and checked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx

from tests.server import documents
from tests.service_app.process import Service

Frame = dict[str, Any]

WAIT_S = 20.0


class Reader:
    """One reader; ``frames`` grows until the stream ends."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.raw = ""
        self.status = 0
        self.over = False
        self._changed = asyncio.Condition()

    async def read(self, http: httpx.AsyncClient, key: str) -> None:
        """Read to the end."""
        try:
            async with http.stream("GET", f"/shared/{key}/events") as answer:
                self.status = answer.status_code
                await self._tell()
                async for line in answer.aiter_lines():
                    if line.startswith("data: "):
                        frame = json.loads(line.removeprefix("data: "))
                        documents.check_shared_frame(frame)
                        self.raw += line
                        self.frames.append(frame)
                        await self._tell()
        finally:
            self.over = True
            await self._tell()

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def wait(self, until: Callable[[Reader], object], within_s: float = WAIT_S) -> None:
        """Wait until something is true of what came."""
        try:
            async with asyncio.timeout(within_s), self._changed:
                await self._changed.wait_for(lambda: until(self))
        except TimeoutError:
            raise AssertionError(f"not within {within_s} s; the last frames: {self.frames[-5:]}") from None

    async def wait_for_end(self, within_s: float) -> None:
        """Wait until the share has ended, and the connection with it."""
        await self.wait(lambda reader: reader.over, within_s)
        assert self.frames[-1] == {"type": "end"}

    def messages(self) -> list[Frame]:
        """The branch, as a page would show it by now."""
        found: dict[str, Frame] = {}
        for frame in list(self.frames):
            if frame["type"] == "messages":
                ids = list(found)
                kept = ids[: ids.index(frame["after"]) + 1] if frame["after"] is not None else []
                found = {each: found[each] for each in kept}
                found |= {message["id"]: dict(message) for message in frame["items"]}
            elif frame["type"] == "event" and frame["message_id"] in found:
                found[frame["message_id"]] = _applied(found[frame["message_id"]], frame["event"])
        return list(found.values())

    def text(self, place: int = -1) -> str:
        """The text of one of the messages."""
        messages = self.messages()
        return text_of(messages[place]) if messages else ""

    def status_of(self, place: int = -1) -> str:
        """How one of the messages stands."""
        messages = self.messages()
        return messages[place]["status"] if messages else ""


def _applied(message: Frame, event: Frame) -> Frame:
    match event["type"]:
        case "snapshot":
            return dict(event["message"])
        case "run_finished":
            return {**message, "status": event["state"]}
        case "text_delta":
            parts = list(message["parts"])
            last = parts.pop() if parts and parts[-1]["type"] == "text" else {"type": "text", "text": ""}
            return {**message, "parts": [*parts, {**last, "text": last["text"] + event["text"]}]}
        case _:
            return message


def text_of(message: Frame) -> str:
    """The text of a message."""
    return "".join(part["text"] for part in message["parts"] if part["type"] == "text")


@asynccontextmanager
async def reading(service: Service, key: str, token: str | None = None) -> AsyncIterator[Reader]:
    """Read live, with a credential or without, until the block is left."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=service.base, headers=headers, timeout=30) as http:
        reader = Reader()
        task = asyncio.create_task(reader.read(http, key))
        try:
            await reader.wait(lambda each: each.status or each.over)
            yield reader
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
