"""What every store keeps of sessions and personal tokens."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import msgspec
import pytest

from jupyter_aichat.domain.account import AccountChanges
from jupyter_aichat.domain.clock import now
from jupyter_aichat.domain.ids import OwnerId, SessionId
from jupyter_aichat.errors import InvalidRequest, NotFound
from jupyter_aichat.stores.accounts import AccountStore
from tests.contract.account_values import account_named, registered, rotation, session_of, token_of


async def test_a_session_is_kept_as_it_was_written(accounts: AccountStore, other_accounts: AccountStore) -> None:
    ada = await registered(accounts)
    session = msgspec.structs.replace(session_of(ada), address="2001:db8::1", agent="Firefox", attempt_hash="a")
    await accounts.create_session(session)
    assert await other_accounts.sessions([session.id, SessionId("none")]) == (session,)
    assert await other_accounts.sessions_of(ada.id) == (session,)
    assert await accounts.sessions_of(OwnerId("none")) == ()


async def test_a_rotation_puts_the_next_token_in_the_place_of_the_valid_one(accounts: AccountStore) -> None:
    session = session_of(await registered(accounts))
    await accounts.create_session(session)
    assert await accounts.rotate(session.id, rotation("wrong", "r2")) is None
    assert await accounts.rotate(SessionId("none"), rotation("r1", "r2")) is None
    step = rotation("r1", "r2")
    rotated = await accounts.rotate(session.id, step)
    assert rotated == step.of(session)
    assert rotated is not None
    assert (rotated.refresh_hash, rotated.before_hash, rotated.rotated_at) == ("r2", "r1", step.at)
    assert await accounts.sessions([session.id]) == (rotated,)
    assert await accounts.rotate(session.id, rotation("r1", "r3")) is None


async def test_of_many_rotations_of_one_token_one_wins(accounts: AccountStore, other_accounts: AccountStore) -> None:
    session = session_of(await registered(accounts))
    await accounts.create_session(session)
    rotated = await asyncio.gather(*(
        where.rotate(session.id, rotation("r1", f"new{n}")) for n, where in enumerate((accounts, other_accounts) * 8)
    ))  # fmt: skip
    (winner,) = [each for each in rotated if each is not None]
    assert await accounts.sessions([session.id]) == (winner,)


async def test_a_session_is_ended_by_its_own_account_alone(accounts: AccountStore) -> None:
    ada, eve = await registered(accounts), await registered(accounts, "Eve")
    session = session_of(ada)
    await accounts.create_session(session)
    assert not await accounts.end_session(eve.id, session.id)
    assert await accounts.end_session(ada.id, session.id)
    assert not await accounts.end_session(ada.id, session.id)
    assert await accounts.sessions([session.id]) == ()
    assert await accounts.rotate(session.id, rotation("r1", "r2")) is None


async def test_one_session_is_kept_where_all_others_end(accounts: AccountStore) -> None:
    ada, eve = await registered(accounts), await registered(accounts, "Eve")
    kept, gone, foreign = session_of(ada), session_of(ada), session_of(eve)
    for each in (kept, gone, foreign):
        await accounts.create_session(each)
    changed = await accounts.change_account(ada.id, AccountChanges(ends_sessions=True), keep=kept.id)
    assert changed is not None
    assert [each.stamp for each in await accounts.sessions([kept.id])] == [changed.stamp]
    assert await accounts.sessions([gone.id]) == (gone,)
    await accounts.change_account(ada.id, AccountChanges(ends_sessions=True), keep=foreign.id)
    assert await accounts.sessions([foreign.id]) == (foreign,)
    await accounts.end_sessions(ada.id)
    assert await accounts.sessions_of(ada.id) == ()
    assert await accounts.sessions_of(eve.id) == (foreign,)


async def test_a_session_that_had_ended_is_not_kept(accounts: AccountStore) -> None:
    ada = await registered(accounts)
    session = session_of(ada)
    await accounts.create_session(session)
    await accounts.change_account(ada.id, AccountChanges(ends_sessions=True))
    await accounts.change_account(ada.id, AccountChanges(ends_sessions=True), keep=session.id)
    assert [each.stamp for each in await accounts.sessions([session.id])] == [ada.stamp]


async def test_a_token_is_kept_as_it_was_written(accounts: AccountStore, other_accounts: AccountStore) -> None:
    ada, eve = await registered(accounts), await registered(accounts, "Eve")
    token = token_of(ada)
    await accounts.create_token(token, 10)
    assert await other_accounts.tokens([token.hash, "none"]) == (token,)
    assert await other_accounts.tokens_of(ada.id) == (token,)
    assert await accounts.tokens(["none"]) == await accounts.tokens([]) == ()
    assert await accounts.tokens_of(eve.id) == ()
    used = msgspec.structs.replace(token, used_at=now() + timedelta(hours=1))
    await accounts.touch_token(used)
    assert await other_accounts.tokens([token.hash]) == (used,)
    assert not await accounts.delete_token(eve.id, token.id)
    assert await accounts.delete_token(ada.id, token.id)
    await accounts.touch_token(used)
    assert await accounts.tokens([token.hash]) == ()


async def test_an_account_has_a_bounded_number_of_tokens(accounts: AccountStore, other_accounts: AccountStore) -> None:
    ada, eve = await registered(accounts), await registered(accounts, "Eve")
    made = await asyncio.gather(
        *(where.create_token(token_of(ada), 3) for where in (accounts, other_accounts) * 5), return_exceptions=True
    )
    assert sum(each is None for each in made) == 3
    assert all(each is None or isinstance(each, InvalidRequest) for each in made)
    assert len(await accounts.tokens_of(ada.id)) == 3
    await accounts.create_token(token_of(eve), 3)


async def test_there_is_no_token_without_an_account(accounts: AccountStore) -> None:
    nobody = account_named("nobody")
    with pytest.raises(NotFound):
        await accounts.create_token(token_of(nobody), 3)
    assert await accounts.tokens_of(nobody.id) == ()
