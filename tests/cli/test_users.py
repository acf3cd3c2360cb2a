"""Accounts and invitations on the command line."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import PASSWORD, Done, Run

Create = Callable[..., Done]


def test_the_first_administrator_is_one(create: Create, run: Run) -> None:
    assert create("ada", "--first-admin").code == 0
    refused = create("eve", "--first-admin")
    assert (refused.code, "first administrator" in refused.err) == (1, True)
    (only,) = run("users", "list", "--json").rows
    assert (only["name"], only["roles"], only["disabled"]) == ("ada", ["user", "admin"], False)


def test_of_two_processes_that_make_the_first_administrator_one_does(own_folders: Path, run: Run) -> None:
    command = [sys.executable, "-m", "jupyter_aichat", "users", "create", "--first-admin", "--password-stdin"]
    processes = [
        subprocess.Popen(
            [*command, "--Passwords.cost=4", name], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for name in ("ada", "eve")
    ]
    said = [process.communicate(f"{PASSWORD}\n", 60)[1] for process in processes]
    assert sorted(process.returncode for process in processes) == [0, 1], said
    assert len(run("users", "list", "--json").rows) == 1


def test_a_password_is_never_an_argument_and_is_refused_if_short(run: Run, create: Create) -> None:
    assert run("users", "create", "ada", PASSWORD).code == 2
    assert run("users", "create", "ada", f"--password={PASSWORD}").code == 2
    asked = run("users", "create", "ada")
    assert (asked.code, "--password-stdin" in asked.err) == (1, True)
    short = run("users", "create", "ada", "--password-stdin", stdin="short\n")
    assert (short.code, "at least 8" in short.err) == (1, True)
    assert run("users", "create", "ada", "--password-stdin", stdin="é" * 40 + "\n").code == 1
    create("eve")
    assert [each["name"] for each in run("users", "list", "--json").rows] == ["eve"]


def test_what_is_asked_for_twice_must_be_the_same(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [PASSWORD, PASSWORD + "!", PASSWORD, PASSWORD]
    monkeypatch.setattr("getpass.getpass", lambda _prompt: answers.pop(0))
    assert run("users", "create", "ada", "--Passwords.cost=4", terminal=True).code == 1
    assert run("users", "create", "ada", "--Passwords.cost=4", terminal=True).code == 0


def test_a_life(create: Create, run: Run) -> None:
    create("Ada")
    create("root", "--first-admin")
    assert run("users", "disable", "ADA").out == "Ada is disabled.\n"
    assert run("users", "list", "--json").rows[0]["disabled"] is True
    assert run("users", "enable", "ada").out == "Ada is active.\n"
    assert run("users", "roles", "ada", "user,admin").out == "Ada is user and admin.\n"
    changed = run("users", "password", "ada", "--password-stdin", "--Passwords.cost=4", stdin="another password\n")
    assert "new password" in changed.out
    assert run("users", "delete", "ada").code == 1  # nobody to ask
    assert run("users", "delete", "ada", "-y").out == "Ada is gone.\n"
    assert [each["name"] for each in run("users", "list", "--json").rows] == ["root"]
    actions = [each["action"] for each in run("audit", "--json").rows if each["action"] != "admin_read"]
    assert actions == [
        "account_created", "account_created", "account_disabled", "account_enabled", "roles_changed", "password_changed", "account_deleted",
    ]  # fmt: skip


def test_the_last_administrator_stays(create: Create, run: Run) -> None:
    create("ada", "--first-admin")
    for words in (("delete", "ada", "-y"), ("disable", "ada"), ("roles", "ada", "user")):
        refused = run("users", *words)
        assert (refused.code, "only administrator" in refused.err) == (1, True), words
    (ada,) = run("users", "list", "--json").rows
    assert (ada["roles"], ada["disabled"]) == (["user", "admin"], False)
    create("grace", "--role=admin")
    assert run("users", "delete", "ada", "-y").code == 0


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("\n", 1), ("n\n", 1)])
def test_a_deletion_is_asked_about(create: Create, run: Run, answer: str, code: int) -> None:
    create("ada")
    assert run("users", "delete", "ada", stdin=answer, terminal=True).code == code
    assert len(run("users", "list", "--json").rows) == code


@pytest.mark.parametrize(
    "command",
    [("disable",), ("enable",), ("roles", "user"), ("password", "--password-stdin"), ("delete", "-y")],
)
def test_nobody_is_changed_who_is_not_there(create: Create, run: Run, command: tuple[str, ...]) -> None:
    create("ada")
    done = run("users", command[0], "eve", *command[1:], stdin=f"{PASSWORD}\n")
    assert (done.code, "no such account" in done.err) == (1, True)


def test_invitations(run: Run) -> None:
    made = run("users", "invite", "--days=3", "--role=user", "--role=admin", "--json").rows[0]
    assert made["code"].startswith("aichat-invitation_")
    (listed,) = run("users", "invitations", "--json").rows
    assert (listed["id"], listed["roles"]) == (made["id"], ["user", "admin"])
    assert made["code"] not in Path("chats.sqlite3").read_bytes().decode("latin-1")
    assert run("users", "invitations", f"--delete={made['id']}").code == 0
    assert run("users", "invitations", f"--delete={made['id']}").code == 1
    assert run("users", "invitations", "--json").rows == []
    assert run("users", "invite", "--days=1000").code == 1
    code, until, link = run("users", "invite").out.splitlines()
    assert link.endswith(f"register#invitation={code.removeprefix('Invitation: ')}")
    assert "once" in until


def test_a_store_that_is_not_there_is_a_wrong_address(run: Run, own_folders: Path) -> None:
    done = run("users", "list", f"--store-url={own_folders / 'mistyped' / 'chats.sqlite3'}")
    assert (done.code, "no database" in done.err) == (1, True)
    assert not (own_folders / "mistyped").exists()


def test_a_configuration_file_holds(run: Run, create: Create, own_folders: Path) -> None:
    create("ada")
    config = own_folders / "config" / "jupyter_aichat_config.py"
    config.parent.mkdir()
    config.write_text(f"c.AIChatApp.store_url = '{own_folders / 'other.sqlite3'}'\n")
    assert run("users", "list").code == 1
    assert run("users", "list", f"--AIChatApp.store_url={own_folders / 'chats.sqlite3'}").code == 0


def test_quotas_of_one_person(create: Create, run: Run) -> None:
    create("ada")
    assert run("users", "quota", "ada").out == "ada has no quotas of their own.\n"
    run("users", "quota", "ada", "--tokens-per-day=1000", "--seconds-per-month=60")
    run("users", "quota", "ada", "--tokens-per-day=10", "--model=big:*")
    run("users", "quota", "ada", "--tokens-per-day=2000")
    rows = run("users", "quota", "ada", "--json").rows
    assert [(row["model"], row["tokens_per_day"], row["seconds_per_month"]) for row in rows] == [
        ("big:*", 10, None), ("*", 2000, None),
    ]  # fmt: skip
    assert "2000" in run("users", "quota", "ada").out
    for wrong in ("--tokens-per-day=-1", "--tokens-per-day=lots", "--tokens-per-day=99999999999999999999"):
        assert run("users", "quota", "ada", wrong).code == 1, wrong
    run("users", "quota", "ada", "--clear")
    assert run("users", "quota", "ada", "--json").rows == []
    assert len(run("audit", "--action=quotas_changed", "--json").rows) == 4


def test_somebody_joins_and_leaves_groups(create: Create, run: Run) -> None:
    create("Ada")
    create("Grace")
    assert run("users", "group", "add", "ada", "Class-1,lab").out == "Ada is in class-1, lab.\n"
    run("users", "group", "add", "grace", "lab")
    assert run("users", "group", "list", "--json").rows == [
        {"group": "class-1", "members": 1}, {"group": "lab", "members": 2},
    ]  # fmt: skip
    assert [each["name"] for each in run("users", "list", "--group=LAB", "--json").rows] == ["Ada", "Grace"]
    assert [each["name"] for each in run("users", "list", "gr", "--json").rows] == ["Grace"]
    assert run("users", "group", "remove", "ada", "class-1").out == "Ada is in lab.\n"
    assert run("users", "group", "list", "ada").out == "lab\n"
    refused = run("users", "group", "add", "ada", "lab*")
    assert (refused.code, "letters, digits" in refused.err) == (1, True)
    changed = run("audit", "--action=groups_changed", "--json").rows
    assert [each["details"] for each in changed] == [{"joined": "class-1,lab"}, {"joined": "lab"}, {"left": "class-1"}]
