"""All that is kept of an account, as lines of JSON, a few messages at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec

from jupyter_aichat.domain.account import Account
from jupyter_aichat.domain.audit import AuditQuery, AuditRecord
from jupyter_aichat.domain.chat import Chat, ChatQuery
from jupyter_aichat.domain.ids import ChatId, OwnerId
from jupyter_aichat.domain.usage import UsageQuery
from jupyter_aichat.errors import NotFound
from jupyter_aichat.stores.accounts import AccountStore
from jupyter_aichat.stores.base import Store
from jupyter_aichat.stores.shares import ShareStore
from jupyter_aichat.stores.usage import UsageStore

_CHATS_AT_ONCE = 50
_MESSAGES_AT_ONCE = 8  # of up to 4 MiB each
_MOST_PASSES = 3
_END = b'{"type":"end"}\n'
_SECRETS = ("password_hash", "hash", "refresh_hash", "before_hash", "attempt_hash", "stamp", "folded_name")


async def export(
    account: Account, store: AccountStore, chats: Store, shares: ShareStore, usage: UsageStore
) -> AsyncIterator[bytes]:
    """Yield one line after the other: the account, what lets it in (no secrets), its audit, what it used, its chats with their
    messages.

    The last one is of the type ``end``: a file without it is not whole.
    """
    yield _line("account", account)
    for session in await store.sessions_of(account.id):
        yield _line("session", session)
    for token in await store.tokens_of(account.id):
        yield _line("token", token)
    async for line in _audit(account.id, store):
        yield line
    async for line in _usage(account.id, usage):
        yield line
    async for chat in _chats(account.id, chats):
        yield _line("chat", chat)
        for share in await shares.shares_of(account.id, chat.id):
            yield _line("share", share)
        async for line in _messages(account.id, chat.id, chats):
            yield line
    yield _END


async def _audit(owner: OwnerId, store: AccountStore) -> AsyncIterator[bytes]:
    query = AuditQuery(account=owner)
    while True:
        page = await store.list_audit(query)
        for record in page.items:
            yield _line("audit", _as_told_to(owner, record))
        if page.next is None:
            return
        query = msgspec.structs.replace(query, cursor=page.next)


async def _usage(owner: OwnerId, store: UsageStore) -> AsyncIterator[bytes]:
    query = UsageQuery(owner)
    while True:
        page = await store.list_usage(query)
        for record in page.items:
            yield _line("usage", record)
        if page.next is None:
            return
        query = msgspec.structs.replace(query, cursor=page.next)


def _as_told_to(owner: OwnerId, record: AuditRecord) -> AuditRecord:
    """What others did is told, not from where; but where strangers tried to log in from."""
    return record if record.actor in (None, owner) else msgspec.structs.replace(record, address="")


async def _chats(owner: OwnerId, store: Store) -> AsyncIterator[Chat]:
    """Each chat once. One that changes meanwhile moves to the front of the list, so that it is looked through again."""
    seen: set[ChatId] = set()
    for _ in range(_MOST_PASSES):
        before, query = len(seen), ChatQuery(archived=None, limit=_CHATS_AT_ONCE)
        while True:
            page = await store.list_chats(owner, query)
            for chat in page.items:
                if chat.id not in seen:
                    seen.add(chat.id)
                    yield chat
            if page.next is None:
                break
            query = msgspec.structs.replace(query, cursor=page.next)
        if len(seen) == before:
            return


async def _messages(owner: OwnerId, chat: ChatId, store: Store) -> AsyncIterator[bytes]:
    cursor: str | None = None
    while True:
        try:
            page = await store.list_messages(owner, chat, cursor, _MESSAGES_AT_ONCE)
        except NotFound:  # deleted meanwhile
            return
        for message in page.items:
            yield _line("message", message)
        cursor = page.next
        if cursor is None:
            return


def _line(kind: str, value: msgspec.Struct) -> bytes:
    fields = {name: each for name, each in msgspec.structs.asdict(value).items() if name not in _SECRETS}
    return msgspec.json.encode({"type": kind, **fields}) + b"\n"
