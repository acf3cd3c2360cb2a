"""What a person may do with chats."""

from __future__ import annotations

import msgspec

from jupyter_aichat.domain.change import Change
from jupyter_aichat.domain.chat import Chat, ChatChanges, ChatQuery
from jupyter_aichat.domain.clock import now
from jupyter_aichat.domain.ids import ChatId, MessageId, OwnerId, new_id
from jupyter_aichat.domain.message import RUNNING, Message
from jupyter_aichat.domain.page import Page
from jupyter_aichat.engine.answers import AnswerCache
from jupyter_aichat.engine.deleting import Deleting
from jupyter_aichat.engine.owners import Owners
from jupyter_aichat.engine.requests import NewChat
from jupyter_aichat.engine.room import Room
from jupyter_aichat.engine.whose import check_whose
from jupyter_aichat.engine.workers import Workers
from jupyter_aichat.errors import InvalidRequest
from jupyter_aichat.stores.base import Store
from jupyter_aichat.transfer.own import MAX_TITLE

_MOST_LISTED = 200


class Chats:
    """The commands on chats, each for one owner; a foreign chat is `NotFound`."""

    def __init__(
        self,
        store: Store,
        workers: Workers,
        owners: Owners,
        answers: AnswerCache,
        *,
        deleting: Deleting,
        room: Room,
        shared: bool = False,
    ) -> None:
        self._shared, self._room, self._deleting = shared, room, deleting
        self._store, self._workers, self._owners, self._answers = store, workers, owners, answers

    async def list(self, owner: OwnerId, query: ChatQuery) -> Page[Chat]:
        """Return a page of chats."""
        return await self._store.list_chats(owner, query)

    async def create(self, owner: OwnerId, new: NewChat) -> Chat:
        """Create an empty chat; raises `TooManyChats`."""
        _check_title(new.title)
        check_whose(new.options, shared=self._shared)
        await self._room.take(owner)
        at = now()
        chat = Chat(ChatId(new_id()), new.title.strip(), at, at, model=new.model, options=new.options)
        created = await self._store.create_chat(owner, chat)
        await self._owners.publish(Change(owner, chat.id, "created"))
        return created

    async def get(self, owner: OwnerId, chat_id: ChatId) -> Chat:
        """Return a chat."""
        return await self._store.get_chat(owner, chat_id)

    async def change(self, owner: OwnerId, chat_id: ChatId, changes: ChatChanges) -> Chat:
        """Change a chat."""
        if changes.title is not msgspec.UNSET:
            _check_title(changes.title)
            changes = msgspec.structs.replace(changes, title=changes.title.strip())
        if changes.options is not msgspec.UNSET:
            check_whose(changes.options, shared=self._shared)
        chat = await self._store.change_chat(owner, chat_id, changes)
        await self._owners.publish(Change(owner, chat_id, "updated"))
        return chat

    async def delete(self, owner: OwnerId, chat_id: ChatId) -> None:
        """Delete a chat with all that hangs on it; its runs stop, and nothing of them comes back."""
        await self._deleting.delete(owner, chat_id)

    async def forget_answers(self, owner: OwnerId) -> None:
        """Forget the answers that are kept of all chats of an owner, who is about to be deleted."""
        if self._answers.scope == "off":
            return
        query = ChatQuery(archived=None, limit=_MOST_LISTED)
        while True:
            page = await self._store.list_chats(owner, query)
            for chat in page.items:
                await self._answers.forget(owner, chat.id)
            if page.next is None:
                return
            query = msgspec.structs.replace(query, cursor=page.next)

    async def messages(self, owner: OwnerId, chat_id: ChatId, cursor: str | None, limit: int) -> Page[Message]:
        """Return a page of a chat's messages in creation order."""
        page = await self._store.list_messages(owner, chat_id, cursor, limit)
        return Page(self._fresh(page.items), page.next)

    async def path(
        self, owner: OwnerId, chat_id: ChatId, leaf: MessageId, cursor: str | None, limit: int
    ) -> Page[Message]:
        """Return a page of the messages from a leaf to its root, newest first."""
        page = await self._store.path(owner, chat_id, leaf, cursor, limit)
        return Page(self._fresh(page.items), page.next)

    def _fresh(self, messages: tuple[Message, ...]) -> tuple[Message, ...]:
        """Let this process's running messages stand as they are now, not as the last checkpoint has them."""
        if not any(message.status in RUNNING for message in messages):
            return messages
        return tuple(self._as_it_is(message) for message in messages)

    def _as_it_is(self, message: Message) -> Message:
        live = self._workers.find(message.run_id) if message.run_id and message.status in RUNNING else None
        return live.message() if live else message


def _check_title(title: str) -> None:
    if len(title) > MAX_TITLE:
        raise InvalidRequest(f"A title has at most {MAX_TITLE} characters.", limit=MAX_TITLE)
