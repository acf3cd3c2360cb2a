"""The life of an account, from its registration to its end, with two replicas on one database of each kind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from jupyter_aichat.auth.administration import COMMAND_LINE
from jupyter_aichat.auth.assembly import AccountRules, AccountService, Ports, assemble
from jupyter_aichat.auth.keys import new_secret, parse_keys
from jupyter_aichat.auth.passwords import Passwords
from jupyter_aichat.bus.local import LocalBus
from jupyter_aichat.cache.local import LocalCache
from jupyter_aichat.domain.account import AccountQuery
from jupyter_aichat.domain.audit import AuditQuery, AuditRecord
from jupyter_aichat.domain.chat import ChatQuery
from jupyter_aichat.errors import LastAdministrator, Unauthenticated
from jupyter_aichat.stores.mongo import MongoStore
from jupyter_aichat.stores.sqlite import SqliteStore
from tests import mongo_server
from tests.auth.conftest import LOG
from tests.auth.people import HOME, PASSWORD, administrator, identity, login, register
from tests.contract.store_turns import begun

MakeStore = Callable[[], SqliteStore | MongoStore]


@pytest.fixture(params=["mongo", "sqlite"])
def make_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeStore]:
    """Make stores on the same data."""
    if request.param == "sqlite":
        yield lambda: SqliteStore(tmp_path / "chats.sqlite3")
        return
    with mongo_server.running(tmp_path / "mongo") as server:
        yield lambda: MongoStore(server.url)


@asynccontextmanager
async def replicas(
    make_store: MakeStore,
) -> AsyncIterator[tuple[AccountService, AccountService, SqliteStore | MongoStore]]:
    """Two services, as two processes have them."""
    keys, cache, made = parse_keys(new_secret()), LocalCache(), []
    for _ in range(2):
        store = make_store()
        await store.open()
        ports = Ports(store.accounts, store, LocalBus(), cache, LocalCache(), store.shares, store.usage)
        service = assemble(ports, keys, "open", rules=AccountRules(), passwords=Passwords(cost=4), log=LOG)
        await service.accounts.start()
        made.append((service, store))
    yield made[0][0], made[1][0], made[0][1]
    for service, store in made:
        await service.accounts.stop()
        await store.close()


async def test_a_life(make_store: MakeStore) -> None:
    async with replicas(make_store) as (here, there, store):
        ada = await register(here)
        first, second = await login(here), await login(there)
        who = await there.accounts.authenticate(first.access_token)
        assert who.principal.owner_id == ada.id

        answers = await asyncio.gather(*(
            each.accounts.sessions.refresh(first.refresh_token, "a1", HOME) for each in (here, there) * 5
        ))  # fmt: skip
        assert len({answer.refresh_token for answer in answers}) == 1
        with pytest.raises(Unauthenticated):
            await there.accounts.sessions.refresh(first.refresh_token, "a2", HOME)
        with pytest.raises(Unauthenticated):
            await here.accounts.sessions.refresh(answers[0].refresh_token, "a3", HOME)

        who = await here.accounts.authenticate(second.access_token)
        third = await login(there)
        await here.accounts.change_password(who, PASSWORD, "another horse", HOME)
        with pytest.raises(Unauthenticated):
            await there.accounts.sessions.refresh(third.refresh_token, "a1", HOME)
        second = await there.accounts.sessions.refresh(second.refresh_token, "a1", HOME)

        await begun(store, "a question", owner=ada.id)
        exported = [line async for line in await here.accounts.export(ada.id, HOME)]
        assert sum(b'"type":"message"' in line for line in exported) == 2
        await there.accounts.delete(who, "another horse", HOME)
        assert (await store.list_chats(ada.id, ChatQuery())).items == ()
        with pytest.raises(Unauthenticated):
            await login(here, password="another horse")
        with pytest.raises(Unauthenticated):
            await here.accounts.sessions.refresh(second.refresh_token, "a2", HOME)


async def test_the_last_administrator_stays_whatever_they_do_to_each_other(make_store: MakeStore) -> None:
    async with replicas(make_store) as (here, there, store):
        ada, bob, eve = [await administrator(here, name) for name in ("ada", "bob", "eve")]
        who = await identity(here, "ada")
        outcomes = await asyncio.gather(
            there.administration.set_roles(ada.id, HOME, bob.id, ("user",)),
            here.administration.delete(bob.id, HOME, eve.id),
            there.administration.disable(eve.id, HOME, ada.id),
            here.accounts.delete(who, PASSWORD, HOME),
            there.administration.delete(COMMAND_LINE, HOME, bob.id),
            return_exceptions=True,
        )
        assert any(isinstance(each, LastAdministrator) for each in outcomes), outcomes
        left = [each for each in (await store.accounts.list_accounts(AccountQuery())).items if each.administers]
        assert len(left) == 1
        before = await audit_of(store)
        for attempt in (
            here.administration.set_roles(COMMAND_LINE, HOME, left[0].id, ("user",)),
            here.administration.disable(COMMAND_LINE, HOME, left[0].id),
            there.administration.delete(COMMAND_LINE, HOME, left[0].id),
            there.accounts.delete(await identity(there, left[0].name), PASSWORD, HOME),
        ):
            with pytest.raises(LastAdministrator):
                await attempt
        assert await store.accounts.accounts([left[0].id]) == (left[0],)
        assert {each.action for each in (await audit_of(store))[: -len(before)]} == {"login"}


async def audit_of(store: SqliteStore | MongoStore) -> tuple[AuditRecord, ...]:
    return (await store.accounts.list_audit(AuditQuery(limit=200))).items
