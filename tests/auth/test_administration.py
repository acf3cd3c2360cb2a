"""What operators do, what is written down of it, what a person takes along, and what is left of who goes."""

from __future__ import annotations

import asyncio
import json
import logging
from datetime import timedelta

import msgspec
import pytest

from jupyter_aichat.auth.administration import COMMAND_LINE
from jupyter_aichat.auth.assembly import AccountService
from jupyter_aichat.domain.account import AccountQuery
from jupyter_aichat.domain.audit import AuditQuery, AuditRecord
from jupyter_aichat.domain.chat import ChatChanges, ChatQuery
from jupyter_aichat.domain.identity import Origin
from jupyter_aichat.domain.ids import OwnerId
from jupyter_aichat.errors import AIChatError, Forbidden, InvalidRequest, NotFound, Unauthenticated
from jupyter_aichat.stores.sqlite import SqliteStore
from tests.auth.conftest import MakeService
from tests.auth.people import HOME, PASSWORD, administrator, identity, login, register
from tests.contract.store_turns import begun, finish

ROOT = OwnerId("root")
NOWHERE = Origin()


async def audited(store: SqliteStore, **query: object) -> list[AuditRecord]:
    return list((await store.accounts.list_audit(AuditQuery(limit=1000, **query))).items)[::-1]  # type: ignore[arg-type]


async def test_of_many_that_make_the_first_administrator_one_does(make_service: MakeService) -> None:
    services = [await make_service("closed") for _ in range(2)]
    made = await asyncio.gather(*(
        services[n % 2].administration.create(COMMAND_LINE, NOWHERE, f"root{n}", PASSWORD, first_admin=True)
        for n in range(8)
    ), return_exceptions=True)  # fmt: skip
    assert sum(isinstance(each, Forbidden) for each in made) == 7
    (admin,) = [each for each in made if not isinstance(each, BaseException)]
    who = await identity(services[0], admin.name)
    assert "admin" in who.principal.scopes


async def test_roles_and_passwords_are_checked(service: AccountService) -> None:
    create = service.administration.create
    for name, password, roles in (
        ("Ada", "x", ("user",)),
        ("", PASSWORD, ("user",)),
        ("Ada", PASSWORD, ("root",)),
        ("Ada", PASSWORD, ()),
    ):
        with pytest.raises(InvalidRequest):
            await create(COMMAND_LINE, NOWHERE, name, password, roles=roles)
    ada = await create(COMMAND_LINE, NOWHERE, "Ada", PASSWORD)
    with pytest.raises(InvalidRequest):
        await service.administration.set_roles(ROOT, HOME, ada.id, ("user", "god"))


async def test_nobody_can_be_changed_who_is_not_there(service: AccountService) -> None:
    admin, nobody = service.administration, OwnerId("nobody")
    for attempt in (
        admin.disable(ROOT, HOME, nobody), admin.set_roles(ROOT, HOME, nobody, ("user",)),
        admin.set_password(ROOT, HOME, nobody, PASSWORD), admin.delete(ROOT, HOME, nobody),
        service.accounts.account(nobody), service.accounts.change_profile(nobody, display_name="x"),
    ):  # fmt: skip
        with pytest.raises(NotFound):
            await attempt


async def test_of_an_account_all_is_changed_or_nothing(service: AccountService, store: SqliteStore) -> None:
    admin, ada = service.administration, await register(service)
    for wrong in ({"roles": ("god",)}, {"password": "x"}, {"password": "Ada"}, {"password": "é" * 40}):
        with pytest.raises(InvalidRequest):
            await admin.change(ROOT, HOME, ada.id, **{"disabled": True, "roles": ("admin",), **wrong})  # type: ignore[arg-type]
    assert await service.accounts.account(ada.id) == ada
    grant = await login(service)
    changed = await admin.change(ROOT, HOME, ada.id, roles=("user", "admin"), password="another horse")
    assert (changed.roles, changed.disabled, changed.stamp) == (("user", "admin"), False, ada.stamp + 1)
    with pytest.raises(Unauthenticated):
        await service.accounts.authenticate(grant.access_token)
    assert await store.accounts.sessions_of(ada.id) == ()
    await login(service, password="another horse")
    assert [each.action for each in await audited(store)][-3:] == ["roles_changed", "password_changed", "login"]


async def test_nobody_administers_an_account_of_their_own(service: AccountService) -> None:
    admin = service.administration
    root = await admin.create(COMMAND_LINE, NOWHERE, "root", PASSWORD, roles=("user", "admin"), display_name="The root")
    assert root.display_name == "The root"
    for attempt in (
        admin.set_roles(root.id, HOME, root.id, ("user",)), admin.disable(root.id, HOME, root.id),
        admin.set_password(root.id, HOME, root.id, "another horse"), admin.delete(root.id, HOME, root.id),
    ):  # fmt: skip
        with pytest.raises(Forbidden):
            await attempt
    assert await service.accounts.account(root.id) == root


async def test_preferences_are_kept_bounded_and_taken_away(service: AccountService) -> None:
    ada, change = await register(service), service.accounts.change_profile
    await change(ada.id, preferences={"language": "de", "theme": "dark", "size": 1.5, "sounds": True})
    changed = await change(ada.id, preferences={"theme": None, "nothing": None, "language": "fr"})
    assert changed.preferences == {"language": "fr", "size": 1.5, "sounds": True}
    assert await service.accounts.account(ada.id) == changed
    with pytest.raises(InvalidRequest):
        await change(ada.id, display_name="A.", preferences={f"p{n}": n for n in range(62)})
    assert await change(ada.id, preferences={f"p{n}": n for n in range(61)}) == await service.accounts.account(ada.id)
    assert (await service.accounts.account(ada.id)).display_name == ada.display_name


async def test_a_wrong_password_of_who_is_logged_in_is_written_down(
    service: AccountService, store: SqliteStore
) -> None:
    ada = await register(service)
    who = await identity(service)
    with pytest.raises(Forbidden):
        await service.accounts.change_password(who, "wrong horse", "another horse", HOME)
    (noted,) = await audited(store, action="login_failed")
    assert (noted.actor, noted.subject, noted.address) == (ada.id, ada.id, HOME.address)


async def test_invitations_are_bounded_and_taken_back(service: AccountService) -> None:
    admin = service.administration
    for lives, roles in ((timedelta(0), ("user",)), (timedelta(days=91), ("user",)), (timedelta(days=1), ("god",))):
        with pytest.raises(InvalidRequest):
            await admin.invite(ROOT, HOME, lives, roles)
    invitation, _ = await admin.invite(ROOT, HOME, timedelta(days=1))
    assert await admin.invitations(ROOT, HOME) == (invitation,)
    await admin.take_back(ROOT, HOME, invitation.id)
    with pytest.raises(NotFound):
        await admin.take_back(ROOT, HOME, invitation.id)


async def test_who_did_what_to_whom_is_written_down(service: AccountService, store: SqliteStore) -> None:
    admin, root = service.administration, await administrator(service)
    ada = await register(service)
    who = await identity(service)
    with pytest.raises(Unauthenticated):
        await login(service, password="wrong horse", origin=Origin("203.0.113.1"))
    with pytest.raises(Unauthenticated):
        await login(service, "nobody at all")
    await admin.set_roles(ROOT, HOME, ada.id, ("user", "admin"))
    await admin.disable(ROOT, HOME, ada.id)
    await admin.disable(ROOT, HOME, ada.id, disabled=False)
    await admin.list(ROOT, HOME, AccountQuery())
    await service.accounts.logout_all(ada.id, HOME)
    await admin.delete(ROOT, HOME, ada.id)
    found = [(each.action, each.actor, each.subject) for each in await audited(store)]
    assert found == [
        ("account_created", COMMAND_LINE, root.id), ("registered", ada.id, ada.id), ("login", ada.id, ada.id), ("login_failed", None, ada.id),
        ("login_failed", None, None), ("roles_changed", ROOT, ada.id), ("account_disabled", ROOT, ada.id),
        ("account_enabled", ROOT, ada.id), ("admin_read", ROOT, None), ("logout_all", ada.id, ada.id),
        ("account_deleted", ROOT, ada.id),
    ]  # fmt: skip
    failed = (await audited(store, action="login_failed"))[0]
    assert failed.address == "203.0.113.1"
    assert (await audited(store, action="login"))[0].details == {"session": who.session_id}
    await admin.audit(ROOT, HOME, AuditQuery())
    assert (await audited(store))[-1].details == {"what": "audit"}


async def test_what_people_type_is_in_no_record_log_or_error(
    service: AccountService, store: SqliteStore, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    canaries = ["canary-password-1", "canary-password-2", "canary-name", "canary-token"]
    await register(service, password=canaries[0])
    who = await service.accounts.authenticate((await login(service, password=canaries[0])).access_token)
    accounts, said = service.accounts, list[str]()
    for attempt in (
        lambda: login(service, password=canaries[1]),
        lambda: login(service, canaries[2], canaries[1]),
        lambda: accounts.change_password(who, canaries[1], canaries[0] + "x", HOME),
        lambda: accounts.change_password(who, canaries[0], canaries[0], HOME),
        lambda: accounts.sessions.refresh(canaries[3], canaries[3], HOME),
        lambda: accounts.authenticate(canaries[3]),
        lambda: accounts.authenticate("aichat_" + canaries[3]),
        lambda: register(service, "Ada", canaries[1]),
        lambda: register(service, "x", canaries[1] * 9),
    ):
        with pytest.raises(AIChatError) as refused:
            await attempt()
        said.append(f"{refused.value!r} {refused.value.details}")
    written = [msgspec.json.encode(record).decode() for record in await audited(store)]
    everything = "\n".join((*said, *written, caplog.text))
    assert [canary for canary in canaries if canary in everything] == []


async def test_a_person_takes_everything_along(service: AccountService, store: SqliteStore) -> None:
    ada, eve = await register(service), await register(service, "Eve")
    who = await identity(service)
    await service.accounts.tokens.create(who.principal, "script", ("chats:read",), timedelta(days=1), HOME)
    for n in range(70):
        await finish(store, await begun(store, f"question {n}", owner=ada.id), f"answer {n}")
    await begun(store, "not hers", owner=eve.id)
    await service.administration.disable(ROOT, Origin("198.51.100.9"), ada.id, disabled=False)
    lines = [line async for line in await service.accounts.export(ada.id, HOME)]
    assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in lines)
    values = [json.loads(line) for line in lines]
    kinds = [value["type"] for value in values]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {
        "account": 1, "session": 1, "token": 1, "audit": 5, "chat": 70, "message": 140, "end": 1,
    }  # fmt: skip
    assert kinds[-1] == "end"
    texts = {part["text"] for value in values if value["type"] == "message" for part in value["parts"]}
    assert texts == {f"{kind} {n}" for kind in ("question", "answer") for n in range(70)}
    names = {name for value in values for name in value}
    assert not any("hash" in name for name in names)
    assert b"$2b$" not in b"".join(lines)
    assert HOME.address.encode() in b"".join(lines)
    assert b"198.51.100.9" not in b"".join(lines)  # where the administrator was


async def test_what_is_taken_along_is_read_a_little_at_a_time(
    service: AccountService, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await register(service)
    for n in range(60):
        await begun(store, f"question {n}", owner=ada.id)
    read: list[str] = []
    ask = SqliteStore.list_messages

    async def counted(self: SqliteStore, *args: object) -> object:
        read.append("page")
        return await ask(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(SqliteStore, "list_messages", counted)
    stream = await service.accounts.export(ada.id, HOME)
    seen = 0
    async for line in stream:
        seen += json.loads(line)["type"] == "message"
        assert len(read) <= seen + 1


async def test_a_chat_that_changes_meanwhile_is_taken_along_once(service: AccountService, store: SqliteStore) -> None:
    ada = await register(service)
    chats = [(await begun(store, f"{n}", owner=ada.id)).reply.chat_id for n in range(60)]
    last = (await store.list_chats(ada.id, ChatQuery(archived=None))).items[-1]
    found, touched = list[str](), False
    async for line in await service.accounts.export(ada.id, HOME):
        value = json.loads(line)
        if value["type"] == "chat":
            found.append(value["id"])
            if not touched:
                touched = True
                await store.change_chat(ada.id, last.id, ChatChanges(title="moved"))
    assert sorted(found) == sorted(chats)


async def test_who_goes_leaves_nothing_behind(make_service: MakeService, store: SqliteStore) -> None:
    service = await make_service()
    ada, eve = await register(service), await register(service, "Eve")
    who = await identity(service)
    await begun(store, "hers", owner=ada.id)
    await begun(store, "his", owner=eve.id)
    with pytest.raises(Forbidden):
        await service.accounts.delete(who, "wrong horse", HOME)
    assert (await service.accounts.account(ada.id)).disabled is False
    await service.accounts.delete(who, PASSWORD, HOME)
    await service.accounts.erase(ada.id)
    with pytest.raises(Unauthenticated):
        await login(service)
    assert (await store.list_chats(ada.id, ChatQuery())).items == ()
    assert len((await store.list_chats(eve.id, ChatQuery())).items) == 1
    assert (await register(service)).id != ada.id


async def test_operators_see_and_end_sessions(service: AccountService, store: SqliteStore) -> None:
    ada, admin = await register(service), service.administration
    first, second, third = [await identity(service) for _ in range(3)]
    assert first.session_id is not None
    assert len(await admin.sessions(ROOT, HOME, ada.id)) == 3
    await admin.end_session(ROOT, HOME, ada.id, first.session_id)
    with pytest.raises(NotFound):
        await admin.end_session(ROOT, HOME, ada.id, first.session_id)
    with pytest.raises(NotFound):
        await admin.end_session(ROOT, HOME, OwnerId("another"), second.session_id or first.session_id)
    left = {each.id for each in await admin.sessions(ROOT, HOME, ada.id)}
    assert left == {second.session_id, third.session_id}
    await admin.end_sessions(ROOT, HOME, ada.id)
    assert await admin.sessions(ROOT, HOME, ada.id) == ()
    assert [(each.action, each.actor, each.subject) for each in await audited(store, action="logout_all")] == [
        ("logout_all", ROOT, ada.id)
    ]


async def test_a_name_is_found_however_it_is_spelled(service: AccountService) -> None:
    ada = await register(service)
    assert (await service.administration.named("ＡDA")).id == ada.id  # noqa: RUF001 (wide on purpose)
    with pytest.raises(NotFound):
        await service.administration.named("Eve")


async def test_who_comes_from_elsewhere_has_the_groups_of_there(service: AccountService, store: SqliteStore) -> None:
    grace = OwnerId("grace")

    async def vouched(groups: tuple[str, ...] | None) -> tuple[str, ...]:
        account = await service.accounts.vouched(grace, "grace", groups=groups)
        assert await store.accounts.accounts([grace]) == (account,)
        return account.groups

    assert await vouched(("Lab", "lab", "no*pattern", "", "x" * 65, "kurs/1")) == ("kurs/1", "lab")
    assert await vouched(None) == ("kurs/1", "lab")
    assert await vouched(("kurs/1",)) == ("kurs/1",)
    assert await vouched(()) == ()
