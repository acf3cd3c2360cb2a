"""What administrators do over the wire, and that nobody else can."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.service_app.asking import ask, fresh_name, login, somebody, told
from tests.service_app.process import PASSWORD, Person, Service

PROMISED_S = 2.0


@pytest.fixture(scope="module")
def service_arguments() -> tuple[str, ...]:
    return ("--AIChatApp.registration=open", "--AccountRules.registrations=10000")


def made(admin: Person, **fields: Any) -> dict[str, Any]:
    answer = ask(admin.http, "POST", "/admin/users", {"username": fresh_name(), "password": PASSWORD, **fields})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_accounts_are_made_and_listed(service: Service, admin: Person) -> None:
    users = [made(admin, display_name="Somebody"), made(admin, roles=["user", "admin"])]
    listed: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        params = {"limit": "1", **({} if cursor is None else {"cursor": cursor})}
        page = ask(admin.http, "GET", "/admin/users", params=params).json()
        listed += page["items"]
        cursor = page["next"]
        if cursor is None:
            break
    assert [each for each in listed if each in users] == sorted(users, key=lambda each: each["name"].casefold())
    assert len({each["id"] for each in listed}) == len(listed)
    assert set(users[0]) == {
        "id",
        "name",
        "display_name",
        "roles",
        "disabled",
        "created_at",
        "changed_at",
        "quotas",
        "groups",
    }
    assert users[0]["display_name"] == "Somebody"
    login(service.http, users[0]["name"])


def test_accounts_are_found_by_name_and_group(service: Service, admin: Person) -> None:
    one, other = made(admin), made(admin)
    group = f"class {one['name']}"
    changed = ask(admin.http, "PATCH", f"/admin/users/{one['id']}", {"groups": [group, group.upper()]})
    assert changed.json()["groups"] == [group.casefold()]

    def found(**params: str) -> list[str]:
        return [each["id"] for each in ask(admin.http, "GET", "/admin/users", params=params).json()["items"]]

    assert found(group=group.upper()) == [one["id"]]
    assert found(q=other["name"].upper()) == [other["id"]]
    assert found(q=other["name"], group=group) == []
    client = service.client(login(service.http, one["name"])["access_token"])
    assert ask(client, "GET", "/me").json()["groups"] == [group.casefold()]
    for groups in (["a*"], [""], ["x" * 65], [f"g{n}" for n in range(65)], None, "lab"):
        refused = ask(admin.http, "PATCH", f"/admin/users/{one['id']}", {"groups": groups})
        assert told(refused) == (400, "invalid_request")


async def test_who_is_disabled_is_out_at_once_and_may_come_back(service: Service, admin: Person) -> None:
    user = made(admin)
    grant = login(service.http, user["name"])
    client = service.client(grant["access_token"])
    token = ask(client, "POST", "/tokens", {"name": "script"}).json()["token"]
    socket = await service.socket(grant["access_token"])
    assert (await socket.frame())["type"] == "hello"
    changed = ask(admin.http, "PATCH", f"/admin/users/{user['id']}", {"disabled": True})
    assert (changed.status_code, changed.json()["disabled"]) == (200, True)
    async with asyncio.timeout(PROMISED_S):
        with pytest.raises(ConnectionError) as closed:
            while True:
                await socket.frame()
    assert closed.value.args == (4403,)
    for each in (client, service.client(token)):
        assert told(ask(each, "GET", "/me")) == (401, "unauthenticated")
    right = {"username": user["name"], "password": PASSWORD}
    assert told(ask(service.http, "POST", "/auth/login", right)) == (401, "unauthenticated")
    assert ask(admin.http, "PATCH", f"/admin/users/{user['id']}", {"disabled": False}).status_code == 200
    login(service.http, user["name"])
    assert told(ask(client, "GET", "/me")) == (401, "unauthenticated")


def test_roles_hold_at_once(service: Service, admin: Person) -> None:
    user = made(admin)
    client = service.client(login(service.http, user["name"])["access_token"])
    assert told(ask(client, "GET", "/admin/users")) == (403, "forbidden")
    ask(admin.http, "PATCH", f"/admin/users/{user['id']}", {"roles": ["user", "admin"]})
    assert ask(client, "GET", "/admin/users").status_code == 200
    ask(admin.http, "PATCH", f"/admin/users/{user['id']}", {"roles": ["user"]})
    assert told(ask(client, "GET", "/admin/users")) == (403, "forbidden")


def test_a_password_that_was_forgotten_is_set_anew(service: Service, admin: Person) -> None:
    user = made(admin)
    client = service.client(login(service.http, user["name"])["access_token"])
    for wrong in ("short", "é" * 40, user["name"]):
        answer = ask(admin.http, "PATCH", f"/admin/users/{user['id']}", {"disabled": True, "password": wrong})
        assert told(answer) == (400, "invalid_request")
    assert ask(client, "GET", "/me").status_code == 200
    assert ask(admin.http, "PATCH", f"/admin/users/{user['id']}", {"password": "another horse"}).status_code == 200
    assert told(ask(client, "GET", "/me")) == (401, "unauthenticated")
    login(service.http, user["name"], "another horse")


def test_an_account_is_deleted_once(service: Service, admin: Person) -> None:
    user = made(admin)
    client = service.client(login(service.http, user["name"])["access_token"])
    assert ask(admin.http, "DELETE", f"/admin/users/{user['id']}").status_code == 204
    assert told(ask(admin.http, "DELETE", f"/admin/users/{user['id']}")) == (404, "not_found")
    assert told(ask(client, "GET", "/me")) == (401, "unauthenticated")
    assert told(ask(admin.http, "PATCH", f"/admin/users/{user['id']}", {"disabled": True})) == (404, "not_found")


def test_administrators_leave_their_own_account_to_others(admin: Person) -> None:
    own = f"/admin/users/{admin.owner_id}"
    for change in ({"roles": ["user"]}, {"disabled": True}, {"password": "another horse"}):
        assert told(ask(admin.http, "PATCH", own, change)) == (403, "forbidden")
    assert told(ask(admin.http, "DELETE", own)) == (403, "forbidden")
    assert ask(admin.http, "GET", "/admin/users").status_code == 200


def test_invitations_are_made_listed_and_taken_back(service: Service, admin: Person) -> None:
    made = ask(admin.http, "POST", "/auth/invitations", {"roles": ["user", "admin"], "days": 1})
    assert made.status_code == 201
    code, record = made.json()["invitation"], {k: v for k, v in made.json().items() if k != "invitation"}
    assert record["created_by"] == admin.owner_id
    assert record in ask(admin.http, "GET", "/auth/invitations").json()["items"]
    guest = {"username": fresh_name(), "password": PASSWORD, "invitation": code}
    assert ask(service.http, "POST", "/auth/register", guest).json()["roles"] == ["user", "admin"]
    assert record not in ask(admin.http, "GET", "/auth/invitations").json()["items"]
    back = ask(admin.http, "POST", "/auth/invitations", {}).json()
    assert ask(admin.http, "DELETE", f"/auth/invitations/{back['id']}").status_code == 204
    assert told(ask(admin.http, "DELETE", f"/auth/invitations/{back['id']}")) == (404, "not_found")
    late = {"username": fresh_name(), "password": PASSWORD, "invitation": back["invitation"]}
    assert told(ask(service.http, "POST", "/auth/register", late)) == (403, "forbidden")


def test_the_audit_tells_who_did_what(service: Service, admin: Person) -> None:
    user = made(admin)
    ask(service.http, "POST", "/auth/login", {"username": user["name"], "password": "wrong horse"})
    login(service.http, user["name"])
    ask(admin.http, "PATCH", f"/admin/users/{user['id']}", {"roles": ["user", "admin"]})
    page = ask(admin.http, "GET", "/admin/audit", params={"account": user["id"]}).json()
    about = page["items"]
    assert page["names"] == {user["id"]: user["name"], admin.owner_id: admin.name}
    assert [(each["action"], each["actor"]) for each in about] == [
        ("admin_read", admin.owner_id), ("roles_changed", admin.owner_id), ("login", user["id"]), ("login_failed", None),
        ("account_created", admin.owner_id),
    ]  # fmt: skip
    assert {each["address"] for each in about} == {"127.0.0.1"}
    query = {"account": user["id"], "action": "login_failed"}
    assert len(ask(admin.http, "GET", "/admin/audit", params=query).json()["items"]) == 1
    first = ask(admin.http, "GET", "/admin/audit", params={"limit": "2"}).json()
    rest = ask(admin.http, "GET", "/admin/audit", params={"limit": "200", "cursor": first["next"]}).json()
    assert not {each["id"] for each in first["items"]} & {each["id"] for each in rest["items"]}


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/admin/users", {"limit": "0"}), ("/admin/users", {"limit": "201"}), ("/admin/users", {"cursor": "nonsense"}),
        ("/admin/users", {"q": "a\0b"}), ("/admin/users", {"q": "x" * 257}), ("/admin/users", {"group": ""}),
        ("/admin/audit", {"limit": "x"}), ("/admin/audit", {"cursor": "W10="}), ("/admin/audit", {"action": "unheard of"}),
        ("/admin/audit", {"account": "$gt"}), ("/admin/audit", {"account": "a\0b"}),
    ],
)  # fmt: skip
def test_a_bad_query_is_refused(admin: Person, path: str, params: dict[str, str]) -> None:
    assert told(ask(admin.http, "GET", path, params=params)) == (400, "invalid_request")


def test_how_a_name_begins_is_text_and_no_pattern(admin: Person) -> None:
    for typed in ("*", ".*", "%", "_", "$gt", '{"$gt": ""}', "\\", "'", "\U0010ffff"):
        found = ask(admin.http, "GET", "/admin/users", params={"q": typed, "group": typed})
        assert (found.status_code, found.json()["items"]) == (200, []), typed


def test_nobody_else_administers(service: Service, admin: Person) -> None:
    _, _, client = somebody(service)
    user = made(admin)
    for method, path, body in (
        ("GET", "/admin/users", None), ("POST", "/admin/users", {"username": "x", "password": PASSWORD}),
        ("PATCH", f"/admin/users/{user['id']}", {"disabled": True}), ("DELETE", f"/admin/users/{user['id']}", None),
        ("PATCH", "/admin/users/unknown", {"disabled": True}), ("GET", "/admin/audit", None),
        ("GET", "/auth/invitations", None), ("POST", "/auth/invitations", {}), ("DELETE", "/auth/invitations/x", None),
    ):  # fmt: skip
        assert told(ask(client, method, path, body)) == (403, "forbidden"), (method, path)
        assert told(ask(service.http, method, path, body)) == (401, "unauthenticated"), (method, path)
    login(service.http, user["name"])
