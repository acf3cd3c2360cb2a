"""Chats out of the store as files, and files of chats into it: for one owner at a time, in bounded memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Literal

import msgspec

from jupyter_aichat.domain.change import Change
from jupyter_aichat.domain.chat import Chat, ChatQuery
from jupyter_aichat.domain.clock import now
from jupyter_aichat.domain.conversation import Conversation
from jupyter_aichat.domain.ids import ChatId, OwnerId
from jupyter_aichat.domain.message import Message
from jupyter_aichat.engine.owners import Owners
from jupyter_aichat.engine.room import Room
from jupyter_aichat.errors import AIChatError, InvalidRequest, NotFound, StoreUnavailable, TooManyChats
from jupyter_aichat.stores.base import Store
from jupyter_aichat.transfer import markdown, notebook, own
from jupyter_aichat.transfer.archive import zipped
from jupyter_aichat.transfer.names import file_name
from jupyter_aichat.transfer.reading import Found, chats_in

Form = Literal["json", "markdown", "notebook"]

_CHATS_AT_ONCE = 50
_MESSAGES_AT_ONCE = 32  # of up to 4 MiB each
_LONG_AT_ONCE = 4
_LONG = 64 * 1024
"""Characters of a message from which on few are read at once."""
_MOST_PASSES = 3
_TOLD = 100


class Wish(msgspec.Struct, frozen=True):
    """What a file shall be: its form, and for notebooks what becomes of questions and of blocks of Python."""

    form: Form = "json"
    questions: notebook.Questions = "markdown"
    code_cells: bool = False


class Imported(msgspec.Struct, frozen=True):
    """A chat that was imported."""

    id: ChatId
    title: str
    messages: int


class NotImported(msgspec.Struct, frozen=True):
    """A chat that was not imported: where it stands in the file, and why not."""

    place: str
    code: str
    message: str


class Outcome(msgspec.Struct, frozen=True):
    """What became of a file; of each list at most the first hundred are told, and how many there are."""

    imported: int
    failed: int
    chats: tuple[Imported, ...]
    failures: tuple[NotImported, ...]


class Transfers:
    """Exports and imports.

    Parameters
    ----------
    owners
        Told of each new chat; None where nobody watches.
    shared
        Whether the models are many people's, so that what would reload one is left out of imported chats.
    """

    def __init__(self, store: Store, owners: Owners | None, room: Room, *, shared: bool) -> None:
        self._store, self._owners, self._room, self._shared = store, owners, room, shared

    # Out

    @staticmethod
    def wish(form: Form) -> Wish:
        """Return the usual file of a form."""
        return Wish(form, code_cells=True)

    async def export(self, owner: OwnerId, chat_id: ChatId, wish: Wish) -> tuple[Chat, AsyncIterator[bytes]]:
        """Return a chat and its file, piece by piece; raises `NotFound`."""
        chat = await self._store.get_chat(owner, chat_id)
        return chat, self._document(owner, chat) if wish.form == "json" else self._for_people(owner, chat, wish)

    def export_all(self, owner: OwnerId) -> AsyncIterator[bytes]:
        """Return all chats as one file of our own form, piece by piece."""
        return self._document(owner, None)

    def archive(self, owner: OwnerId, wish: Wish, suffix: str) -> AsyncIterator[bytes]:
        """Return all chats as an archive of one file each, for people, piece by piece."""
        return zipped(self._files(owner, wish, suffix))

    async def _files(self, owner: OwnerId, wish: Wish, suffix: str) -> AsyncIterator[tuple[str, AsyncIterator[bytes]]]:
        async for chat in self.chats(owner):
            yield file_name(chat.title, suffix), self._for_people(owner, chat, wish)

    def _for_people(self, owner: OwnerId, chat: Chat, wish: Wish) -> AsyncIterator[bytes]:
        return self._markdown(owner, chat) if wish.form == "markdown" else self._notebook(owner, chat, wish)

    async def chats(self, owner: OwnerId) -> AsyncIterator[Chat]:
        """Yield each chat once. One that changes meanwhile moves to the front of the list, so that it is looked through again."""
        seen: set[ChatId] = set()
        for _ in range(_MOST_PASSES):
            before, query = len(seen), ChatQuery(archived=None, limit=_CHATS_AT_ONCE)
            while True:
                page = await self._store.list_chats(owner, query)
                for chat in page.items:
                    if chat.id not in seen:
                        seen.add(chat.id)
                        yield chat
                if page.next is None:
                    break
                query = msgspec.structs.replace(query, cursor=page.next)
            if len(seen) == before:
                return

    async def _document(self, owner: OwnerId, only: Chat | None) -> AsyncIterator[bytes]:
        yield own.head(now())
        separator = b""
        async for chat in self.chats(owner) if only is None else _alone(only):
            yield separator
            async for piece in self._chat(owner, chat):
                yield piece
            separator = b",\n"
        yield own.end()

    async def _chat(self, owner: OwnerId, chat: Chat) -> AsyncIterator[bytes]:
        yield own.chat_head(chat)
        last: str | None = None
        leaf_seen = False
        async for message in self._messages(owner, chat.id):
            yield (b",\n" if last else b"") + own.message_line(message)
            last, leaf_seen = message.id, leaf_seen or message.id == chat.active_leaf
        yield own.chat_end(chat.active_leaf if leaf_seen else last)

    async def _markdown(self, owner: OwnerId, chat: Chat) -> AsyncIterator[bytes]:
        yield markdown.head(chat).encode()
        async for message in self._branch(owner, chat):
            yield await _made(message, partial(_section, message))

    async def _notebook(self, owner: OwnerId, chat: Chat, wish: Wish) -> AsyncIterator[bytes]:
        yield notebook.HEAD + notebook.title_cell(chat)
        async for message in self._branch(owner, chat):
            yield await _made(message, partial(_cells, message, wish))
        yield notebook.END

    async def _messages(self, owner: OwnerId, chat_id: ChatId) -> AsyncIterator[Message]:
        """Yield all messages in creation order; none that is there after the chat was deleted."""
        cursor, limit = None, _LONG_AT_ONCE
        while True:
            try:
                page = await self._store.list_messages(owner, chat_id, cursor, limit)
            except NotFound:
                return
            for message in page.items:
                yield message
            if (cursor := page.next) is None:
                return
            limit = _next_limit(page.items)

    async def _branch(self, owner: OwnerId, chat: Chat) -> AsyncIterator[Message]:
        """Yield the active branch from its root on: who belongs to it is read first, since branches are read from their end."""
        if chat.active_leaf is None:
            return
        belonging: set[str] = set()
        cursor, limit = None, _LONG_AT_ONCE
        while True:
            try:
                page = await self._store.path(owner, chat.id, chat.active_leaf, cursor, limit)
            except NotFound:
                return
            belonging.update(message.id for message in page.items)
            if (cursor := page.next) is None:
                break
            limit = _next_limit(page.items)
        async for message in self._messages(owner, chat.id):
            if message.id in belonging:
                yield message

    # In

    async def read(self, owner: OwnerId, data: bytes | bytearray) -> Outcome:
        """Import the chats of a file, each as a whole or not at all.

        Raises `InvalidRequest` for a file of which nothing can be imported (``details["path"]`` says where it is wrong), and
        `TooManyChats` where there is no room for any. What was imported before the store went away is told.
        """
        found = await asyncio.to_thread(lambda: list(chats_in(data)))
        done: list[Imported] = []
        failed: list[tuple[Found, AIChatError]] = []
        for number, each in enumerate(found):
            try:
                done.append(await self._import(owner, each))
            except InvalidRequest as error:
                failed.append((each, error))
            except (TooManyChats, StoreUnavailable) as error:
                failed += ((left, error) for left in found[number:])
                break
        if not done and failed:
            raise failed[0][1]
        told = tuple(NotImported(each.place, error.code, error.message) for each, error in failed[:_TOLD])
        return Outcome(len(done), len(failed), tuple(done[:_TOLD]), told)

    async def _import(self, owner: OwnerId, found: Found) -> Imported:
        conversation = await asyncio.to_thread(found.read)
        await self._room.take(owner)
        chat = await self._store.add_conversation(owner, self._ours(conversation))
        if self._owners is not None:
            await self._owners.publish(Change(owner, chat.id, "created"))
        return Imported(chat.id, chat.title, len(conversation.messages))

    def _ours(self, conversation: Conversation) -> Conversation:
        """The chat as it may be here: what reloads a shared model is the operator's to set, and no time is yet to come."""
        chat, at = conversation.chat, now()
        options = msgspec.structs.replace(chat.options, num_ctx=None) if self._shared else chat.options
        updated = min(chat.updated_at, at)
        chat = msgspec.structs.replace(
            chat, options=options, created_at=min(chat.created_at, updated), updated_at=updated
        )
        return msgspec.structs.replace(conversation, chat=chat, came_at=at)


def _next_limit(messages: tuple[Message, ...]) -> int:
    """How many messages to read next: few where those before them were long, so that little is held."""
    return _LONG_AT_ONCE if any(map(_is_long, messages)) else _MESSAGES_AT_ONCE


def _is_long(message: Message) -> bool:
    return sum(len(getattr(part, "text", "")) for part in message.parts) >= _LONG


def _section(message: Message) -> bytes:
    return markdown.section(message).encode()


def _cells(message: Message, wish: Wish) -> bytes:
    cells = notebook.cells(message, wish.questions, code_cells=wish.code_cells)
    return b"".join(b",\n" + cell for cell in cells)


async def _made(message: Message, make: Callable[[], bytes]) -> bytes:
    """Return what is made of a message: of a long one beside the loop, which it would hold too long."""
    return await asyncio.to_thread(make) if _is_long(message) else make()


async def _alone(chat: Chat) -> AsyncIterator[Chat]:
    yield chat
