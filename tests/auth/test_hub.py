"""What is known of a Hub's tokens: asked once a second, once at a time, and never longer than that."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial

import msgspec
import pytest

from jupyter_aichat.auth import hub as module
from jupyter_aichat.auth.accounts import new_account
from jupyter_aichat.auth.hub import ALONE_S, HubPeople, HubScopes, HubUser, owner_of
from jupyter_aichat.domain.account import Account
from jupyter_aichat.domain.clock import now
from jupyter_aichat.domain.identity import Ending
from jupyter_aichat.domain.ids import OwnerId
from jupyter_aichat.errors import Forbidden, NotReady, Unauthenticated

USE = "access:services!service=aichat"
ADMIN, READ, LARGE = "custom:aichat:admin", "custom:aichat:read", "custom:aichat:models:large"


class Hub:
    """A Hub that says what it is told to, and counts how often it is asked; and a clock."""

    def __init__(self) -> None:
        self.users: dict[str, HubUser] = {"of-ada": HubUser("ada", "user", (USE, ADMIN))}
        self.asked: list[str] = []
        self.away = False
        self.now = 100.0
        self.most_at_once = self._at_once = 0

    async def ask(self, token: str) -> HubUser | None:
        self.asked.append(token)
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        await asyncio.sleep(0)
        self._at_once -= 1
        if self.away:
            raise NotReady
        return self.users.get(token)

    async def join(self, owner: OwnerId, user: HubUser) -> Account:
        account = new_account(user.name, None)
        return Account(owner, *(getattr(account, name) for name in account.__struct_fields__[1:]))


@pytest.fixture
def hub() -> Hub:
    return Hub()


@pytest.fixture
def people(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> HubPeople:
    monkeypatch.setattr(module, "LOOK_S", 0.001)
    scopes = HubScopes(frozenset({USE}), ADMIN, READ, frozenset({LARGE}))
    return HubPeople(hub.ask, hub.join, scopes, logging.getLogger("tests.hub"), lambda: hub.now)


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not true():
            await asyncio.sleep(0.001)


async def test_many_requests_at_once_ask_once(hub: Hub, people: HubPeople) -> None:
    found = await asyncio.gather(*(people.authenticate("of-ada") for _ in range(50)))
    assert {each.principal.name for each in found} == {"ada"}
    assert hub.asked == ["of-ada"]


async def test_an_answer_is_good_for_a_second_a_refusal_too(hub: Hub, people: HubPeople) -> None:
    for _ in range(3):
        await people.authenticate("of-ada")
        with pytest.raises(Unauthenticated):
            await people.authenticate("wrong")
    hub.away = True
    with pytest.raises(NotReady):
        await people.authenticate("another")
    with pytest.raises(NotReady):
        await people.authenticate("another")
    assert sorted(hub.asked) == ["another", "of-ada", "wrong"]
    hub.away, hub.users = False, {}
    hub.now += 1.01
    with pytest.raises(Unauthenticated):
        await people.authenticate("of-ada")


async def test_who_stops_waiting_stops_nobody_else(people: HubPeople) -> None:
    first, second = (asyncio.create_task(people.authenticate("of-ada")) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).principal.name == "ada"


@pytest.mark.parametrize(
    "user", [HubUser("ada", "user"), HubUser("ada", "service", (USE,)), HubUser("ada", "", (USE,))]
)
async def test_only_people_who_may_use_the_service_get_in(hub: Hub, people: HubPeople, user: HubUser) -> None:
    hub.users["narrow"] = user
    with pytest.raises(Forbidden):
        await people.authenticate("narrow")


def _note(endings: dict[str, Ending], token: str, ending: Ending) -> None:
    endings[token] = ending


async def test_open_sockets_end_with_their_token(hub: Hub, people: HubPeople) -> None:
    hub.users["of-eve"] = HubUser("eve", "user", (USE,))
    endings: dict[str, Ending] = {}
    people.watch(await people.authenticate("of-ada"), partial(_note, endings, "of-ada"))
    people.watch(await people.authenticate("of-eve"), partial(_note, endings, "of-eve"))
    people.watch(await people.authenticate("of-ada"), lambda _: pytest.fail("nobody watches any more"))()
    del hub.users["of-eve"]
    hub.users["of-ada"] = HubUser("ada", "user", (USE,))
    await asyncio.sleep(0.02)
    assert endings == {}  # within the second
    hub.now += 1.01
    await until(lambda: len(endings) == 2)
    assert endings == {"of-ada": "changed", "of-eve": "revoked"}
    await until(lambda: people._looking is not None and people._looking.done())  # nothing is asked for nobody
    await people.stop()


def _more(hub: Hub, asked: int) -> bool:
    return len(hub.asked) > asked


async def test_open_sockets_outlive_the_hub_for_a_while(hub: Hub, people: HubPeople) -> None:
    endings: list[Ending] = []
    people.watch(await people.authenticate("of-ada"), endings.append)
    hub.away = True
    for _ in range(3):
        hub.now += 2
        asked = len(hub.asked)
        await until(partial(_more, hub, asked))
    assert endings == []
    hub.now += ALONE_S
    await until(lambda: endings)
    assert endings == ["expired"]
    await people.stop()


async def test_sockets_of_one_token_ask_once_and_wrong_tokens_are_forgotten(
    hub: Hub, people: HubPeople, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_KEPT", 10)
    identity = await people.authenticate("of-ada")
    for _ in range(20):
        people.watch(identity, lambda _: pytest.fail("the token is still good"))
    for number in range(100):
        hub.now += 0.2
        with pytest.raises(Unauthenticated):
            await people.authenticate(f"wrong-{number}")
    assert len(people._known) <= 11
    hub.asked.clear()
    hub.now += 1.01
    await until(lambda: hub.asked)
    await asyncio.sleep(0.02)
    assert hub.asked == ["of-ada"]
    await people.stop()


def test_an_owner_is_a_name_exactly() -> None:
    names = ["ada", "Ada", "ada ", "äda", "a" * 255, "jupyterhub", ""]
    owners = [owner_of(name) for name in names]
    assert len(set(owners)) == len(names)
    assert all(each.isalnum() and len(each) == 16 for each in owners)
    assert owner_of("ada") == "6lgpfzLscIZ7TrCA"  # what is in stores already hangs on it


async def test_a_socket_ends_with_the_pages_token_whatever_the_hub_says(people: HubPeople) -> None:
    identity = await people.authenticate("of-ada")
    endings: dict[str, Ending] = {}
    until_now = msgspec.structs.replace(identity, expires_at=now())
    people.watch(identity, partial(_note, endings, "of the Hub"))
    people.watch(until_now, partial(_note, endings, "of the page"))
    await until(lambda: endings)
    assert endings == {"of the page": "expired"}
    await people.stop()


@pytest.mark.parametrize(
    ("scopes", "expected"),
    [
        ((USE,), ("chats:read", "chats:write", "account")),
        ((USE, READ), ("chats:read", "chats:write", "account")),
        ((USE, ADMIN), ("chats:read", "chats:write", "account", "admin")),
        ((READ,), ("chats:read",)),
        ((READ, ADMIN), ("chats:read",)),
        ((USE, LARGE, "custom:aichat:models:small"), ("chats:read", "chats:write", "account", LARGE)),
        ((READ, LARGE), ("chats:read",)),
    ],
)
async def test_the_hubs_scopes_are_ours(
    hub: Hub, people: HubPeople, scopes: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    hub.users["some"] = HubUser("ada", "user", scopes)
    assert (await people.authenticate("some")).principal.scopes == expected


async def test_who_may_only_read_from_now_on_is_told_so(hub: Hub, people: HubPeople) -> None:
    endings: dict[str, Ending] = {}
    hub.users["of-ada"] = HubUser("ada", "user", (USE,))
    people.watch(await people.authenticate("of-ada"), partial(_note, endings, "ada"))
    hub.users["of-ada"] = HubUser("ada", "user", (READ,))
    hub.now += 1.01
    await until(lambda: endings)
    assert endings == {"ada": "changed"}
    await people.stop()
