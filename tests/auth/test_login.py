"""Registering and logging in: who gets in, and what the others learn."""

from __future__ import annotations

import asyncio
import statistics
import time
from datetime import timedelta

import pytest

from jupyter_aichat.auth.assembly import AccountService
from jupyter_aichat.auth.registration import Registration
from jupyter_aichat.domain.account import AccountQuery
from jupyter_aichat.domain.audit import AuditQuery
from jupyter_aichat.domain.identity import Origin
from jupyter_aichat.domain.ids import OwnerId
from jupyter_aichat.errors import Forbidden, InvalidRequest, NameTaken, QueueFull, RateLimited, Unauthenticated
from jupyter_aichat.stores.sqlite import SqliteStore
from tests.auth.conftest import MakeService
from tests.auth.people import HOME, PASSWORD, identity, login, register

ROOT = OwnerId("root")


async def actions(store: SqliteStore) -> list[str]:
    """What the audit says, oldest first."""
    page = await store.accounts.list_audit(AuditQuery(limit=1000))
    return [record.action for record in reversed(page.items)]


async def test_who_registers_can_log_in_and_is_known(service: AccountService, store: SqliteStore) -> None:
    account = await register(service, " Ada ")
    known = await identity(service, "ADA")
    principal = known.principal
    assert (principal.owner_id, principal.name, principal.roles) == (account.id, "Ada", ("user",))
    assert "admin" not in principal.scopes
    assert {"chats:read", "chats:write", "account"} == set(principal.scopes)
    assert await actions(store) == ["registered", "login"]


async def test_a_name_is_taken_however_it_is_written(service: AccountService) -> None:
    await register(service, "Straße")
    for name in ("STRASSE", "strasse", "\uff53trasse", " straße "):
        with pytest.raises(NameTaken):
            await register(service, name)


async def test_of_many_that_register_one_name_one_does(service: AccountService) -> None:
    tries = await asyncio.gather(*(register(service, "Ada") for _ in range(20)), return_exceptions=True)
    assert sum(not isinstance(each, NameTaken) for each in tries) == 1


@pytest.mark.parametrize(
    ("name", "password"),
    [("", PASSWORD), ("a\0", PASSWORD), ("Ada", "x"), ("Ada", "x" * 73), ("Ada long name", "ada long NAME")],
)
async def test_what_is_no_name_or_password_makes_no_account(
    service: AccountService, store: SqliteStore, name: str, password: str
) -> None:
    with pytest.raises(InvalidRequest):
        await register(service, name, password)
    assert (await store.accounts.list_accounts(AccountQuery())).items == ()


async def test_who_may_register_is_up_to_the_operator(make_service: MakeService) -> None:
    closed, invited = await make_service("closed"), await make_service("invitation")
    invitation, code = await closed.administration.invite(ROOT, HOME, timedelta(days=1))
    assert invitation.hash not in code
    for service, given in ((closed, None), (closed, code), (invited, None), (invited, "wrong"), (invited, "")):
        with pytest.raises(Forbidden):
            await service.accounts.register(Registration("Ada", PASSWORD, invitation=given), HOME)
    await invited.accounts.register(Registration("Ada", PASSWORD, invitation=code), HOME)
    with pytest.raises(Forbidden):
        await invited.accounts.register(Registration("Eve", PASSWORD, invitation=code), HOME)
    assert await closed.administration.invitations(ROOT, HOME) == ()


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("nobody", PASSWORD), ("Ada", "wrong"), ("Ada", ""), ("Ada", PASSWORD + "x" * 80), ("Ada", PASSWORD + "\0"), ("", ""),
        ("disabled", PASSWORD), ("x" * 10_000, "y" * 10_000), ("$ne", "[object]"), ("a\0da", PASSWORD),
    ],
)  # fmt: skip
async def test_whoever_does_not_get_in_learns_nothing(service: AccountService, name: str, password: str) -> None:
    await register(service)
    off = await register(service, "disabled")
    await service.administration.disable(ROOT, HOME, off.id)
    with pytest.raises(Unauthenticated) as refused:
        await login(service, name, password)
    assert (str(refused.value), refused.value.details) == ("The user name or the password is wrong.", {})


@pytest.mark.slow
async def test_an_unknown_name_takes_as_long_as_a_wrong_password(make_service: MakeService) -> None:
    service = await make_service(cost=8, name_tries=10**6, address_tries=10**6)
    await register(service)
    times: dict[str, list[float]] = {"Ada": [], "nobody": []}
    for n in range(200):
        for name in sorted(times, reverse=n % 2 == 0):
            begun = time.perf_counter()
            with pytest.raises(Unauthenticated):
                await login(service, name, "wrong horse")
            times[name].append(time.perf_counter() - begun)
    wrong, unknown = (statistics.median(seen) for seen in times.values())
    assert unknown == pytest.approx(wrong, rel=0.1)


async def test_a_hash_of_another_cost_is_made_anew_at_the_next_login(
    make_service: MakeService, store: SqliteStore
) -> None:
    cheap, dear = await make_service(cost=4), await make_service(cost=5)
    ada = await register(cheap)
    grant = await login(cheap)
    for _ in range(2):
        await login(dear)
    (now_,) = await store.accounts.accounts([ada.id])
    assert now_.password_hash is not None
    assert now_.password_hash.startswith("$2b$05$")
    assert (await cheap.accounts.authenticate(grant.access_token)).principal.owner_id == ada.id


async def test_many_logins_at_once_do_not_hold_the_loop(make_service: MakeService) -> None:
    """What else runs on the machine may hold it: so it is the loop's own time that must be short, and waits as a rule."""
    service = await make_service(cost=8)
    await register(service)
    own, waits, running = list[float](), list[float](), True

    async def tick() -> None:
        while running:
            begun, begun_own = time.perf_counter(), time.thread_time()
            await asyncio.sleep(0.001)
            waits.append(time.perf_counter() - begun)
            own.append(time.thread_time() - begun_own)

    ticking = asyncio.create_task(tick())
    await asyncio.gather(*(login(service) for _ in range(100)))
    running = False
    await ticking
    assert max(own) < 0.05
    assert statistics.quantiles(waits, n=100)[-1] < 0.25  # how late others may be told; the machine has other work too
    assert service.accounts._doors._turns._locks == {}


async def test_only_so_many_logins_wait_and_the_others_are_not_held_against_anybody(make_service: MakeService) -> None:
    service = await make_service(cost=8, address_tries=50)
    service.accounts._passwords.waiting = 5
    tries = await asyncio.gather(*(login(service, f"name{n}") for n in range(50)), return_exceptions=True)
    assert {type(each) for each in tries} == {QueueFull, Unauthenticated}
    were_wrong = sum(isinstance(each, Unauthenticated) for each in tries)
    for n in range(50 - were_wrong):
        with pytest.raises(Unauthenticated):
            await login(service, f"name{n}")
    with pytest.raises(RateLimited):
        await login(service)


async def test_who_guesses_is_locked_out_and_told_until_when(make_service: MakeService, store: SqliteStore) -> None:
    service = await make_service()
    ada = await register(service)
    grant = await login(service)
    for n in range(20):
        with pytest.raises(Unauthenticated if n < 10 else RateLimited):
            await login(service, "ADA" if n % 2 else "ada", f"guess {n}", Origin(f"198.51.100.{n}"))
    with pytest.raises(RateLimited) as refused:
        await login(service, password="guess", origin=Origin("198.51.100.0"))
    assert 0 < int(str(refused.value.details["retry_after"])) <= 1800
    with pytest.raises(RateLimited):  # nobody learns that this one is right
        await login(service, origin=Origin("203.0.113.9"))
    assert (await service.accounts.authenticate(grant.access_token)).principal.owner_id == ada.id
    refreshed = await service.accounts.sessions.refresh(grant.refresh_token, "a1", HOME)
    for known in (refreshed.refresh_token, refreshed.access_token):
        await service.accounts.login("Ada", PASSWORD, HOME, known=known)
    page = await store.accounts.list_audit(AuditQuery(action="login_limited"))
    assert len(page.items) == 12  # once for each address


async def test_a_session_of_somebody_else_opens_no_other_door(make_service: MakeService) -> None:
    service = await make_service(name_tries=2)
    await register(service)
    await register(service, "Eve")
    eve = await login(service, "Eve")
    made_up = "abc." + "x" * 43 + "." + "y" * 43
    for _ in range(2):
        with pytest.raises(Unauthenticated):
            await login(service, password="guess")
    for known in (eve.refresh_token, eve.access_token, made_up, "", "x", None):
        with pytest.raises(RateLimited):
            await service.accounts.login("Ada", PASSWORD, HOME, known=known)


async def test_a_known_session_may_not_guess_for_ever_either(make_service: MakeService) -> None:
    service = await make_service(name_tries=3)
    await register(service)
    grant = await login(service)
    for n in range(5):
        with pytest.raises(Unauthenticated if n < 3 else RateLimited):
            await service.accounts.login("Ada", "guess", HOME, known=grant.access_token)


async def test_a_name_that_nobody_has_is_locked_alike(make_service: MakeService) -> None:
    service = await make_service(name_tries=3)
    for n in range(5):
        with pytest.raises(Unauthenticated if n < 3 else RateLimited):
            await login(service, "nobody", "guess")


async def test_guesses_from_one_network_are_counted_together(make_service: MakeService) -> None:
    service = await make_service(address_tries=5)
    for n in range(8):
        with pytest.raises(Unauthenticated if n < 5 else RateLimited):
            await login(service, f"name{n}", "guess", Origin(f"2001:db8:0:1::{n:x}"))
    with pytest.raises(Unauthenticated):
        await login(service, "name9", "guess", Origin("2001:db8:0:2::1"))


async def test_logins_that_succeed_are_not_counted(make_service: MakeService) -> None:
    service = await make_service(name_tries=2, address_tries=2)
    await register(service)
    for _ in range(6):
        await login(service)


async def test_of_many_guesses_at_once_no_more_than_allowed_are_made(make_service: MakeService) -> None:
    service = await make_service(name_tries=10)
    await register(service)
    tries = await asyncio.gather(*(login(service, password=f"guess {n}") for n in range(60)), return_exceptions=True)
    assert sum(isinstance(each, Unauthenticated) for each in tries) == 10
    assert sum(isinstance(each, RateLimited) for each in tries) == 50


async def test_registrations_from_one_address_are_bounded(make_service: MakeService) -> None:
    service = await make_service(registrations=3)
    for n in range(3):
        await register(service, f"name{n}")
    with pytest.raises(RateLimited):
        await register(service, "one too many")
    await service.accounts.register(Registration("elsewhere", PASSWORD), Origin("198.51.100.1"))
