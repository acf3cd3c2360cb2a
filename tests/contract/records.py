"""A store with records of every kind, and records as hypothesis makes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from jupyter_aichat.domain.account import AccountChanges
from jupyter_aichat.domain.audit import AuditRecord
from jupyter_aichat.domain.chat import Chat, ChatChanges
from jupyter_aichat.domain.failure import Failure
from jupyter_aichat.domain.ids import ChatId, MessageId, OwnerId, RunId, ShareId, new_id
from jupyter_aichat.domain.message import Continuation, Message
from jupyter_aichat.domain.options import Options
from jupyter_aichat.domain.part import TextPart, ThinkingPart, ToolCallPart
from jupyter_aichat.domain.quota import Quota
from jupyter_aichat.domain.record import KINDS, KeptChat, KeptMessage, Kind, Record, Remains
from jupyter_aichat.domain.run import RunEnd, seq_of
from jupyter_aichat.domain.share import Share
from jupyter_aichat.domain.usage import Charge, Usage
from jupyter_aichat.stores.mongo import MongoStore
from jupyter_aichat.stores.records import RecordStore
from jupyter_aichat.stores.sqlite import SqliteStore
from tests.contract.account_values import account_named, invitation_by, session_of, token_of
from tests.contract.store_turns import WHEN, begun, finish, said, turn

Full = SqliteStore | MongoStore


async def fill(store: Full, password_hash: str = "h1") -> None:
    """Let a few people do everything that leaves a record."""
    first = account_named("Ada", roles=("user", "admin"), groups=("a", "b"), password_hash=password_hash)
    ada = await store.accounts.create_account(first, first_admin=True)
    eve = await store.accounts.create_account(account_named("Eve", preferences={"language": "de", "size": 1.5}))
    await store.accounts.change_account(eve.id, AccountChanges(quotas=(Quota("*", tokens_per_day=7),)))
    await store.accounts.create_session(session_of(ada))
    await store.accounts.create_token(token_of(ada), 9)
    await store.accounts.create_invitation(invitation_by(ada))
    for action in ("registered", "login", "shared"):
        await store.accounts.append_audit(AuditRecord(new_id(), WHEN, action, ada.id, eve.id, "::1", {"of": "x"}))
    chat = await _talk(store, ada.id)
    await store.shares.create_share(Share(ShareId(new_id()), ada.id, chat, new_id(), WHEN, reader_id=eve.id), 9)
    await _leave_running(store, eve.id)
    gone = await begun(store, "gone", eve.id, key="gone")
    await store.delete_chat(eve.id, gone.record.run.chat_id)
    await store.records.write("remains", [Remains(eve.id, gone.record.run.chat_id)])


async def _talk(store: Full, owner: OwnerId) -> ChatId:
    """A tree with branches, a failure and costs."""
    first = await begun(store, "Grüße \N{GRINNING FACE}\r\n\ttab", owner, key="first")
    chat = first.record.run.chat_id
    call = ToolCallPart("1", "sum", {"a.b": [1, 2.5, None, {"$set": True}], "deep": {"": "x"}})
    usage = Usage(3, 4, total_ms=5, tokens_per_second=2.0)
    end = RunEnd(
        "stopped", "user", parts=(ThinkingPart("hm"), TextPart("yes"), call), seq=seq_of(1, 9), usage=usage,
        digest="d" * 64, charge=Charge("2026-11-24", "fake/m", 3, 4, 5),
    )  # fmt: skip
    await store.end_run(owner, first.record.run.id, 1, end)
    again = await store.commit(turn("regenerate", chat, owner=owner, target=first.reply.id))
    failure = Failure("model_error", "It broke.", {"a.b": 1})
    await store.end_run(owner, again.record.run.id, 1, RunEnd("failed", error=failure, seq=seq_of(1, 2)))
    edited = await store.commit(turn("edit", chat, owner=owner, target=first.message.id, text="other"))
    await finish(store, edited, "fine")
    wishes = ChatChanges(title="Über", pinned=True, archived=True, options=Options(temperature=1.0, stop=("x",)))
    await store.change_chat(owner, chat, wishes)
    return chat


async def _leave_running(store: Full, owner: OwnerId) -> None:
    running = await begun(store, "running", owner)
    await store.checkpoint([said(running.record, 3, "half a wor"), said(running.record, 5, "d", part=1)])


async def all_of(store: RecordStore) -> dict[Kind, list[Record]]:
    """All records, of each kind by their text."""
    async with store.reading() as reading:
        return {kind: sorted([each async for each in reading.records(kind)], key=str) for kind in KINDS}


TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
IDS = st.text("abcXYZ019/%", min_size=1, max_size=8)
TIMES = st.integers(0, 4 * 10**12).map(lambda ms: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms))
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=6,
)  # fmt: skip
_PARTS = (
    st.builds(TextPart, TEXTS)
    | st.builds(ThinkingPart, TEXTS)
    | st.builds(ToolCallPart, TEXTS, TEXTS, st.dictionaries(TEXTS, _JSON, max_size=3))
)
_MARKS = st.builds(Continuation, st.integers(0, 9), st.integers(0, 2**40), TIMES, st.sampled_from(["user", "takeover"]))
_OPTIONS = st.builds(
    Options, temperature=st.none() | st.floats(0, 2), system=st.none() | TEXTS, seed=st.none() | st.just(-(2**31))
)


@st.composite
def chats(draw: st.DrawFn) -> list[Record]:
    """A chat with messages that hang on each other anyhow."""
    owner, chat_id = OwnerId(draw(IDS)), ChatId(draw(IDS))
    count = draw(st.integers(0, 6))
    ids = [MessageId(f"{chat_id}{n}") for n in range(count)]
    messages = [
        KeptMessage(
            owner,
            n + 1,
            Message(
                each, chat_id, ids[n - 1] if n else None, "assistant", tuple(draw(st.lists(_PARTS, max_size=3))), "stopped",
                n + 1, draw(TIMES), RunId(draw(IDS)), draw(st.integers(0, 2**62)), error=draw(st.none() | st.builds(
                Failure, TEXTS, TEXTS, st.dictionaries(TEXTS, _JSON, max_size=2))), continuations=tuple(draw(st.lists(_MARKS, max_size=2))),
            ),
        )
        for n, each in enumerate(ids)
    ]  # fmt: skip
    chat = Chat(chat_id, draw(TEXTS), draw(TIMES), draw(TIMES), options=draw(_OPTIONS), pinned=draw(st.booleans()))
    return [KeptChat(owner, count, chat, draw(st.none() | TIMES)), *messages]
