"""What every store keeps of accounts: create, find, list, change, delete; and of the audit."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from jupyter_aichat.domain.account import MOST_GROUPS, Account, AccountChanges, AccountQuery
from jupyter_aichat.domain.audit import AuditQuery, AuditRecord
from jupyter_aichat.domain.chat import ChatQuery
from jupyter_aichat.domain.clock import now
from jupyter_aichat.domain.ids import OwnerId, new_id
from jupyter_aichat.errors import AIChatError, Forbidden, InvalidRequest, LastAdministrator, NameTaken, NotFound
from jupyter_aichat.stores import mongo_people, sqlite_people
from jupyter_aichat.stores.accounts import AccountStore
from jupyter_aichat.stores.base import Store
from jupyter_aichat.stores.mongo_schema import STEPS
from jupyter_aichat.stores.sqlite import SqliteStore
from tests.contract.account_values import (
    DAY,
    account_named,
    invitation_by,
    registered,
    session_of,
    token_of,
)
from tests.contract.store_targets import Raw
from tests.contract.store_turns import EVE, HERE, answered, begun, said


async def outcome(creating: object) -> str:
    try:
        await creating  # type: ignore[misc]
    except AIChatError as error:
        return error.code
    return "ok"


async def test_an_account_is_kept_as_it_was_written(accounts: AccountStore, other_accounts: AccountStore) -> None:
    account = account_named("Ada Ωmega", roles=("user", "admin"), disabled=True, stamp=7)
    assert await accounts.create_account(account) == account
    assert await other_accounts.find_account("ada ωmega") == account
    assert await other_accounts.accounts([account.id, OwnerId("none")]) == (account,)
    assert await accounts.find_account("Ada Ωmega") is None
    assert await accounts.accounts([]) == ()


async def test_of_many_with_one_name_one_is_made(accounts: AccountStore, other_accounts: AccountStore) -> None:
    tries = [where.create_account(account_named("Ada")) for where in (accounts, other_accounts) * 5]
    assert sorted(await asyncio.gather(*map(outcome, tries))) == ["name_taken"] * 9 + ["ok"]


async def test_there_is_one_first_administrator(accounts: AccountStore, other_accounts: AccountStore) -> None:
    tries = [
        where.create_account(account_named(f"admin{n}", roles=("user", "admin")), first_admin=True)
        for n, where in enumerate((accounts, other_accounts) * 5)
    ]
    assert sorted(await asyncio.gather(*map(outcome, tries))) == ["forbidden"] * 9 + ["ok"]
    assert len((await accounts.list_accounts(AccountQuery())).items) == 1


async def test_a_first_administrator_whose_name_is_taken_is_not_the_first(accounts: AccountStore) -> None:
    await registered(accounts, "root")
    with pytest.raises(NameTaken):
        await accounts.create_account(account_named("root"), first_admin=True)
    await accounts.create_account(account_named("boss"), first_admin=True)


async def test_an_invitation_is_used_once(accounts: AccountStore, other_accounts: AccountStore) -> None:
    invitation = invitation_by(await registered(accounts), roles=("user", "admin"))
    await accounts.create_invitation(invitation)
    assert await other_accounts.list_invitations() == (invitation,)
    tries = [
        where.create_account(account_named(f"guest{n}"), invitation_hash=invitation.hash)
        for n, where in enumerate((accounts, other_accounts) * 5)
    ]
    assert sorted(await asyncio.gather(*map(outcome, tries))) == ["forbidden"] * 9 + ["ok"]
    (guest,) = [each for each in (await accounts.list_accounts(AccountQuery())).items if each.name != "Ada"]
    assert guest.roles == ("user", "admin")
    assert await accounts.list_invitations() == ()


async def test_an_invitation_is_not_used_up_by_a_name_that_is_taken(accounts: AccountStore) -> None:
    invitation = invitation_by(await registered(accounts, "Ada"))
    await accounts.create_invitation(invitation)
    with pytest.raises(NameTaken):
        await accounts.create_account(account_named("Ada"), invitation_hash=invitation.hash)
    await accounts.create_account(account_named("Eve"), invitation_hash=invitation.hash)


async def test_an_invitation_that_is_over_or_taken_back_lets_nobody_in(accounts: AccountStore) -> None:
    over, back = invitation_by(account_named("a"), lives=-DAY), invitation_by(account_named("b"))
    for each in (back, over):
        await accounts.create_invitation(each)
    assert await accounts.delete_invitation(back.id)
    assert not await accounts.delete_invitation(back.id)
    for given in (over.hash, back.hash, "unknown", ""):
        with pytest.raises(Forbidden):
            await accounts.create_account(account_named("guest"), invitation_hash=given)
    assert await accounts.find_account("guest") is None


@pytest.mark.parametrize("limit", [1, 2, 3, 60])
async def test_accounts_are_listed_by_name_each_once(accounts: AccountStore, limit: int) -> None:
    for name in ("mia", "Ada", "zoe", "Bob", "éva"):
        await registered(accounts, name)
    found: list[str] = []
    cursor: str | None = None
    while True:
        page = await accounts.list_accounts(AccountQuery(cursor=cursor, limit=limit))
        found += [each.name for each in page.items]
        cursor = page.next
        if cursor is None:
            break
    assert found == ["Ada", "Bob", "mia", "zoe", "éva"]


async def test_a_bad_cursor_is_an_invalid_request(accounts: AccountStore) -> None:
    for cursor in ("", "x", "é", "W10=", "A" * 3000):
        with pytest.raises(InvalidRequest):
            await accounts.list_accounts(AccountQuery(cursor=cursor))
        with pytest.raises(InvalidRequest):
            await accounts.list_audit(AuditQuery(cursor=cursor))


async def test_changes_change_what_they_name(accounts: AccountStore, other_accounts: AccountStore) -> None:
    ada, eve = await registered(accounts), await registered(accounts, "Eve")
    changed = await accounts.change_account(ada.id, AccountChanges(roles=("user", "admin"), disabled=True))
    assert changed is not None
    assert changed == msgspec.structs.replace(
        ada, roles=("user", "admin"), disabled=True, changed_at=changed.changed_at
    )
    changed = await other_accounts.change_account(ada.id, AccountChanges(display_name="A.", ends_sessions=True))
    assert changed is not None
    assert (changed.display_name, changed.stamp, changed.disabled) == ("A.", ada.stamp + 1, True)
    preferred = await accounts.change_account(
        ada.id, AccountChanges(preferences={"a": 1.0, "b": True, "c": "x", "d": 2**53})
    )
    without = await other_accounts.change_account(ada.id, AccountChanges(preferences={"b": None, "c": "y"}))
    assert preferred is not None
    assert without is not None
    assert without.preferences == {"a": 1.0, "c": "y", "d": 2**53}
    assert (without.display_name, without.roles) == ("A.", ("user", "admin"))
    changed = without
    assert await accounts.accounts([ada.id]) == (changed,)
    assert await accounts.accounts([eve.id]) == (eve,)
    assert await accounts.change_account(OwnerId("none"), AccountChanges(disabled=True)) is None


async def test_accounts_are_found_by_how_their_name_begins(accounts: AccountStore) -> None:
    for name in ("an", "Anna", "anton", "bo", "éva", "a\U0001f600"):
        await registered(accounts, name)

    async def named(prefix: str, **more: object) -> list[str]:
        page = await accounts.list_accounts(AccountQuery(prefix, **more))  # type: ignore[arg-type]
        return [each.name for each in page.items]

    assert await named("an") == ["an", "Anna", "anton"]
    assert await named("an", limit=2) == ["an", "Anna"]
    assert (await named("a"))[-1] == "a\U0001f600"
    assert await named("é") == ["éva"]
    assert await named("an%") == await named("a.*") == await named("c") == []
    first = await accounts.list_accounts(AccountQuery("an", limit=1))
    assert await named("an", cursor=first.next) == ["Anna", "anton"]


async def in_group(accounts: AccountStore, group: str, prefix: str = "") -> list[str]:
    return [each.name for each in (await accounts.list_accounts(AccountQuery(prefix, group))).items]


async def test_accounts_are_in_groups_as_long_as_they_are_there(
    accounts: AccountStore, other_accounts: AccountStore
) -> None:
    ada = await accounts.create_account(account_named("Ada", groups=("lab", "class-1")))
    bob, eve = await registered(accounts, "Bob"), await registered(accounts, "Eve")
    assert await other_accounts.groups() == (("class-1", 1), ("lab", 1))
    changed = await other_accounts.change_account(bob.id, AccountChanges(joins=("lab", "lab"), leaves=("none",)))
    assert changed is not None
    assert changed.groups == ("lab",)
    await accounts.change_account(eve.id, AccountChanges(groups=("x", "lab")))
    assert await in_group(accounts, "lab") == ["Ada", "Bob", "Eve"]
    assert await in_group(accounts, "lab", "b") == ["Bob"]
    await other_accounts.change_account(eve.id, AccountChanges(groups=("x",)))
    await accounts.change_account(bob.id, AccountChanges(display_name="B."))
    assert await in_group(accounts, "lab") == ["Ada", "Bob"]
    await accounts.delete_account(ada.id)
    assert await in_group(accounts, "class-1") == await in_group(accounts, "nobody") == []
    assert await accounts.groups() == (("lab", 1), ("x", 1))


async def test_of_many_who_join_and_leave_groups_at_once_none_is_lost_and_the_bound_holds(
    accounts: AccountStore, other_accounts: AccountStore
) -> None:
    ada = await accounts.create_account(account_named("Ada", groups=("gone",)))
    changes = [AccountChanges(joins=tuple(f"g{n}x{m}" for m in range(10))) for n in range(5)]
    changing = [AccountChanges(leaves=("gone",)), *changes]
    await asyncio.gather(*(
        (accounts, other_accounts)[n % 2].change_account(ada.id, each) for n, each in enumerate(changing)
    ))  # fmt: skip
    (found,) = await accounts.accounts([ada.id])
    assert found.groups == tuple(sorted(f"g{n}x{m}" for n in range(5) for m in range(10)))
    more = AccountChanges(joins=tuple(f"h{n}" for n in range(MOST_GROUPS - 50 + 1)))
    assert await outcome(accounts.change_account(ada.id, more)) == "invalid_request"
    assert len(await accounts.groups()) == 50


async def test_of_many_changes_of_a_password_one_wins(accounts: AccountStore, other_accounts: AccountStore) -> None:
    ada = await registered(accounts)
    changed = await asyncio.gather(*(
        where.change_account(ada.id, AccountChanges(password_hash=f"new{n}", ends_sessions=True), if_hash="h1")
        for n, where in enumerate((accounts, other_accounts) * 5)
    ))  # fmt: skip
    (winner,) = [each for each in changed if each is not None]
    assert await accounts.accounts([ada.id]) == (winner,)
    assert winner.stamp == ada.stamp + 1


async def test_many_changes_at_once_do_not_pass_the_bound_of_preferences(
    accounts: AccountStore, other_accounts: AccountStore
) -> None:
    account = await accounts.create_account(account_named("Ada"))
    changes = [AccountChanges(preferences={f"p{n}x{m}": True for m in range(40)}) for n in range(6)]
    changing = [(accounts, other_accounts)[n % 2].change_account(account.id, each) for n, each in enumerate(changes)]
    assert sorted(await asyncio.gather(*map(outcome, changing))) == ["invalid_request"] * 5 + ["ok"]
    (found,) = await accounts.accounts([account.id])
    assert len(found.preferences) == 40


GOING = (
    AccountChanges(roles=("user",)),
    AccountChanges(disabled=True, ends_sessions=True),
    AccountChanges(roles=("user",), disabled=True),
)


async def test_of_administrators_who_go_at_once_one_stays(accounts: AccountStore, other_accounts: AccountStore) -> None:
    both = (accounts, other_accounts)
    for round_ in range(4):
        admins = [
            await accounts.create_account(account_named(f"admin{round_}{n}", roles=("user", "admin"))) for n in range(3)
        ]
        found = (await accounts.list_accounts(AccountQuery())).items
        going = [each.id for each in found if each.administers]
        assert {each.id for each in admins} <= set(going)
        tries = [both[n % 2].change_account(each, GOING[n % 3]) for n, each in enumerate(going)]
        assert sorted(await asyncio.gather(*map(outcome, tries))) == ["last_administrator"] + ["ok"] * (len(going) - 1)
        left = [each for each in (await other_accounts.list_accounts(AccountQuery())).items if each.administers]
        assert len(left) == 1


@pytest.mark.parametrize("change", GOING)
async def test_the_last_administrator_stays_as_it_was(accounts: AccountStore, change: AccountChanges) -> None:
    root = await accounts.create_account(account_named("root", roles=("user", "admin")))
    await accounts.create_account(account_named("gone", roles=("admin",), disabled=True))
    await registered(accounts, '"admin"')
    await accounts.create_session(session_of(root))
    with pytest.raises(LastAdministrator):
        await accounts.change_account(root.id, change)
    assert await accounts.accounts([root.id]) == (root,)
    assert len(await accounts.sessions_of(root.id)) == 1
    renamed = await accounts.change_account(root.id, AccountChanges(display_name="Root", roles=("admin",)))
    assert renamed is not None
    await accounts.create_account(account_named("next", roles=("admin",)))
    assert await accounts.change_account(root.id, change) is not None


async def test_the_runs_of_an_account_that_is_disabled_shall_stop(store: Store, accounts: AccountStore) -> None:
    account = await accounts.create_account(account_named("Ada"))
    mine, hers = [(await begun(store, owner=owner)).record for owner in (account.id, EVE)]
    await accounts.change_account(account.id, AccountChanges(roles=("user",), ends_sessions=True))
    assert await store.stop_requests(HERE) == ()
    await accounts.change_account(account.id, AccountChanges(disabled=True))
    assert await store.stop_requests(HERE) == (mine.run.id,)
    assert not (await store.get_run(EVE, hers.run.id)).stop_requested


async def test_of_many_changes_of_different_things_none_is_lost(
    accounts: AccountStore, other_accounts: AccountStore
) -> None:
    ada = await registered(accounts)
    await asyncio.gather(*(
        where.change_account(ada.id, AccountChanges(ends_sessions=True)) for where in (accounts, other_accounts) * 5
    ))  # fmt: skip
    assert [each.stamp for each in await accounts.accounts([ada.id])] == [ada.stamp + 10]


async def test_a_deleted_account_is_gone_with_all_that_is_its_own(
    store: Store, accounts: AccountStore, other: Store, other_accounts: AccountStore
) -> None:
    ada = await accounts.create_account(msgspec.structs.replace(account_named("Ada"), id=OwnerId("ada")))
    eve = await accounts.create_account(msgspec.structs.replace(account_named("Eve"), id=EVE))
    done, beside = await answered(store), await begun(store, owner=EVE)
    running = await begun(store, key="k1")
    await store.checkpoint([said(running.record, 3, "text")])
    for each in (ada, eve):
        await accounts.create_session(session_of(each))
        await accounts.create_token(token_of(each), 10)
    assert await accounts.delete_account(ada.id) == (running.record.run.id,)
    assert await accounts.delete_account(ada.id) == ()
    assert await other_accounts.find_account("ada") is None
    assert (await other.list_chats(ada.id, ChatQuery(archived=None))).items == ()
    for committed in (done, running):
        with pytest.raises(NotFound):
            await other.get_run(ada.id, committed.record.run.id)
        with pytest.raises(NotFound):
            await other.get_message(ada.id, committed.reply.chat_id, committed.reply.id)
    assert await accounts.sessions_of(ada.id) == ()
    assert await accounts.tokens_of(ada.id) == ()
    assert await other.get_run(EVE, beside.record.run.id) == beside.record
    assert len(await accounts.sessions_of(EVE)) == len(await accounts.tokens_of(EVE)) == 1
    assert (await registered(accounts, "Ada")).id != ada.id


async def test_a_key_of_a_deleted_account_is_forgotten(store: Store, accounts: AccountStore) -> None:
    first = await begun(store, key="k1")
    await accounts.delete_account(first.record.owner_id)
    again = await begun(store, key="k1")
    assert again.record.run.id != first.record.run.id


async def fill_audit(accounts: AccountStore, ada: Account, eve: Account) -> list[AuditRecord]:
    records = [
        AuditRecord(
            f"{n:03}", now(), "login" if n % 2 else "logout", ada.id if n < 4 else None, eve.id if n > 2 else None
        )
        for n in range(7)
    ]
    for record in records:
        await accounts.append_audit(record)
    return records


async def test_the_audit_is_listed_newest_first(accounts: AccountStore, other_accounts: AccountStore) -> None:
    ada, eve = account_named("ada"), account_named("eve")
    records = await fill_audit(accounts, ada, eve)
    assert list((await other_accounts.list_audit(AuditQuery())).items) == records[::-1]
    of_ada = await accounts.list_audit(AuditQuery(account=ada.id))
    assert [each.id for each in of_ada.items] == ["003", "002", "001", "000"]
    both = await accounts.list_audit(AuditQuery(account=eve.id, action="login"))
    assert [each.id for each in both.items] == ["005", "003"]
    first = await accounts.list_audit(AuditQuery(limit=3))
    rest = await accounts.list_audit(AuditQuery(limit=10, cursor=first.next))
    assert [each.id for each in (*first.items, *rest.items)] == [f"{n:03}" for n in range(6, -1, -1)]
    assert rest.next is None


async def test_a_record_is_kept_as_it_was_written(accounts: AccountStore) -> None:
    record = AuditRecord(new_id(), now(), "roles_changed", OwnerId("a"), OwnerId("b"), "2001:db8::1", {"to": "a.$b"})
    await accounts.append_audit(record)
    assert (await accounts.list_audit(AuditQuery())).items == (record,)


async def test_what_a_newer_replica_wrote_into_the_audit_is_listed(
    accounts: AccountStore, other_accounts: AccountStore
) -> None:
    record = AuditRecord(new_id(), now(), "danced_by_a_later_version", OwnerId("a"), OwnerId("b"))
    await accounts.append_audit(record)
    assert (await other_accounts.list_audit(AuditQuery(account=OwnerId("a")))).items == (record,)


async def test_what_is_deleted_with_an_account_is_all_that_names_its_owner(sqlite_store: SqliteStore, raw: Raw) -> None:
    tables = {
        name for (name,) in raw(
            "SELECT t.name FROM sqlite_master t, pragma_table_info(t.name) c WHERE t.type = 'table' AND c.name = 'owner_id'"
        )
    }  # fmt: skip
    assert tables - {"accounts"} == set(sqlite_people.OWNED)
    mongos = set(STEPS[0].collections) - {"instances"} | {"sessions", "tokens", "shares", "usage", "charged", "remains"}
    assert set(mongo_people.OWNED) == mongos
