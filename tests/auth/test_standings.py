"""How soon the end of a credential is known everywhere, and what becomes of open connections."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import msgspec
import pytest

from jupyter_aichat.auth.assembly import AccountService
from jupyter_aichat.bus.base import Handler, Unsubscribe
from jupyter_aichat.bus.local import LocalBus
from jupyter_aichat.domain.account import AccountChanges
from jupyter_aichat.domain.clock import now
from jupyter_aichat.domain.credential import Session
from jupyter_aichat.domain.identity import Ending, Identity
from jupyter_aichat.domain.ids import OwnerId, SessionId
from jupyter_aichat.errors import BusUnavailable, StoreUnavailable, Unauthenticated
from jupyter_aichat.stores.sqlite import SqliteStore
from tests.auth.conftest import MakeService
from tests.auth.people import HOME, PASSWORD, identity, login, register

ROOT = OwnerId("root")
PROMISED_S = 2.0


class LostBus(LocalBus):
    """A bus that is away."""

    async def publish(self, topic: str, payload: bytes) -> None:
        raise BusUnavailable

    def subscribe(self, topic: str, handler: Handler) -> Unsubscribe:
        return lambda: None


class Connection:
    """An open connection, and why it ended."""

    def __init__(self, service: AccountService, who: Identity) -> None:
        self.ended: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self.close = service.accounts.standings.watch(who, self.ended.set_result)

    async def ending(self) -> Ending:
        async with asyncio.timeout(PROMISED_S):
            return await self.ended


Ends = Callable[[AccountService, Identity], Awaitable[object]]

ENDS: dict[str, tuple[Ends, Ending]] = {
    "logout": (lambda s, who: s.accounts.logout_here(who, HOME), "ended"),
    "logout_all": (lambda s, who: s.accounts.logout_all(who.principal.owner_id, HOME), "ended"),
    "disable": (lambda s, who: s.administration.disable(ROOT, HOME, who.principal.owner_id), "revoked"),
    "delete": (lambda s, who: s.administration.delete(ROOT, HOME, who.principal.owner_id), "revoked"),
    "roles": (lambda s, who: s.administration.set_roles(ROOT, HOME, who.principal.owner_id, ("admin",)), "changed"),
    "password": (
        lambda s, who: s.administration.set_password(ROOT, HOME, who.principal.owner_id, "another horse"), "ended"
    ),
}  # fmt: skip


@pytest.mark.parametrize("bus", [LocalBus, LostBus])
@pytest.mark.parametrize("how", sorted(ENDS))
async def test_an_open_connection_ends_in_every_process(
    make_service: MakeService, how: str, bus: type[LocalBus]
) -> None:
    """Without the bus, because the store is asked each second."""
    shared = bus()
    here, there = await make_service(bus=shared), await make_service(bus=shared)
    await register(here)
    who = await identity(here)
    connections = [
        Connection(here, who),
        Connection(there, await there.accounts.authenticate((await login(there)).access_token)),
    ]
    same = Connection(there, who)
    end, expected = ENDS[how]
    await end(here, who)
    assert {await connections[0].ending(), await same.ending()} == {expected}
    if how != "logout":
        assert await connections[1].ending() == expected
    else:
        assert not connections[1].ended.done()


async def test_with_the_bus_it_ends_at_once(make_service: MakeService) -> None:
    shared = LocalBus()
    here, there = await make_service(bus=shared), await make_service(bus=shared)
    await register(here)
    who = await identity(here)
    connection = Connection(there, who)
    await asyncio.sleep(0.05)
    await here.accounts.logout_here(who, HOME)
    async with asyncio.timeout(0.5):
        assert await connection.ended == "ended"


async def test_a_request_is_refused_elsewhere_within_a_moment(make_service: MakeService) -> None:
    here, there = await make_service(bus=LostBus()), await make_service(bus=LostBus())
    await register(here)
    grant = await login(here)
    who = await there.accounts.authenticate(grant.access_token)
    await here.accounts.logout_here(who, HOME)
    with pytest.raises(Unauthenticated):
        await here.accounts.authenticate(grant.access_token)
    async with asyncio.timeout(PROMISED_S):
        with pytest.raises(Unauthenticated):
            while True:
                await there.accounts.authenticate(grant.access_token)
                await asyncio.sleep(0.02)


async def test_others_go_on(service: AccountService) -> None:
    ada = await register(service)
    await register(service, "Eve")
    kept = [Connection(service, await identity(service, name)) for name in ("Ada", "Eve")]
    grant = await login(service)
    ended = Connection(service, await service.accounts.authenticate(grant.access_token))
    await service.accounts.end_session(ada.id, grant.session_id, HOME)
    assert await ended.ending() == "ended"
    await service.accounts.change_profile(ada.id, display_name="Countess")
    await asyncio.sleep(1.2)
    assert not any(each.ended.done() for each in kept)


async def test_a_connection_ends_with_its_access_token(service: AccountService) -> None:
    await register(service)
    who = await identity(service)
    soon = msgspec.structs.replace(who, expires_at=now() + timedelta(milliseconds=100))
    assert await Connection(service, soon).ending() == "expired"


async def test_a_connection_that_closed_hears_nothing(service: AccountService) -> None:
    await register(service)
    who = await identity(service)
    closed, open_ = Connection(service, who), Connection(service, who)
    closed.close()
    await service.accounts.logout_here(who, HOME)
    await open_.ending()
    assert not closed.ended.done()
    closed.close()
    assert service.accounts.standings._watched == set()


async def test_while_the_store_is_away_connections_go_on_until_their_tokens_expire(
    service: AccountService, monkeypatch: pytest.MonkeyPatch
) -> None:
    await register(service)
    who = await identity(service)
    lasting = Connection(service, who)
    ending = Connection(service, msgspec.structs.replace(who, expires_at=now() + timedelta(seconds=0.1)))

    async def away(*_: object) -> tuple[Session, ...]:
        raise StoreUnavailable

    with monkeypatch.context() as patch:
        patch.setattr("jupyter_aichat.stores.sqlite_accounts.SqliteAccounts.sessions", away)
        assert await ending.ending() == "expired"
        assert not lasting.ended.done()
        grant = await login(service)
        with pytest.raises(StoreUnavailable):
            await service.accounts.authenticate(grant.access_token)
    assert (await service.accounts.authenticate(grant.access_token)).principal.name == "Ada"


async def test_many_requests_ask_the_store_once(
    service: AccountService, monkeypatch: pytest.MonkeyPatch, store: SqliteStore
) -> None:
    await register(service)
    grants = [await login(service) for _ in range(5)]
    asked: list[int] = []
    ask = type(store.accounts).sessions

    async def counted(self: object, sessions: list[SessionId]) -> object:
        asked.append(len(sessions))
        return await ask(self, sessions)  # type: ignore[arg-type]

    monkeypatch.setattr(type(store.accounts), "sessions", counted)
    await asyncio.gather(*(service.accounts.authenticate(grant.access_token) for grant in grants * 20))
    assert sum(asked) == 5
    assert len(asked) == 1


async def test_what_was_read_before_an_end_is_not_believed_after_it(
    service: AccountService, monkeypatch: pytest.MonkeyPatch, store: SqliteStore
) -> None:
    """A request whose look-up was under way while its person logged out."""
    await register(service)
    grant = await login(service)
    reading, ended = asyncio.Event(), asyncio.Event()
    ask = type(store.accounts).accounts

    async def slow(self: object, owners: list[OwnerId]) -> object:
        found = await ask(self, owners)  # type: ignore[arg-type]
        reading.set()
        await ended.wait()
        return found

    with monkeypatch.context() as patch:
        patch.setattr(type(store.accounts), "accounts", slow)
        early = asyncio.create_task(service.accounts.authenticate(grant.access_token))
        await reading.wait()
    assert await store.accounts.end_session((await store.accounts.find_account("ada")).id, grant.session_id)  # type: ignore[union-attr]
    await service.accounts.standings.tell(OwnerId("somebody"))
    ended.set()
    await early
    with pytest.raises(Unauthenticated):
        await service.accounts.authenticate(grant.access_token)


async def test_what_is_known_is_forgotten(service: AccountService) -> None:
    await register(service)
    for _ in range(20):
        await service.accounts.authenticate((await login(service)).access_token)
    async with asyncio.timeout(5):
        while service.accounts.standings._known:
            await asyncio.sleep(0.05)


async def test_a_deleted_account_is_out(service: AccountService, store: SqliteStore) -> None:
    await register(service)
    who = await identity(service)
    connection = Connection(service, who)
    await service.accounts.delete(who, PASSWORD, HOME)
    assert await connection.ending() in {"ended", "revoked"}
    assert await store.accounts.change_account(who.principal.owner_id, AccountChanges(disabled=False)) is None
