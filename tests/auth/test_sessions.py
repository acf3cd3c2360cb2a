"""Sessions: refreshed, listed, ended; by their person, by a password, by a thief."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import msgspec
import pytest

from jupyter_aichat.auth.assembly import AccountService
from jupyter_aichat.auth.keys import Key, new_secret, parse_keys
from jupyter_aichat.auth.registration import Registration
from jupyter_aichat.auth.sessions import MOST_SESSIONS
from jupyter_aichat.domain.audit import AuditQuery
from jupyter_aichat.domain.clock import now
from jupyter_aichat.domain.identity import Grant, Origin
from jupyter_aichat.domain.ids import OwnerId
from jupyter_aichat.errors import Forbidden, InvalidRequest, NotFound, RateLimited, Unauthenticated
from jupyter_aichat.stores.sqlite import SqliteStore
from tests.auth.conftest import MakeService
from tests.auth.people import HOME, PASSWORD, administrator, identity, login, register

ROOT = OwnerId("root")
AWAY = Origin("203.0.113.5", "curl")


async def refresh(service: AccountService, token: str, attempt: str | None = None) -> Grant:
    return await service.accounts.sessions.refresh(token, attempt, HOME)


async def is_over(service: AccountService, grant: Grant) -> bool:
    """Whether neither its access token nor its refresh token lets anybody in."""
    for attempt in (
        lambda: service.accounts.authenticate(grant.access_token),
        lambda: refresh(service, grant.refresh_token, "over?"),
    ):
        try:
            await attempt()
        except Unauthenticated:
            continue
        return False
    return True


async def reuses(store: SqliteStore) -> int:
    return len((await store.accounts.list_audit(AuditQuery(action="token_reused"))).items)


async def test_a_refresh_gives_the_next_tokens(service: AccountService, store: SqliteStore) -> None:
    await register(service)
    grant = await login(service)
    tokens = [grant.refresh_token]
    for n in range(4):
        grant = await refresh(service, grant.refresh_token, None if n % 2 else f"a{n}")
        assert (await service.accounts.authenticate(grant.access_token)).session_id == grant.session_id
        tokens.append(grant.refresh_token)
    assert len(set(tokens)) == 5
    assert grant.expires_in == 900
    assert await reuses(store) == 0


async def test_the_same_attempt_gets_the_same_answer(service: AccountService, store: SqliteStore) -> None:
    await register(service)
    grant = await login(service)
    answers = [await refresh(service, grant.refresh_token, "a1") for _ in range(3)]
    answers += await asyncio.gather(*(refresh(service, grant.refresh_token, "a1") for _ in range(10)))
    assert all(answer == answers[0] for answer in answers)
    assert await reuses(store) == 0
    following = await refresh(service, answers[0].refresh_token, "a2")
    assert not await is_over(service, following)


async def test_many_at_once_with_one_attempt_get_one_answer(service: AccountService, make_service: MakeService) -> None:
    other = await make_service()
    await register(service)
    grant = await login(service)
    answers = await asyncio.gather(*(refresh(where, grant.refresh_token, "a1") for where in (service, other) * 10))
    assert len({answer.refresh_token for answer in answers}) == len({answer.access_token for answer in answers}) == 1


@pytest.mark.parametrize("attempt", ["a2", None])
@pytest.mark.parametrize("first", ["a1", None])
async def test_a_token_that_comes_again_ends_its_session(
    service: AccountService, store: SqliteStore, first: str | None, attempt: str | None
) -> None:
    await register(service)
    grant, beside = await login(service), await login(service)
    stolen = await refresh(service, grant.refresh_token, first)
    with pytest.raises(Unauthenticated):
        await refresh(service, grant.refresh_token, attempt)
    assert await is_over(service, stolen)
    assert await reuses(store) == 1
    assert not await is_over(service, beside)


async def test_an_attempt_of_before_is_no_attempt_of_now(service: AccountService, store: SqliteStore) -> None:
    await register(service)
    grant = await login(service)
    following = await refresh(service, grant.refresh_token, "a1")
    last = await refresh(service, following.refresh_token, "a1")
    with pytest.raises(Unauthenticated):
        await refresh(service, grant.refresh_token, "a1")
    assert await is_over(service, last)
    assert await reuses(store) == 1


async def test_the_same_attempt_is_too_late_after_half_a_minute(
    service: AccountService, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await register(service)
    for seconds, fails in ((29.0, False), (31.0, True)):
        grant = await login(service)
        with monkeypatch.context() as patch:
            patch.setattr("jupyter_aichat.auth.sessions.REPLAY_S", 30.0 - seconds)
            await refresh(service, grant.refresh_token, "a1")
            if fails:
                with pytest.raises(Unauthenticated):
                    await refresh(service, grant.refresh_token, "a1")
            else:
                await refresh(service, grant.refresh_token, "a1")


async def test_nobody_ends_a_session_with_a_token_that_is_made_up(service: AccountService, store: SqliteStore) -> None:
    await register(service)
    grant = await login(service)
    session, secret, seal = grant.refresh_token.split(".")
    made_up = [
        "", "x", "..", f"{session}.{secret}.", f"{session}.{'A' * 43}.{seal}", f"{session}.{secret[::-1]}.{'B' * 43}",
        f"{session}.{secret}.{seal[::-1]}", f"other.{secret}.{seal}", grant.refresh_token + "x", "\ud800", "é" * 90,
        f"{session}\0.{secret}.{seal}", "x" * 10**6, grant.access_token,
    ]  # fmt: skip
    for token in made_up:
        with pytest.raises(Unauthenticated):
            await refresh(service, token, "a1")
    assert not await is_over(service, grant)
    assert await reuses(store) == 0


async def test_an_odd_attempt_is_an_invalid_request(service: AccountService) -> None:
    await register(service)
    grant = await login(service)
    for attempt in ("", "x" * 129, "a\0", "a\n"):
        with pytest.raises(InvalidRequest):
            await refresh(service, grant.refresh_token, attempt)


async def test_new_keys_log_nobody_out(make_service: MakeService, keys: tuple[Key, ...]) -> None:
    before = await make_service()
    await register(before)
    grant = await login(before)
    lost = await refresh(before, grant.refresh_token, "a1")
    new = parse_keys(new_secret())
    after = await make_service(signs=(*new, *keys))
    assert (await refresh(after, grant.refresh_token, "a1")).refresh_token == lost.refresh_token
    following = await refresh(after, lost.refresh_token, "a2")
    alone = await make_service(signs=new)
    assert not await is_over(alone, following)


async def test_a_refresh_token_still_works_when_its_key_is_gone(make_service: MakeService) -> None:
    before = await make_service()
    await register(before)
    grant = await login(before)
    alone = await make_service(signs=parse_keys(new_secret()))
    with pytest.raises(Unauthenticated):
        await alone.accounts.authenticate(grant.access_token)
    assert not await is_over(alone, await refresh(alone, grant.refresh_token, "a1"))


async def test_a_session_ends_when_nobody_uses_it(service: AccountService, store: SqliteStore) -> None:
    ada = await register(service)
    grant = await login(service)
    (session,) = await store.accounts.sessions_of(ada.id)
    assert session.expires_at - session.created_at == timedelta(days=14)
    await store.accounts.create_session(msgspec.structs.replace(session, expires_at=session.created_at))
    assert await is_over(service, grant)


async def test_a_session_ends_at_last_however_often_it_is_refreshed(make_service: MakeService) -> None:
    service = await make_service(idle_days=2, session_days=1)
    await register(service)
    grant = await login(service)
    following = await refresh(service, grant.refresh_token)
    assert following.refresh_expires_at == grant.refresh_expires_at <= now() + timedelta(days=1)


async def test_sessions_are_listed_and_ended_by_their_own_person(service: AccountService) -> None:
    ada, eve = await register(service), await register(service, "Eve")
    grants = [await service.accounts.login("Ada", PASSWORD, Origin("192.0.2.9", f"Browser {n}\n")) for n in range(3)]
    listed = await service.accounts.sessions.of(ada)
    assert {each.id for each in listed} == {grant.session_id for grant in grants}
    assert {(each.address, each.agent) for each in listed} == {("192.0.2.9", f"Browser {n}") for n in range(3)}
    with pytest.raises(NotFound):
        await service.accounts.end_session(eve.id, grants[0].session_id, HOME)
    await service.accounts.end_session(ada.id, grants[0].session_id, HOME)
    with pytest.raises(NotFound):
        await service.accounts.end_session(ada.id, grants[0].session_id, HOME)
    assert [await is_over(service, grant) for grant in grants] == [True, False, False]


async def test_of_very_many_sessions_the_oldest_end(service: AccountService, store: SqliteStore) -> None:
    ada = await register(service)
    grants = [await service.accounts.sessions.begin(ada, HOME) for _ in range(MOST_SESSIONS + 2)]
    assert len(await store.accounts.sessions_of(ada.id)) == MOST_SESSIONS
    assert not await is_over(service, grants[-1])


async def test_logging_out_ends_this_session(service: AccountService) -> None:
    await register(service)
    grants = [await login(service) for _ in range(3)]
    here = await service.accounts.authenticate(grants[1].access_token)
    await service.accounts.logout(grants[0].refresh_token, HOME)
    await service.accounts.logout_here(here, HOME)
    assert [await is_over(service, grant) for grant in grants] == [True, True, False]
    for token in (grants[0].refresh_token, "x", ""):
        await service.accounts.logout(token, HOME)


async def test_logging_out_with_a_token_whose_reply_was_lost_ends_the_session_too(service: AccountService) -> None:
    await register(service)
    grant = await login(service)
    lost = await refresh(service, grant.refresh_token, "a1")
    session, secret, _ = grant.refresh_token.split(".")
    await service.accounts.logout(f"{session}.{secret}.{'A' * 43}", HOME)
    assert not await is_over(service, lost)
    other = await login(service)
    newest = await refresh(service, other.refresh_token, "a1")
    await service.accounts.logout(other.refresh_token, HOME)
    assert await is_over(service, newest)


async def test_logging_out_everywhere_ends_all(service: AccountService, store: SqliteStore) -> None:
    ada = await register(service)
    await register(service, "Eve")
    grants, eve = [await login(service) for _ in range(3)], await login(service, "Eve")
    await service.accounts.logout_all(ada.id, HOME)
    assert all([await is_over(service, grant) for grant in grants])
    assert not await is_over(service, eve)
    assert await store.accounts.sessions_of(ada.id) == ()
    assert not await is_over(service, await login(service))


async def test_a_new_password_ends_all_other_sessions(service: AccountService) -> None:
    await register(service)
    here, there = await login(service), await login(service)
    who = await service.accounts.authenticate(here.access_token)
    with pytest.raises(Forbidden):
        await service.accounts.change_password(who, "wrong", "another horse", HOME)
    for wanted in ("short", PASSWORD, "x" * 73):
        with pytest.raises(InvalidRequest):
            await service.accounts.change_password(who, PASSWORD, wanted, HOME)
    await service.accounts.change_password(who, PASSWORD, "another horse", HOME)
    assert await is_over(service, there)
    assert not await is_over(service, here)
    with pytest.raises(Unauthenticated):
        await login(service)
    await login(service, password="another horse")


async def test_a_login_that_began_before_the_new_password_ends_with_the_others(
    service: AccountService, store: SqliteStore
) -> None:
    """Its hash was compared while the password was changed."""
    await register(service)
    old = await store.accounts.find_account("ada")
    assert old is not None
    await service.accounts.change_password(await identity(service), PASSWORD, "another horse", HOME)
    assert await is_over(service, await service.accounts.sessions.begin(old, HOME))


async def test_a_session_that_was_stolen_may_not_guess_the_password(make_service: MakeService) -> None:
    service = await make_service(name_tries=3)
    await register(service)
    who = await identity(service)
    for n in range(5):
        with pytest.raises(Forbidden if n < 3 else RateLimited):
            await service.accounts.change_password(who, f"guess {n}", "another horse", AWAY)


async def test_of_two_new_passwords_at_once_one_holds(service: AccountService) -> None:
    await register(service)
    one, other = await identity(service), await identity(service)
    tries = await asyncio.gather(
        service.accounts.change_password(one, PASSWORD, "horse number 1", HOME),
        service.accounts.change_password(other, PASSWORD, "horse number 2", HOME),
        return_exceptions=True,
    )
    assert sorted(type(each) is Forbidden for each in tries) == [False, True]
    works = 1 if tries[0] is None else 2
    await login(service, password=f"horse number {works}")


async def test_a_disabled_account_is_out_with_all_it_has_and_back_without_its_sessions(service: AccountService) -> None:
    ada = await register(service)
    grant = await login(service)
    await service.administration.disable(ROOT, HOME, ada.id)
    assert await is_over(service, grant)
    await service.administration.disable(ROOT, HOME, ada.id, disabled=False)
    assert await is_over(service, grant)
    assert not await is_over(service, await login(service))


async def test_roles_hold_at_once_whatever_the_token_was_made_for(service: AccountService) -> None:
    await administrator(service)
    ada = await register(service)
    grant = await login(service)
    await service.administration.set_roles(ROOT, HOME, ada.id, ("user", "admin"))
    assert "admin" in (await service.accounts.authenticate(grant.access_token)).principal.scopes
    await service.administration.set_roles(ROOT, HOME, ada.id, ("user",))
    assert "admin" not in (await service.accounts.authenticate(grant.access_token)).principal.scopes


async def test_what_is_secret_is_not_shown(service: AccountService) -> None:
    ada = await register(service)
    assert "$2b$" not in repr(ada)
    assert PASSWORD not in repr(Registration("Ada", PASSWORD))
    grant = await login(service)
    assert grant.access_token not in repr(grant)
    assert grant.refresh_token not in repr(grant)
