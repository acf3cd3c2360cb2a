"""The command line on MongoDB."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from pymongo import MongoClient

from tests import mongo_server
from tests.cli.conftest import PASSWORD, Done, Run

Create = Callable[..., Done]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with mongo_server.running(tmp_path_factory.mktemp("mongo") / "data") as found:
        yield found.url


@pytest.fixture(autouse=True)
def mongo(server: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """A database of its own for each test."""
    url = f"{server}aichat_test_{abs(hash(request.node.name))}"
    monkeypatch.setenv("AICHAT_STORE_URL", url)
    return url


def test_a_life(run: Run, create: Create, models: str) -> None:
    missing = run("users", "list")
    assert (missing.code, "no database" in missing.err) == (1, True)
    assert create("Ada", "--first-admin").code == 0
    assert create("Eve", "--first-admin").code == 1
    assert create("Eve").code == 0
    assert run("users", "disable", "eve").code == 0
    assert run("sessions", "end", "ada").code == 0
    assert [each["name"] for each in run("users", "list", "--json").rows] == ["Ada", "Eve"]
    assert run("users", "delete", "eve", "-y").code == 0
    actions = [each["action"] for each in run("audit", "--json", "--since=5m").rows if each["action"] != "admin_read"]
    assert actions == ["account_created", "account_created", "account_disabled", "logout_all", "account_deleted"]
    looked = {row["part"]: row["level"] for row in run("doctor", "--json", models).rows}
    assert (looked["store"], looked["accounts"], looked["clock"], looked["redis"]) == ("ok", "ok", "ok", "warn")


def test_the_doctor_misses_an_index(run: Run, create: Create, mongo: str, models: str) -> None:
    create("Ada", "--first-admin")
    client: MongoClient[dict[str, object]] = MongoClient(mongo)
    with client:
        messages = client.get_default_database()["messages"]
        lost = next(name for name, each in messages.index_information().items() if each.get("unique"))
        messages.drop_index(lost)
    said = [f"{row['level']}: {row['what']}" for row in run("doctor", "--json", models).rows if row["part"] == "store"]
    assert "replica set" in said[0]
    assert said[1] == "fail: Indexes are missing: messages(owner_id, chat_id, n)."


def test_of_two_processes_that_make_the_first_administrator_one_does(run: Run) -> None:
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


def test_a_password_in_the_address_is_never_shown(run: Run, models: str) -> None:
    done = run(
        "doctor", models, "--store-url=mongodb://ada:s3cret-word@127.0.0.1:9/", "--MongoStore.selection_timeout_s=0.2"
    )
    assert "s3cret-word" not in done.out + done.err
