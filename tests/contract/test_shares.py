"""What every store keeps of shares."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import msgspec
import pytest

from jupyter_aichat.domain.account import Account
from jupyter_aichat.domain.chat import Chat
from jupyter_aichat.domain.clock import now
from jupyter_aichat.domain.ids import ChatId, OwnerId, ShareId, new_id
from jupyter_aichat.domain.share import Share
from jupyter_aichat.errors import InvalidRequest, NotFound
from jupyter_aichat.stores.accounts import AccountStore
from jupyter_aichat.stores.base import Store
from jupyter_aichat.stores.shares import ShareStore
from tests.contract.account_values import DAY, registered
from tests.contract.store_turns import chat_named


def share_of(
    owner: OwnerId, chat: Chat, *, reader: Account | None = None, lives: timedelta | None = DAY, age: int = 0
) -> Share:
    at = now() - timedelta(seconds=age)
    ends, whom = None if lives is None else at + lives, None if reader is None else reader.id
    return Share(ShareId(new_id()), owner, chat.id, new_id(), at, ends, whom)


async def test_a_share_is_kept_as_it_was_written(
    store: Store, accounts: AccountStore, shares: ShareStore, other_shares: ShareStore
) -> None:
    ada, eve = await registered(accounts), await registered(accounts, "Eve")
    chat = await store.create_chat(ada.id, chat_named())
    link = share_of(ada.id, chat, lives=None, age=1)
    named = share_of(ada.id, chat, reader=eve)
    for each in (link, named):
        await shares.create_share(each, 10)
        assert await other_shares.find_share(each.hash) == each
    assert await other_shares.shares_of(ada.id, chat.id) == (named, link)
    assert set(await other_shares.shares([link.id, named.id, ShareId("none")])) == {link, named}
    assert await shares.shares([]) == await shares.shares_of(eve.id, chat.id) == ()
    assert await shares.find_share(link.id) is None
    assert (await other_shares.shared_with(eve.id, None, 10)).items == (named,)
    assert (await other_shares.shared_with(ada.id, None, 10)).items == ()


async def test_a_share_is_deleted_by_the_owner_of_its_chat_alone(store: Store, shares: ShareStore) -> None:
    ada, eve = OwnerId("ada"), OwnerId("eve")
    chat, beside = [await store.create_chat(ada, chat_named()) for _ in range(2)]
    share = share_of(ada, chat)
    await shares.create_share(share, 10)
    assert not await shares.delete_share(eve, chat.id, share.id)
    assert not await shares.delete_share(ada, beside.id, share.id)
    assert await shares.find_share(share.hash) == share
    assert await shares.delete_share(ada, chat.id, share.id)
    assert not await shares.delete_share(ada, chat.id, share.id)
    assert await shares.find_share(share.hash) is None


async def test_there_is_no_share_of_a_chat_that_is_not_there_or_not_ones_own(
    store: Store, accounts: AccountStore, shares: ShareStore
) -> None:
    ada, eve = await registered(accounts), await registered(accounts, "Eve")
    chat = await store.create_chat(ada.id, chat_named())
    gone = msgspec.structs.replace(eve, id=OwnerId("gone"))
    unknown = msgspec.structs.replace(chat, id=ChatId("unknown"))
    for share in (share_of(eve.id, chat), share_of(ada.id, unknown), share_of(ada.id, chat, reader=gone)):
        with pytest.raises(NotFound):
            await shares.create_share(share, 10)
        assert await shares.find_share(share.hash) is None
    assert await store.get_chat(ada.id, chat.id) == chat


async def test_a_chat_has_a_bounded_number_of_shares(
    store: Store, shares: ShareStore, other_shares: ShareStore
) -> None:
    ada = OwnerId("ada")
    chat, beside = [await store.create_chat(ada, chat_named()) for _ in range(2)]
    made = await asyncio.gather(
        *(where.create_share(share_of(ada, chat), 3) for where in (shares, other_shares) * 5), return_exceptions=True
    )
    assert sum(each is None for each in made) == 3
    assert all(each is None or isinstance(each, InvalidRequest) for each in made)
    assert len(await shares.shares_of(ada, chat.id)) == 3
    await shares.create_share(share_of(ada, beside), 3)


async def test_shares_go_with_their_chat(
    store: Store, other: Store, accounts: AccountStore, shares: ShareStore
) -> None:
    ada, eve = await registered(accounts), await registered(accounts, "Eve")
    chat, beside = [await store.create_chat(ada.id, chat_named()) for _ in range(2)]
    link, named, kept = share_of(ada.id, chat), share_of(ada.id, chat, reader=eve), share_of(ada.id, beside)
    for each in (link, named, kept):
        await shares.create_share(each, 10)
    await other.delete_chat(ada.id, chat.id)
    assert await shares.shares([link.id, named.id, kept.id]) == (kept,)
    assert (await shares.shared_with(eve.id, None, 10)).items == ()


async def test_shares_go_with_the_account_of_their_owner_and_of_their_reader(
    store: Store, accounts: AccountStore, shares: ShareStore
) -> None:
    ada, eve, mia = [await registered(accounts, name) for name in ("Ada", "Eve", "Mia")]
    chat = await store.create_chat(ada.id, chat_named())
    of_eve = await store.create_chat(eve.id, chat_named())
    to_eve, to_mia, by_eve = (
        share_of(ada.id, chat, reader=eve), share_of(ada.id, chat, reader=mia), share_of(eve.id, of_eve, reader=mia),
    )  # fmt: skip
    for each in (to_eve, to_mia, by_eve):
        await shares.create_share(each, 10)
    await accounts.delete_account(eve.id)
    assert await shares.shares([to_eve.id, to_mia.id, by_eve.id]) == (to_mia,)
    with pytest.raises(NotFound):
        await shares.create_share(share_of(ada.id, chat, reader=eve), 10)


async def test_of_a_chat_that_is_deleted_meanwhile_no_share_remains(
    store: Store, shares: ShareStore, other: Store
) -> None:
    ada = OwnerId("ada")
    for _ in range(5):
        chat = await store.create_chat(ada, chat_named())
        share = share_of(ada, chat)
        await asyncio.gather(shares.create_share(share, 10), other.delete_chat(ada, chat.id), return_exceptions=True)
        with pytest.raises(NotFound):
            await store.get_chat(ada, chat.id)
        assert await shares.find_share(share.hash) is None


@pytest.mark.parametrize("limit", [1, 2, 60])
async def test_what_is_shared_with_somebody_is_listed_newest_first_each_once(
    store: Store, accounts: AccountStore, shares: ShareStore, limit: int
) -> None:
    ada, eve = await registered(accounts), await registered(accounts, "Eve")
    made = []
    for age in (3, 2, 2, 1):
        share = share_of(ada.id, await store.create_chat(ada.id, chat_named()), reader=eve, age=age)
        await shares.create_share(share, 10)
        made.append(share)
    found: list[Share] = []
    cursor: str | None = None
    while True:
        page = await shares.shared_with(eve.id, cursor, limit)
        found += page.items
        cursor = page.next
        if cursor is None:
            break
    assert [each.created_at for each in found] == sorted((each.created_at for each in made), reverse=True)
    assert {each.id for each in found} == {each.id for each in made}
    assert len(found) == len(made)


async def test_a_bad_cursor_is_an_invalid_request(shares: ShareStore) -> None:
    for cursor in ("", "x", "é", "W10=", "WzksInhdIl0"):
        with pytest.raises(InvalidRequest):
            await shares.shared_with(OwnerId("ada"), cursor, 10)
