"""Who is logged in, and who did what."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from jupyter_aichat.domain.audit import AuditRecord
from jupyter_aichat.domain.clock import now
from jupyter_aichat.domain.credential import Session
from jupyter_aichat.domain.ids import OwnerId, SessionId
from jupyter_aichat.stores.sqlite import SqliteStore
from tests.cli.conftest import Done, Run

Create = Callable[..., Done]
STEERING = "\x1b[2J\x07evil"


def _logged_in(owner: str, session: str, agent: str = "Firefox") -> None:
    at = now()
    ends = at + timedelta(days=1)
    row = Session(
        SessionId(session), OwnerId(owner), 1, f"hash-{session}", at, at, ends, ends, address="192.0.2.7", agent=agent
    )

    async def write() -> None:
        store = SqliteStore(Path("chats.sqlite3"))
        await store.open()
        await store.accounts.create_session(row)
        await store.close()

    asyncio.run(write())


def test_sessions_are_listed_and_ended(create: Create, run: Run) -> None:
    ada = create("ada", "--json").rows[0]["id"]
    _logged_in(ada, "one")
    _logged_in(ada, "two", STEERING)
    found = run("sessions", "list", "ada", "--json").rows
    assert {(each["id"], each["address"]) for each in found} == {("one", "192.0.2.7"), ("two", "192.0.2.7")}
    assert "hash" not in str(found)
    shown = run("sessions", "list", "ada").out
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert run("sessions", "end", "ada", "one").code == 0
    assert run("sessions", "end", "ada", "one").code == 1
    assert [each["id"] for each in run("sessions", "list", "ada", "--json").rows] == ["two"]
    assert run("sessions", "end", "ada").out == "ada is logged out everywhere.\n"
    assert run("sessions", "list", "ada", "--json").rows == []
    assert run("sessions", "list", "nobody").code == 1


def test_the_audit_says_who_and_whom_by_name(create: Create, run: Run) -> None:
    create("ada")
    run("users", "disable", "ada")
    run("users", "delete", "ada", "-y")
    create("eve")
    lines = run("audit").out.splitlines()
    assert "command-line > eve" in lines[-2]
    assert "what=audit" in lines[-1]
    assert "local:" in lines[-1]
    gone = run("audit", "--action=account_deleted", "--json").rows[0]["subject"]
    assert [each["action"] for each in run("audit", f"--user={gone}", "--json", "--limit=4").rows][:3] == [
        "account_created", "account_disabled", "account_deleted",
    ]  # fmt: skip


def test_times_and_limits(create: Create, run: Run) -> None:
    create("ada")
    create("eve")
    created = run("audit", "--action=account_created", "--json").rows
    assert [each["at"] for each in run("audit", f"--until={created[1]['at']}", "--json").rows] == [created[0]["at"]]
    assert run("audit", f"--since={created[1]['at']}", "--json").rows[0]["at"] == created[1]["at"]
    assert run("audit", "--since=2999-01-01", "--json").rows == []
    assert len(run("audit", "--since=5m", "--limit=1", "--json").rows) == 1
    for wrong in ("yesterday", "12", "99999999999999999999d", "2026-13-01", "h"):
        assert run("audit", f"--since={wrong}").code == 1, wrong


@pytest.fixture
def following(create: Create) -> Iterator[subprocess.Popen[str]]:
    create("ada")
    command = [sys.executable, "-m", "jupyter_aichat", "audit", "--follow", "--json", "--limit=1"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.communicate()


def test_followed_it_goes_on_until_interrupted(following: subprocess.Popen[str], run: Run) -> None:
    assert following.stdout is not None
    assert following.stderr is not None
    assert json.loads(following.stdout.readline())["action"] == "admin_read"
    run("users", "disable", "ada")
    assert json.loads(following.stdout.readline())["action"] == "account_disabled"
    os.kill(following.pid, signal.SIGINT)
    assert following.wait(20) == 130
    assert following.stderr.read() == ""


def test_a_record_is_never_changed_by_reading(create: Create, run: Run) -> None:
    create("ada")

    def rows() -> list[tuple[object, ...]]:
        with closing(sqlite3.connect("chats.sqlite3")) as db:
            return db.execute("SELECT * FROM audit ORDER BY n").fetchall()

    before = rows()
    run("audit")
    assert rows()[: len(before)] == before
    assert AuditRecord.__struct_fields__ == ("id", "at", "action", "actor", "subject", "address", "details")
