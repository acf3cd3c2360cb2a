"""Who may read somebody else's chat: shares are made, listed, revoked and opened here. What is read is not its business."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from traitlets import Bool, Float
from traitlets.config import LoggingConfigurable

from jupyter_aichat.auth.audit import Audit
from jupyter_aichat.auth.limits import Limiter
from jupyter_aichat.auth.opaque import SHARE, hash_of, new_token
from jupyter_aichat.auth.share_cursors import ShareCursors
from jupyter_aichat.auth.share_watch import Ended, ShareWatch
from jupyter_aichat.bus.base import Unsubscribe
from jupyter_aichat.domain.account import Account
from jupyter_aichat.domain.chat import Chat
from jupyter_aichat.domain.clock import now
from jupyter_aichat.domain.folding import fold
from jupyter_aichat.domain.identity import Origin
from jupyter_aichat.domain.ids import ChatId, OwnerId, ShareId, new_id
from jupyter_aichat.domain.limit import Rate
from jupyter_aichat.domain.page import Page
from jupyter_aichat.domain.share import Share, ShareWish
from jupyter_aichat.errors import InvalidRequest, NotFound
from jupyter_aichat.stores.accounts import AccountStore
from jupyter_aichat.stores.base import Store
from jupyter_aichat.stores.shares import ShareStore

MOST_SHARES = 100
"""How many shares a chat may have."""

_NO_SHARE = "There is no such share, or it has ended."
_NAMES = Rate(30, 3600)
_SOON = timedelta(days=366 * 10)


class ListedShare(msgspec.Struct, frozen=True):
    """A share as its owner sees it, with its reader's account."""

    share: Share
    reader: Account | None = None

    @property
    def with_name(self) -> str | None:
        """The user name of the reader, None for a link."""
        return None if self.reader is None else self.reader.name


class MadeShare(ListedShare, frozen=True, kw_only=True):
    """A new share, and a link's token, which nobody can be shown again."""

    token: str | None

    def __repr__(self) -> str:
        return f"MadeShare({self.share!r})"


class OpenedShare(msgspec.Struct, frozen=True):
    """A share that lets its reader in, and the account that the chat belongs to."""

    share: Share
    owner: Account
    cursors: ShareCursors

    def seal(self, cursor: str | None) -> str | None:
        """Return a cursor as its readers get it."""
        return self.cursors.seal(self.share.id, cursor)

    def unseal(self, cursor: str | None) -> str | None:
        """Return the cursor that a reader got here, or raise `InvalidRequest`."""
        return self.cursors.open(self.share.id, cursor)


class Received(msgspec.Struct, frozen=True):
    """A chat that was shared with somebody by name."""

    share: Share
    owner: Account
    chat: Chat


class Shares(LoggingConfigurable):
    """The shares of all chats.

    Parameters
    ----------
    store, accounts, chats
        Where shares, accounts and chats are.
    """

    open_links = Bool(
        True, help="Whoever has a chat's link may read it without an account. False: links need a login, too."
    ).tag(config=True)
    longest_days = Float(
        None,
        allow_none=True,
        min=0.01,
        help="Days after which every share ends, at the latest. Default: none need end.",
    ).tag(config=True)

    def __init__(
        self,
        store: ShareStore,
        accounts: AccountStore,
        chats: Store,
        *,
        limiter: Limiter,
        audit: Audit,
        cursors: ShareCursors,
        log: logging.Logger,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._store, self._accounts, self._chats = store, accounts, chats
        self._limiter, self._audit, self._cursors = limiter, audit, cursors
        self._watch = ShareWatch(store, accounts, log)

    # The owner

    async def create(self, owner: OwnerId, chat_id: ChatId, wish: ShareWish, origin: Origin) -> MadeShare:
        """Make a share.

        Raises `NotFound` for a chat that is not the owner's and for a name that nobody has, `InvalidRequest`, `RateLimited`.
        """
        at = now()
        expires_at = self._end(wish.expires_at, at)
        await self._chats.get_chat(owner, chat_id)
        reader = None if wish.reader is None else await self._reader(owner, wish.reader)
        share_id, token = ShareId(new_id()), new_token(SHARE) if reader is None else None
        share_hash, reader_id = hash_of(token or share_id), None if reader is None else reader.id
        share = Share(share_id, owner, chat_id, share_hash, at, expires_at, reader_id)
        await self._store.create_share(share, MOST_SHARES)
        await self._audit.note(
            "shared", actor=owner, subject=reader_id, address=origin.address, chat=chat_id, share=share.id
        )
        return MadeShare(share, reader, token=token)

    def _end(self, wanted: datetime | None, at: datetime) -> datetime | None:
        longest = None if self.longest_days is None else at + timedelta(days=self.longest_days)
        if wanted is None:
            return longest
        if wanted <= at:
            raise InvalidRequest("A share ends in the future.")
        if wanted > (longest or at + _SOON):
            raise InvalidRequest(f"A share ends after {self.longest_days or _SOON.days:g} days at the latest.")
        return wanted

    async def _reader(self, owner: OwnerId, name: str) -> Account:
        """Find an account by its name; how often one may guess is bounded."""
        taken = await self._limiter.take(f"share:names:{owner}", _NAMES)
        account = await self._accounts.find_account(fold(name))
        if account is None or account.disabled:
            raise NotFound("Nobody has this user name here.")
        await self._limiter.give_back(taken)
        if account.id == owner:
            raise InvalidRequest("This is you: you can read the chat anyway.")
        return account

    async def of(self, owner: OwnerId, chat_id: ChatId) -> tuple[ListedShare, ...]:
        """Return the shares of an owner's chat that have not ended, newest first, or raise `NotFound`."""
        await self._chats.get_chat(owner, chat_id)
        at = now()
        shares = [each for each in await self._store.shares_of(owner, chat_id) if not each.over(at)]
        readers = await self._accounts_of([each.reader_id for each in shares if each.reader_id is not None])
        return tuple(ListedShare(each, readers.get(each.reader_id or OwnerId(""))) for each in shares)

    async def revoke(self, owner: OwnerId, chat_id: ChatId, share_id: ShareId, origin: Origin) -> None:
        """End a share of an owner's chat, also for those who are reading, or raise `NotFound`."""
        if not await self._store.delete_share(owner, chat_id, share_id):
            raise NotFound(_NO_SHARE)
        self._watch.look_soon()
        await self._audit.note(
            "share_revoked", actor=owner, subject=owner, address=origin.address, chat=chat_id, share=share_id
        )

    # The reader

    async def open(self, key: str, reader: OwnerId | None) -> OpenedShare:
        """Return the share that a link's token or, for its reader, a share's id stands for; raises `NotFound` alike for others.

        A `reader` of None is not logged in: that may read links only.
        """
        share = await self._store.find_share(hash_of(key))
        if share is None or share.over(now()) or share.reader_id not in (None, reader):
            raise NotFound(_NO_SHARE)
        owner = (await self._accounts_of([share.owner_id])).get(share.owner_id)
        if owner is None or owner.disabled:
            raise NotFound(_NO_SHARE)
        return OpenedShare(share, owner, self._cursors)

    async def received(self, reader: OwnerId, cursor: str | None, limit: int) -> Page[Received]:
        """Return a page of what is shared with somebody by name, newest first; what has ended is left out."""
        page = await self._store.shared_with(reader, cursor, limit)
        at = now()
        shares = [each for each in page.items if not each.over(at)]
        owners = await self._accounts_of([each.owner_id for each in shares])
        open_ones = [
            (share, owner)
            for share in shares
            if (owner := owners.get(share.owner_id)) is not None and not owner.disabled
        ]
        chats = await asyncio.gather(*(self._chat(share) for share, _ in open_ones))
        return Page(
            tuple(Received(*each, chat) for each, chat in zip(open_ones, chats, strict=True) if chat is not None),
            page.next,
        )

    async def leave(self, reader: OwnerId, share_id: ShareId, origin: Origin) -> None:
        """End a share for its reader, who wants it no more; raises `NotFound` for what is not shared with that one by name."""
        share = await self._store.find_share(hash_of(share_id))
        if share is None or share.reader_id != reader:
            raise NotFound(_NO_SHARE)
        if not await self._store.delete_share(share.owner_id, share.chat_id, share.id):
            raise NotFound(_NO_SHARE)
        self._watch.look_soon()
        await self._audit.note(
            "share_left",
            actor=reader,
            subject=share.owner_id,
            address=origin.address,
            chat=share.chat_id,
            share=share.id,
        )

    async def _chat(self, share: Share) -> Chat | None:
        try:
            return await self._chats.get_chat(share.owner_id, share.chat_id)
        except NotFound:  # deleted meanwhile
            return None

    async def _accounts_of(self, owners: Sequence[OwnerId]) -> dict[OwnerId, Account]:
        found = await self._accounts.accounts(list(set(owners))) if owners else ()
        return {each.id: each for each in found}

    def watch(self, opened: OpenedShare, ended: Ended) -> Unsubscribe:
        """Call `ended` once, on the loop, within two seconds of the end of a share; it must return at once and not raise."""
        return self._watch.watch(opened.share, ended)
