"""Who may read somebody else's chat, and until when."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta

import msgspec
import pytest

from jupyter_aichat.auth.administration import COMMAND_LINE
from jupyter_aichat.auth.assembly import AccountService
from jupyter_aichat.auth.share_watch import ShareWatch
from jupyter_aichat.auth.shares import MOST_SHARES
from jupyter_aichat.bus.base import Unsubscribe
from jupyter_aichat.domain.account import Account
from jupyter_aichat.domain.audit import AuditQuery
from jupyter_aichat.domain.chat import Chat
from jupyter_aichat.domain.clock import now
from jupyter_aichat.domain.identity import Origin
from jupyter_aichat.domain.ids import ChatId, OwnerId, ShareId
from jupyter_aichat.domain.share import Share, ShareWish
from jupyter_aichat.errors import AIChatError, InvalidRequest, NotFound, RateLimited, StoreUnavailable
from jupyter_aichat.stores.sqlite import SqliteStore
from tests.auth.conftest import LOG, MakeService
from tests.auth.people import HOME, PASSWORD, identity, register
from tests.contract.store_turns import chat_named

LINK = ShareWish()


async def owner_with_chat(service: AccountService, store: SqliteStore, name: str = "Ada") -> tuple[Account, Chat]:
    account = await register(service, name)
    return account, await store.create_chat(account.id, chat_named(f"Chat of {name}"))


async def made(
    service: AccountService, owner: OwnerId, chat: ChatId, wish: ShareWish, origin: Origin
) -> tuple[Share, str | None]:
    share = await service.shares.create(owner, chat, wish, origin)
    return share.share, share.token


async def link(service: AccountService, owner: Account, chat: Chat, wish: ShareWish = LINK) -> str:
    _, token = await made(service, owner.id, chat.id, wish, HOME)
    assert token is not None
    return token


async def refused(service: AccountService, key: str, reader: OwnerId | None = None) -> str:
    with pytest.raises(NotFound) as raised:
        await service.shares.open(key, reader)
    return str(raised.value)


async def test_a_link_opens_one_chat_for_everybody(service: AccountService, store: SqliteStore) -> None:
    ada, chat = await owner_with_chat(service, store)
    eve = await register(service, "Eve")
    token = await link(service, ada, chat)
    for reader in (None, ada.id, eve.id):
        opened = await service.shares.open(token, reader)
        assert (opened.share.chat_id, opened.owner.id) == (chat.id, ada.id)


async def test_a_token_has_256_random_bits_and_is_kept_nowhere(service: AccountService, store: SqliteStore) -> None:
    ada, chat = await owner_with_chat(service, store)
    tokens = {await link(service, ada, chat) for _ in range(3)}
    assert len(tokens) == 3
    assert all(len(token.removeprefix("aichat-share_")) >= 43 for token in tokens)
    kept = msgspec.json.encode(
        [await store.shares.shares_of(ada.id, chat.id), await service.shares.of(ada.id, chat.id)]
    )
    records = (await store.accounts.list_audit(AuditQuery())).items
    for token in tokens:
        assert token.removeprefix("aichat-share_").encode() not in kept + msgspec.json.encode(records)


async def test_a_share_with_somebody_is_for_that_account_alone(service: AccountService, store: SqliteStore) -> None:
    ada, chat = await owner_with_chat(service, store)
    eve, mia = await register(service, "Éve"), await register(service, "Mia")
    share, token = await made(service, ada.id, chat.id, ShareWish("éVE"), HOME)
    assert token is None
    assert (await service.shares.open(share.id, eve.id)).share == share
    unknown = await refused(service, "aichat-share_unknown")
    for reader in (None, mia.id, ada.id):
        assert await refused(service, share.id, reader) == unknown
    (received,) = (await service.shares.received(eve.id, None, 10)).items
    assert (received.share, received.owner, received.chat) == (share, ada, chat)
    assert (await service.shares.received(mia.id, None, 10)).items == ()


async def test_a_link_is_not_opened_by_its_id_or_hash(service: AccountService, store: SqliteStore) -> None:
    ada, chat = await owner_with_chat(service, store)
    share, _ = await made(service, ada.id, chat.id, LINK, HOME)
    for key in (share.id, share.hash, chat.id, ada.id, "", "\ud800", "a" * 10_000):
        await refused(service, key, ada.id)


async def test_only_ones_own_chats_can_be_shared_listed_and_revoked(
    service: AccountService, store: SqliteStore
) -> None:
    ada, chat = await owner_with_chat(service, store)
    eve = await register(service, "Eve")
    share, _ = await made(service, ada.id, chat.id, LINK, HOME)
    for chat_id in (chat.id, ChatId("unknown")):
        with pytest.raises(NotFound):
            await service.shares.create(eve.id, chat_id, LINK, HOME)
        with pytest.raises(NotFound):
            await service.shares.of(eve.id, chat_id)
        with pytest.raises(NotFound):
            await service.shares.revoke(eve.id, chat_id, share.id, HOME)
    assert [each.share for each in await service.shares.of(ada.id, chat.id)] == [share]


async def test_what_cannot_be_shared_is_refused(service: AccountService, store: SqliteStore) -> None:
    ada, chat = await owner_with_chat(service, store)
    eve = await register(service, "Eve")
    await service.administration.disable(ada.id, HOME, eve.id)
    wishes: dict[ShareWish, type[AIChatError]] = {
        ShareWish("nobody"): NotFound,
        ShareWish("Eve"): NotFound,
        ShareWish("ada"): InvalidRequest,
        ShareWish(expires_at=now() - timedelta(seconds=1)): InvalidRequest,
        ShareWish(expires_at=now() + timedelta(days=100_000)): InvalidRequest,
    }
    for wish, error in wishes.items():
        with pytest.raises(error):
            await service.shares.create(ada.id, chat.id, wish, HOME)
    assert await service.shares.of(ada.id, chat.id) == ()


async def test_names_cannot_be_guessed_without_bound(service: AccountService, store: SqliteStore) -> None:
    ada, chat = await owner_with_chat(service, store)
    await register(service, "Eve")
    for guess in range(30):
        with pytest.raises(NotFound):
            await service.shares.create(ada.id, chat.id, ShareWish(f"name{guess}"), HOME)
    for name in ("name31", "Eve"):
        with pytest.raises(RateLimited):
            await service.shares.create(ada.id, chat.id, ShareWish(name), HOME)
    await service.shares.create(ada.id, chat.id, LINK, HOME)


async def test_a_chat_has_a_bounded_number_of_shares(service: AccountService, store: SqliteStore) -> None:
    ada, chat = await owner_with_chat(service, store)
    for _ in range(MOST_SHARES):
        await service.shares.create(ada.id, chat.id, LINK, HOME)
    with pytest.raises(InvalidRequest):
        await service.shares.create(ada.id, chat.id, LINK, HOME)


async def test_a_share_ends_by_itself(service: AccountService, store: SqliteStore) -> None:
    ada, chat = await owner_with_chat(service, store)
    eve = await register(service, "Eve")
    soon = now() + timedelta(milliseconds=50)
    token = await link(service, ada, chat, ShareWish(expires_at=soon))
    named, _ = await made(service, ada.id, chat.id, ShareWish("Eve", soon), HOME)
    while now() < soon:
        await asyncio.sleep(0.01)
    await refused(service, token)
    await refused(service, named.id, eve.id)
    assert (await service.shares.received(eve.id, None, 10)).items == ()
    assert await service.shares.of(ada.id, chat.id) == ()


async def test_who_wants_a_share_no_more_leaves_it(service: AccountService, store: SqliteStore) -> None:
    ada, chat = await owner_with_chat(service, store)
    eve, mia = await register(service, "Eve"), await register(service, "Mia")
    named, _ = await made(service, ada.id, chat.id, ShareWish("Eve"), HOME)
    beside, _ = await made(service, ada.id, chat.id, ShareWish("Mia"), HOME)
    link, token = await made(service, ada.id, chat.id, LINK, HOME)
    for who, key in ((ada.id, named.id), (mia.id, named.id), (eve.id, link.id), (eve.id, token), (eve.id, "\ud800")):
        with pytest.raises(NotFound):
            await service.shares.leave(who, ShareId(key or ""), HOME)
    assert len(await service.shares.of(ada.id, chat.id)) == 3
    await service.shares.leave(eve.id, named.id, HOME)
    await refused(service, named.id, eve.id)
    assert (await service.shares.received(eve.id, None, 10)).items == ()
    assert {each.share.id for each in await service.shares.of(ada.id, chat.id)} == {beside.id, link.id}
    with pytest.raises(NotFound):
        await service.shares.leave(eve.id, named.id, HOME)
    (record,) = (await store.accounts.list_audit(AuditQuery(action="share_left"))).items
    assert (record.actor, record.subject, record.details["share"]) == (eve.id, ada.id, named.id)


async def test_an_operator_may_let_every_share_end(service: AccountService, store: SqliteStore) -> None:
    ada, chat = await owner_with_chat(service, store)
    service.shares.longest_days = 7
    share, _ = await made(service, ada.id, chat.id, LINK, HOME)
    assert share.expires_at == share.created_at + timedelta(days=7)
    with pytest.raises(InvalidRequest):
        await service.shares.create(ada.id, chat.id, ShareWish(expires_at=now() + timedelta(days=8)), HOME)


async def test_a_share_is_over_once_it_was_revoked(service: AccountService, store: SqliteStore) -> None:
    ada, chat = await owner_with_chat(service, store)
    share, token = await made(service, ada.id, chat.id, LINK, HOME)
    kept = await link(service, ada, chat)
    await service.shares.revoke(ada.id, chat.id, share.id, HOME)
    assert token is not None
    await refused(service, token)
    with pytest.raises(NotFound):
        await service.shares.revoke(ada.id, chat.id, share.id, HOME)
    assert (await service.shares.open(kept, None)).owner.id == ada.id


async def test_shares_end_with_their_owner(service: AccountService, store: SqliteStore) -> None:
    ada, chat = await owner_with_chat(service, store)
    eve = await register(service, "Eve")
    token = await link(service, ada, chat)
    named, _ = await made(service, ada.id, chat.id, ShareWish("Eve"), HOME)
    await service.administration.disable(eve.id, HOME, ada.id)
    await refused(service, token)
    await refused(service, named.id, eve.id)
    assert (await service.shares.received(eve.id, None, 10)).items == ()
    await service.administration.disable(eve.id, HOME, ada.id, disabled=False)
    await service.shares.open(token, None)
    await service.accounts.delete(await identity(service), PASSWORD, HOME)
    await refused(service, token)
    assert await store.shares.shares([named.id]) == ()


async def test_what_was_done_is_written_down_and_reading_is_not(service: AccountService, store: SqliteStore) -> None:
    ada, chat = await owner_with_chat(service, store)
    eve = await register(service, "Eve")
    share, _ = await made(service, ada.id, chat.id, ShareWish("Eve"), HOME)
    await service.shares.open(share.id, eve.id)
    await service.shares.revoke(ada.id, chat.id, share.id, HOME)
    revoked, shared = (await store.accounts.list_audit(AuditQuery())).items[:2]
    assert (shared.action, shared.actor, shared.subject, shared.address) == ("shared", ada.id, eve.id, HOME.address)
    assert shared.details == {"chat": chat.id, "share": share.id}
    assert (revoked.action, revoked.actor) == ("share_revoked", ada.id)


async def test_shares_are_in_the_export_without_their_hashes(service: AccountService, store: SqliteStore) -> None:
    ada, chat = await owner_with_chat(service, store)
    share, _ = await made(service, ada.id, chat.id, LINK, HOME)
    lines = [msgspec.json.decode(line) async for line in await service.accounts.export(ada.id, HOME)]
    (exported,) = [line for line in lines if line["type"] == "share"]
    assert exported["id"] == share.id
    assert share.hash not in repr(lines)


# Those who are reading


@pytest.fixture
def forget(jp_asyncio_loop: asyncio.AbstractEventLoop) -> Iterator[list[Unsubscribe]]:
    """What ends readers at the end of a test."""
    readers: list[Unsubscribe] = []
    yield readers
    for each in readers:
        each()
    jp_asyncio_loop.run_until_complete(asyncio.sleep(0))


async def watched(service: AccountService, token: str, forget: list[Unsubscribe]) -> asyncio.Event:
    ended = asyncio.Event()
    opened = await service.shares.open(token, None)
    forget.append(service.shares.watch(opened, ended.set))
    return ended


async def within_two_seconds(ended: asyncio.Event) -> None:
    async with asyncio.timeout(2):
        await ended.wait()


async def test_readers_are_told_of_the_end_wherever_it_was_made(
    make_service: MakeService, store: SqliteStore, forget: list[Unsubscribe]
) -> None:
    here, elsewhere = await make_service(), await make_service()
    ada, chat = await owner_with_chat(here, store)
    share, token = await made(elsewhere, ada.id, chat.id, LINK, HOME)
    assert token is not None
    kept = await watched(here, await link(here, ada, chat), forget)
    ended = await watched(here, token, forget)
    await elsewhere.shares.revoke(ada.id, chat.id, share.id, HOME)
    await within_two_seconds(ended)
    assert not kept.is_set()
    await store.delete_chat(ada.id, chat.id)
    await within_two_seconds(kept)


async def test_readers_are_told_when_time_is_over_or_the_owner_is_gone(
    service: AccountService, store: SqliteStore, forget: list[Unsubscribe]
) -> None:
    ada, chat = await owner_with_chat(service, store)
    soon = ShareWish(expires_at=now() + timedelta(milliseconds=300))
    timed = await watched(service, await link(service, ada, chat, soon), forget)
    other = await watched(service, await link(service, ada, chat), forget)
    await within_two_seconds(timed)
    assert not other.is_set()
    await service.administration.disable(COMMAND_LINE, HOME, ada.id)
    await within_two_seconds(other)


async def test_while_the_store_is_away_time_goes_on_and_readers_are_kept_for_a_while(
    service: AccountService, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, chat = await owner_with_chat(service, store)

    class Away:
        async def shares(self, _: object) -> tuple[()]:
            raise StoreUnavailable

    watch = ShareWatch(Away(), store.accounts, LOG)  # type: ignore[arg-type]
    share, _ = await made(service, ada.id, chat.id, LINK, HOME)
    short = msgspec.structs.replace(share, id=ShareId("short"), expires_at=now() + timedelta(milliseconds=100))
    kept, over = asyncio.Event(), asyncio.Event()
    watch.watch(share, kept.set)
    watch.watch(short, over.set)
    await within_two_seconds(over)
    assert not kept.is_set()
    monkeypatch.setattr("jupyter_aichat.auth.share_watch.UNSURE_S", 0.0)
    await within_two_seconds(kept)


async def test_nobody_is_asked_about_shares_that_nobody_reads(service: AccountService, store: SqliteStore) -> None:
    ada, chat = await owner_with_chat(service, store)
    opened = await service.shares.open(await link(service, ada, chat), None)
    forget = service.shares.watch(opened, lambda: None)
    assert watching()
    forget()
    await asyncio.sleep(0)
    assert not watching()


def watching() -> bool:
    return any(task.get_name() == "aichat-shares" for task in asyncio.all_tasks())
