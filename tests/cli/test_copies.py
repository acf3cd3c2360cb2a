"""Everything that is kept, carried to another store, into a file and back."""

from __future__ import annotations

import asyncio
import gzip
import json
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import bcrypt
import httpx
import pytest

from jupyter_aichat.domain.ids import InstanceId
from jupyter_aichat.stores.sqlite import SqliteStore
from tests import mongo_server
from tests.cli.conftest import PASSWORD, Done, Run
from tests.contract.records import Full, fill
from tests.service_app.process import running

Create = Callable[..., Done]


@pytest.fixture(scope="module")
def mongo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with mongo_server.running(tmp_path_factory.mktemp("mongo") / "data") as found:
        yield found.url


@pytest.fixture
def full(tmp_path: Path, create: Create) -> Path:
    """A store with records of all kinds, and somebody who can log in."""
    password_hash = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    _with(tmp_path / "chats.sqlite3", lambda store: fill(store, password_hash))
    assert create("Mary").code == 0
    return tmp_path / "chats.sqlite3"


def _with(path: Path, work: Callable[[Full], object]) -> None:
    async def do() -> None:
        store = SqliteStore(path)
        await store.open()
        try:
            await work(store)  # type: ignore[misc]
        finally:
            await store.close()

    asyncio.run(do())


@pytest.fixture
def backup(full: Path, run: Run) -> Path:
    done = run("backup", "all.gz", "--json")
    assert (done.code, done.err) == (0, "")
    return full.with_name("all.gz")


def test_a_store_goes_to_mongodb_and_back(full: Path, run: Run, mongo: str) -> None:
    there = f"{mongo}aichat_test_migrate"
    first = run("migrate", f"--from={full}", f"--to={there}", "--json")
    assert first.code == 0, first.err
    assert run("migrate", f"--from={full}", f"--to={there}", "--json").rows == first.rows
    back = run("migrate", f"--from={there}", "--to=back.sqlite3", "--json")
    assert (back.code, back.rows) == (0, first.rows)
    assert run("users", "list", "--json", f"--store-url={there}").rows == run("users", "list", "--json").rows
    assert all(row["count"] for row in first.rows)


def test_a_migration_wants_two_stores_that_nobody_uses(full: Path, run: Run) -> None:
    assert run("migrate", f"--from={full}").code == 2
    assert run("migrate", f"--from={full}", "--to=chats.sqlite3").code == 2
    nowhere = run("migrate", "--from=nowhere.sqlite3", "--to=new.sqlite3")
    assert (nowhere.code, "no database" in nowhere.err) == (1, True)

    async def in_use(store: Full) -> None:
        await store.join(InstanceId("alive"))
        done = await asyncio.to_thread(run, "migrate", f"--from={full}", "--to=new.sqlite3")
        assert (done.code, "stop it first" in done.err) == (1, True)
        assert (await asyncio.to_thread(run, "backup", "meanwhile.gz")).code == 0

    _with(full, in_use)


def test_a_backup_is_the_operators_alone_and_has_no_sessions(backup: Path) -> None:
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    head, *records, foot = map(json.loads, gzip.decompress(backup.read_bytes()).splitlines())
    assert (head["form"], head["version"]) == ("jupyter_aichat backup", 1)
    kinds = {each["kind"] for each in records}
    assert (kinds | {"sessions"}, "sessions" in kinds) == (set(foot["sums"]) | {"sessions"}, False)
    assert list(backup.parent.glob("*.part")) == []


def test_what_was_restored_can_be_used(backup: Path, run: Run, tmp_path: Path) -> None:
    """Into an empty service: log in with the password of then, and read."""
    folder = tmp_path / "new"
    folder.mkdir()
    store_url = f"sqlite:///{folder / 'chats.sqlite3'}"
    assert run("restore", str(backup), f"--store-url={store_url}").code == 0
    again = run("backup", "again.gz", f"--store-url={store_url}", "--json")
    assert again.code == 0
    with running(folder, "--Passwords.cost=4") as service, closing(httpx.Client(base_url=service.base)) as client:
        answer = client.post("/auth/login", json={"username": "mary", "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        assert client.get("/me").json()["name"] == "Mary"
        ada = next(
            each for each in run("users", "list", "--json", f"--store-url={store_url}").rows if each["name"] == "Ada"
        )
        reader = service.login("Ada", ada["id"], PASSWORD)
        (chat,) = reader.json("GET", "/chats?archived=true")["items"]
        messages = reader.json("GET", f"/chats/{chat['id']}/messages")["items"]
        assert (chat["title"], len(messages)) == ("Über", 5)
        assert messages[1]["parts"][1]["text"] == "yes"


def test_a_backup_takes_the_place_of_nothing(backup: Path, run: Run) -> None:
    before = backup.read_bytes()
    done = run("backup", str(backup))
    assert (done.code, "there already" in done.err, backup.read_bytes()) == (1, True, before)
    assert run("backup", "no/such/folder.gz").code == 1


def test_nothing_is_restored_over_data(backup: Path, run: Run, full: Path) -> None:
    before = full.read_bytes()
    done = run("restore", str(backup))
    assert (done.code, "has records already" in done.err, full.read_bytes()) == (1, True, before)


@pytest.mark.parametrize("harm", ["cut", "bit", "line", "count", "newer", "other", "text", "nothing"])
def test_a_backup_that_is_not_whole_is_refused_before_anything_is_written(backup: Path, run: Run, harm: str) -> None:
    packed, lines = backup.read_bytes(), gzip.decompress(backup.read_bytes()).splitlines(keepends=True)
    spoilt = {
        "cut": packed[: len(packed) // 2],
        "bit": packed[:-40] + bytes([packed[-40] ^ 1]) + packed[-39:],
        "line": gzip.compress(b"".join(lines[:4] + lines[5:])),
        "count": gzip.compress(b"".join(lines[:-1]) + lines[-1].replace(b'"count":1', b'"count":7')),
        "newer": gzip.compress(lines[0].replace(b'"version":1', b'"version":2') + b"".join(lines[1:])),
        "other": gzip.compress(b'{"form":"another"}\n'),
        "text": b"hello",
        "nothing": b"",
    }[harm]
    backup.write_bytes(spoilt)
    done = run("restore", str(backup), "--store-url=new.sqlite3")
    assert done.code == 1
    assert ("newer version" if harm == "newer" else str(backup)) in done.err
    assert not backup.with_name("new.sqlite3").exists()


def test_a_file_that_is_not_there_is_said_so(run: Run) -> None:
    done = run("restore", "missing.gz", "--store-url=new.sqlite3")
    assert (done.code, "missing.gz" in done.err) == (1, True)
