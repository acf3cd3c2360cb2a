"""Any sequence of sends, edits, regenerations, continuations, ends and deletes leaves what a plain model says."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyter_aichat.domain.chat import ChatQuery
from jupyter_aichat.domain.ids import ChatId, MessageId, new_id
from jupyter_aichat.domain.part import TextPart, text_of
from jupyter_aichat.domain.run import Outcome, RunEnd, RunRecord
from jupyter_aichat.errors import AIChatError, CannotContinue, InvalidRequest, RunActive
from jupyter_aichat.stores.base import Store
from jupyter_aichat.stores.rules import searchable
from tests.contract.store_targets import TARGETS
from tests.contract.store_turns import ADA, Mode, chat_named, said, turn

_CONTINUABLE = ("stopped", "interrupted")


@dataclass
class Node:
    """A message, as the model has it."""

    id: MessageId
    parent: MessageId | None
    role: str
    text: str
    status: str
    run: RunRecord | None = None
    events: int = 0

    @property
    def running(self) -> bool:
        return self.status in ("pending", "streaming")


@dataclass
class Model:
    """A chat as a list of messages in creation order."""

    chat: ChatId
    nodes: list[Node] = field(default_factory=list)
    leaf: MessageId | None = None

    def node(self, message: MessageId | None) -> Node | None:
        return next((node for node in self.nodes if node.id == message), None)

    def refusal(self, mode: Mode, target: Node | None) -> type[AIChatError] | None:
        """What the store must say to this turn on this message."""
        if target is None:
            return None
        if target.role != ("user" if mode == "edit" else "assistant"):
            return InvalidRequest
        if mode != "edit" and target.running:
            return RunActive
        if mode == "continue" and target.status not in _CONTINUABLE:
            return CannotContinue
        return None

    def branch(self) -> list[Node]:
        """The active branch, newest first."""
        found, message = [], self.leaf
        while (node := self.node(message)) is not None:
            found.append(node)
            message = node.parent
        return found


odd = st.sampled_from(
    ["e\u0301", "\u0351\u036b", "שלום", "\u202eabc\u202c", "عليكم", "👩🏽‍💻", "🏳️‍🌈", "🇸🇳", "\u200d", "\ufdd0"]
)
words = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20),
    st.lists(odd, min_size=1, max_size=6).map("".join),
)
which = st.integers(0, 30)
steps = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["send", "send", "edit", "regenerate", "continue"]), which, words),
        st.tuples(st.just("say"), which, words),
        st.tuples(st.sampled_from(["completed", "stopped", "interrupted", "failed"]), which, words),
    ),
    max_size=40,
)


async def take(store: Store, model: Model, mode: Mode, index: int, text: str) -> None:
    """Commit a turn on one of the messages (or, for a send, on the leaf or at the root), on both sides."""
    target = model.nodes[index % len(model.nodes)] if model.nodes else None
    if target is None and mode != "send":
        return
    if mode == "send":
        target = None if index == 0 else model.node(model.leaf) if index % 2 else target
        parent = None if index == 0 else msgspec.UNSET if index % 2 else target.id if target else None
        attempt = turn("send", model.chat, text=text, parent=parent)
    else:
        assert target is not None
        attempt = turn(mode, model.chat, text=text, target=target.id)
    refusal = model.refusal(mode, target)
    if refusal is not None:
        with pytest.raises(refusal):
            await store.commit(attempt)
        return
    committed = await store.commit(attempt)
    if mode in ("send", "edit"):
        parent_id = target.parent if mode == "edit" and target else target.id if target else None
        model.nodes.append(Node(committed.message.id, parent_id, "user", text, "completed"))
    if mode == "continue":
        assert target is not None
        target.status, target.run, target.events = "pending", committed.record, 0
    else:
        node = Node(committed.reply.id, committed.message.id, "assistant", "", "pending", committed.record)
        model.nodes.append(node)
    model.leaf = committed.reply.id


async def go_on(store: Store, model: Model, step: str, index: int, text: str) -> None:
    """Checkpoint or end one of the answers; one that has ended stays as it is."""
    replies = [node for node in model.nodes if node.run is not None]
    if not replies:
        return
    node = replies[index % len(replies)]
    assert node.run is not None
    node.events += 1
    if step == "say":
        lost = await store.checkpoint([said(node.run, node.events, text)])
        assert bool(lost) is not node.running
        if node.running:
            node.text, node.status = node.text + text, "streaming"
        return
    whole = index % 2 == 0
    parts = (TextPart(node.text + text),) if whole else None
    end = RunEnd(_outcome(step), parts=parts, seq=node.run.epoch << 32)
    ended = await store.end_run(ADA, node.run.run.id, node.run.epoch, end)
    assert ended is not None
    if node.running:
        node.text, node.status = (node.text + text) if whole else node.text, step
    assert ended.run.state == node.status


def _outcome(step: str) -> Outcome:
    assert step in ("completed", "stopped", "interrupted", "failed")
    return step  # type: ignore[return-value]


async def check(store: Store, model: Model) -> None:
    page = await store.list_messages(ADA, model.chat, None, 1000)
    assert [(m.id, m.parent_id, m.role, text_of(m.parts), m.status) for m in page.items] == [
        (node.id, node.parent, node.role, node.text, node.status) for node in model.nodes
    ]
    assert (await store.get_chat(ADA, model.chat)).active_leaf == model.leaf
    active = {record.run.message_id for record in await store.active_runs(ADA, model.chat)}
    assert active == {node.id for node in model.nodes if node.running}
    if model.leaf is not None:
        path = await store.path(ADA, model.chat, model.leaf, None, 1000)
        assert [m.id for m in path.items] == [node.id for node in model.branch()]
        assert path.length == len(path.items)


@pytest.mark.parametrize("target", sorted(TARGETS))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(taken=steps)
def test_a_chat_is_what_was_done_to_it(target: str, tmp_path: Path, taken: list[tuple[str, int, str]]) -> None:
    async def play() -> None:
        store = TARGETS[target](tmp_path)
        await store.open()
        try:
            model = Model(ChatId(new_id()))
            first = turn("send", model.chat, text="first")
            committed = await store.commit(msgspec.structs.replace(first, create_chat=True))
            model.nodes.append(Node(committed.message.id, None, "user", "first", "completed"))
            reply = committed.reply
            model.nodes.append(Node(reply.id, committed.message.id, "assistant", "", "pending", committed.record))
            model.leaf = reply.id
            for step, index, text in taken:
                if step in ("send", "edit", "regenerate", "continue"):
                    await take(store, model, step, index, text)  # type: ignore[arg-type]
                else:
                    await go_on(store, model, step, index, text)
            await check(store, model)
        finally:
            await store.close()

    asyncio.run(play())


@pytest.mark.parametrize("target", sorted(TARGETS))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(title=words, begin=st.integers(0, 20), length=st.integers(1, 20))
def test_a_title_is_found_by_any_piece_of_it(target: str, tmp_path: Path, title: str, begin: int, length: int) -> None:
    piece = title[begin : begin + length]

    async def play() -> None:
        store = TARGETS[target](tmp_path)
        await store.open()
        try:
            chat = await store.create_chat(ADA, chat_named(title))
            found = await store.list_chats(ADA, ChatQuery(q=piece, limit=1000))
            assert (chat in found.items) is (searchable(piece) in searchable(title))
            assert all(searchable(piece) in searchable(each.title) for each in found.items)
        finally:
            await store.close()

    asyncio.run(play())


@pytest.mark.parametrize("target", sorted(TARGETS))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=words, bad=st.sampled_from(["\0", "\ud800", "\udbff", "\udc00"]), after=words)
def test_what_is_no_text_is_refused_wherever_it_stands(
    target: str, tmp_path: Path, before: str, bad: str, after: str
) -> None:
    async def play() -> None:
        store = TARGETS[target](tmp_path)
        await store.open()
        try:
            attempt = msgspec.structs.replace(
                turn("send", ChatId(new_id()), text=before + bad + after), create_chat=True
            )
            with pytest.raises(InvalidRequest):
                await store.commit(attempt)
            assert (await store.list_chats(ADA, ChatQuery())).items == ()
        finally:
            await store.close()

    asyncio.run(play())
