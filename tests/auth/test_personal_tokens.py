"""Personal tokens: what they may do, for how long, and what is kept of them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from unittest.mock import AsyncMock, patch

import msgspec
import pytest

from jupyter_aichat.auth.assembly import AccountService
from jupyter_aichat.domain.clock import now
from jupyter_aichat.domain.ids import OwnerId, TokenId
from jupyter_aichat.errors import InvalidRequest, NotFound, Unauthenticated
from jupyter_aichat.stores.sqlite import SqliteStore
from jupyter_aichat.stores.sqlite_accounts import SqliteAccounts
from tests.auth.conftest import MakeService
from tests.auth.people import HOME, administrator, identity, register

DAY = timedelta(days=1)
ROOT = OwnerId("root")


async def made(service: AccountService, *scopes: str, name: str = "Ada", lives: timedelta = DAY) -> tuple[TokenId, str]:
    principal = (await identity(service, name)).principal
    token, secret = await service.accounts.tokens.create(principal, "script", scopes or ("chats:read",), lives, HOME)
    return token.id, secret


async def test_a_token_lets_a_script_in_with_its_scopes_alone(service: AccountService) -> None:
    ada = await register(service)
    _, secret = await made(service)
    assert secret.startswith("aichat_")
    who = await service.accounts.authenticate(secret)
    assert (who.principal.owner_id, who.principal.scopes, who.session_id) == (ada.id, ("chats:read",), None)
    assert timedelta(hours=23) < who.expires_at - now() <= DAY


@pytest.mark.parametrize("scopes", [(), ("account",), ("admin",), ("chats:read", "everything"), ("",)])
async def test_a_token_has_no_more_than_its_owner_may_give(service: AccountService, scopes: tuple[str, ...]) -> None:
    await register(service)
    principal = (await identity(service)).principal
    with pytest.raises(InvalidRequest):
        await service.accounts.tokens.create(principal, "script", scopes, DAY, HOME)


async def test_a_token_loses_what_its_owner_loses(service: AccountService) -> None:
    await administrator(service)
    ada = await register(service)
    await service.administration.set_roles(ROOT, HOME, ada.id, ("user", "admin"))
    _, secret = await made(service, "admin", "chats:read")
    assert "admin" in (await service.accounts.authenticate(secret)).principal.scopes
    await service.administration.set_roles(ROOT, HOME, ada.id, ("user",))
    assert (await service.accounts.authenticate(secret)).principal.scopes == ("chats:read",)


@pytest.mark.parametrize(("name", "lives"), [("", DAY), (" ", DAY), ("x" * 101, DAY), ("a\nb", DAY), ("a\0b", DAY),
                                             ("x", timedelta(0)), ("x", -DAY), ("x", 400 * DAY)])  # fmt: skip
async def test_odd_names_and_lives_are_refused(service: AccountService, name: str, lives: timedelta) -> None:
    await register(service)
    principal = (await identity(service)).principal
    with pytest.raises(InvalidRequest):
        await service.accounts.tokens.create(principal, name, ("chats:read",), lives, HOME)


async def test_a_token_ends_when_it_is_deleted_expired_or_its_account_disabled(
    service: AccountService, store: SqliteStore
) -> None:
    ada, eve = await register(service), await register(service, "Eve")
    (first, one), (_, two), (_, three) = [await made(service) for _ in range(3)]
    for secret in (one, two, three):
        await service.accounts.authenticate(secret)
    with pytest.raises(NotFound):
        await service.accounts.tokens.delete(eve.id, first, HOME)
    await service.accounts.tokens.delete(ada.id, first, HOME)
    with pytest.raises(Unauthenticated):
        await service.accounts.authenticate(one)
    for token in await store.accounts.tokens_of(ada.id):
        await store.accounts.touch_token(msgspec.structs.replace(token, expires_at=now()))
    await service.accounts.standings.tell(ada.id)
    with pytest.raises(Unauthenticated):
        await service.accounts.authenticate(two)
    _, four = await made(service)
    await service.accounts.authenticate(four)
    await service.administration.disable(ROOT, HOME, ada.id)
    with pytest.raises(Unauthenticated):
        await service.accounts.authenticate(four)


@pytest.mark.parametrize(
    "bearer", ["", "aichat_", "aichat_x", "aichat_" + "A" * 43, "aichat_\ud800", "aichat_\0", "x" * 10**5]
)
async def test_what_is_made_up_lets_nobody_in(service: AccountService, bearer: str) -> None:
    await register(service)
    await made(service)
    with pytest.raises(Unauthenticated):
        await service.accounts.authenticate(bearer)


async def test_last_use_is_written_once_an_hour(
    service: AccountService, store: SqliteStore, make_service: MakeService
) -> None:
    ada = await register(service)
    _, secret = await made(service)
    (token,) = await service.accounts.tokens.of(ada.id)
    assert token.used_at is None
    used = []
    for _ in range(3):
        await service.accounts.authenticate(secret)
        await service.accounts.standings.tell(ada.id)
        (token,) = await service.accounts.tokens.of(ada.id)
        used.append(token.used_at)
    assert used[0] is not None
    assert len(set(used)) == 1
    await store.accounts.touch_token(msgspec.structs.replace(token, used_at=now() - timedelta(hours=2)))
    another = await make_service()
    await another.accounts.authenticate(secret)
    (token,) = await service.accounts.tokens.of(ada.id)
    assert token.used_at is not None
    assert now() - token.used_at < timedelta(minutes=1)


async def test_many_uses_at_once_are_written_once(service: AccountService) -> None:
    await register(service)
    _, secret = await made(service)
    with patch.object(SqliteAccounts, "touch_token", AsyncMock()) as written:
        for _ in range(5):
            await service.accounts.authenticate(secret)
    assert written.await_count == 1


async def test_logging_out_everywhere_leaves_tokens(service: AccountService) -> None:
    ada = await register(service)
    _, secret = await made(service)
    await service.accounts.logout_all(ada.id, HOME)
    await service.accounts.authenticate(secret)


async def test_no_secret_stands_in_the_store(service: AccountService, tmp_path: Path) -> None:
    await register(service)
    _, secret = await made(service)
    _, code = await service.administration.invite(ROOT, HOME, DAY)
    grant = await service.accounts.login("Ada", "correct horse battery", HOME)
    await service.accounts.sessions.refresh(grant.refresh_token, "attempt-canary", HOME)
    kept = _written(tmp_path)
    assert b"Ada" in kept
    secrets = [secret, code, grant.access_token, *grant.refresh_token.split(".")[1:], "correct horse", "attempt-canary"]
    assert [each for each in secrets if each.encode() in kept] == []


def _written(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir() if file.is_file())
