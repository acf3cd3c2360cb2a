"""Many answers at once over all replicas, each read on two of them, and what must be true of them whatever happens."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Iterator, Sequence

import httpx

from tests.server.client import counted
from tests.service.cluster import READ, Cluster, Json, Replica, View
from tests.service.processes import text_of

UNKNOWN_S = 12.0
ENDS = ("completed", "stopped", "interrupted", "failed")


class Answer:
    """One answer that counts to `last`, and its readers, who come back where they are cut off."""

    def __init__(self, sent: Json, last: int, replicas: Sequence[Replica], first: int) -> None:
        self.sent, self.last = sent, last
        self.views = [View(), View()]
        self._replicas = replicas
        self.readers = [asyncio.create_task(self._read_on(view, first + n)) for n, view in enumerate(self.views)]

    async def _read_on(self, view: View, first: int) -> None:
        """Stay on a replica while it answers, then go to the next."""
        read = READ[first % 2]
        for n in itertools.count(first):
            with contextlib.suppress(httpx.HTTPError, ConnectionError):
                await read(self._replicas[n % len(self._replicas)], self.sent["run"]["id"], view)
            if view.finished:
                return
            await asyncio.sleep(0.2)

    async def check(self, replica: Replica) -> str:
        """All have the same, which is what the model says, or its beginning; return how it ended."""
        assert all(view.finished for view in self.views)
        message = await replica.message(self.sent)
        text, state = text_of(message), str(message["status"])
        assert state in ENDS
        assert text == counted(self.last if state == "completed" else len(text.split()))
        for view in self.views:
            assert view.finished is not None
            assert (view.text, view.finished["state"]) == (text, state)
        return state


class Load:
    """Answers of all replicas; nobody reads them any more after the block."""

    def __init__(self, replicas: Sequence[Replica]) -> None:
        self.replicas = replicas
        self.answers: list[Answer] = []

    async def __aenter__(self) -> Load:
        return self

    async def __aexit__(self, *_: object) -> None:
        readers = [reader for answer in self.answers for reader in answer.readers]
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)

    async def add(self, model: str, last: int, each: int) -> None:
        """Let each replica write some more answers; readers begin on both of the other replicas."""
        for n, replica in enumerate(self.replicas):
            for sent in await asyncio.gather(*(replica.send(model) for _ in range(each))):
                self.answers.append(Answer(sent, last, self.replicas, n + 1))

    def views(self) -> Iterator[View]:
        """All readers' views."""
        return itertools.chain.from_iterable(answer.views for answer in self.answers)

    async def finished(self, seconds: float) -> dict[str, int]:
        """Wait for all ends; check all; return how many there were of each state."""
        async with asyncio.timeout(seconds):
            await asyncio.gather(*(reader for answer in self.answers for reader in answer.readers))
        states = [await answer.check(self.replicas[n % 3]) for n, answer in enumerate(self.answers)]
        return {state: states.count(state) for state in set(states)}

    async def continued(self) -> int:
        """Return how many answers were let go of and taken up again."""
        messages = [await self.replicas[0].message(answer.sent) for answer in self.answers]
        return sum(bool(message["continuations"]) for message in messages)


async def check_store(cluster: Cluster, sent: Sequence[Json]) -> None:
    """Look into the database: every run has ended, every acknowledged message is there, nothing is left over.

    A run whose commit was never acknowledged is found by its owner, who looks every five seconds.
    """
    async with asyncio.timeout(UNKNOWN_S):
        while cluster.stored("runs", {"active": True}):
            await asyncio.sleep(0.2)
    assert cluster.stored("segments", {}) == []
    messages = {each["id"] for each in cluster.stored("messages", {})}
    for each in sent:
        assert {each["message"]["id"], each["reply"]["id"]} <= messages
