"""What the doctor sees, and what it says is to do."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests import certificates
from tests.cli.conftest import Done, Run
from tests.redis_server import RedisServer

Create = Callable[..., Done]
Look = Callable[..., dict[str, list[str]]]


@pytest.fixture
def look(run: Run, models: str) -> Look:
    """Let the doctor look; return each part's levels."""

    def look(*arguments: str) -> dict[str, list[str]]:
        given = any(each.startswith("--OllamaProvider.url") for each in arguments)
        done = run("doctor", "--json", *arguments, *(() if given else (models,)))
        found: dict[str, list[str]] = {}
        for row in done.rows:
            found.setdefault(row["part"], []).append(row["level"])
        assert done.code == any("fail" in levels for levels in found.values()), done.out
        return found

    return look


@pytest.fixture
def healthy(run: Run, create: Create, monkeypatch: pytest.MonkeyPatch) -> None:
    create("ada", "--first-admin")
    run("secret", "s.key")
    monkeypatch.setenv("AICHAT_SECRET_FILE", "s.key")


def test_a_healthy_installation(healthy: None, look: Look, run: Run, models: str) -> None:
    found = look("--AIChatApp.trusted_proxies=127.0.0.1")
    assert {part: levels for part, levels in found.items() if set(levels) != {"ok"}} == {}
    assert set(found) == {
        "versions", "settings", "secret", "registration", "front", "page", "store", "disk", "accounts", "clock", "redis", "models",
    }  # fmt: skip
    said = run("doctor", models).out
    assert "s.key" not in said or Path("s.key").read_text().split()[2] not in said


def test_a_new_one_is_told_what_to_do_and_nothing_is_made(run: Run, own_folders: Path) -> None:
    done = run("doctor", "--OllamaProvider.url=http://127.0.0.1:9")
    assert done.code == 1
    for todo in ("OLLAMA_HOST", "jupyter aichat secret FILE", "made at the first start"):
        assert todo in done.out
    assert list(own_folders.iterdir()) == []


def test_without_an_administrator(create: Create, look: Look) -> None:
    create("ada")
    assert look()["accounts"] == ["warn"]


def test_the_secret(healthy: None, look: Look) -> None:
    assert look()["secret"] == ["ok"]
    Path("s.key").chmod(0o640)
    assert look()["secret"] == ["fail", "ok"]
    Path("s.key").chmod(0o600)
    Path("s.key").write_text("changeme")
    assert look()["secret"] == ["fail"]
    assert look("--secret-file=nothing")["secret"] == ["fail"]


def test_an_old_secret(healthy: None, look: Look) -> None:
    a_year_ago = time.time() - 400 * 24 * 3600
    os.utime("s.key", (a_year_ago, a_year_ago))
    assert look()["secret"] == ["warn", "ok"]


def test_the_store(healthy: None, look: Look, own_folders: Path) -> None:
    (own_folders / "no.sqlite3").write_text("this is no database, whatever its name says")
    assert look("--store-url=no.sqlite3")["store"] == ["fail"]
    Path("chats.sqlite3").chmod(0o644)
    assert look()["store"] == ["ok", "warn"]
    with closing(sqlite3.connect("chats.sqlite3")) as db:
        db.execute("PRAGMA user_version = 999")
    assert look()["store"] == ["fail"]
    assert look("--store-url=mysql://x")["settings"] == ["ok", "fail"]
    assert look("--store-url=mongodb://127.0.0.1:9/", "--MongoStore.call_timeout_s=0.2")["store"] == ["fail"]


def test_a_store_of_the_version_before_is_not_migrated_by_looking(healthy: None, look: Look) -> None:
    with closing(sqlite3.connect("chats.sqlite3")) as db:
        db.execute("PRAGMA user_version = 1")
    found = look()
    assert found["store"][0] == "warn"
    assert "accounts" not in found
    with closing(sqlite3.connect("chats.sqlite3")) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (1,)


def test_models(healthy: None, look: Look) -> None:
    assert look("--AIChatApp.default_model=counter")["models"] == ["ok"]
    assert look("--AIChatApp.default_model=nix")["models"] == ["ok", "fail"]
    assert look("--OllamaProvider.allow_cloud=True")["models"] == ["ok", "warn"]
    assert look("--OllamaProvider.url=http://127.0.0.1:9")["models"] == ["fail"]


def test_several_model_servers(healthy: None, look: Look, models: str, monkeypatch: pytest.MonkeyPatch) -> None:
    one, gone = models.split("=", 1)[1], "http://127.0.0.1:9"
    assert look("--AIChatApp.default_model=counter", f"--OllamaPool.urls={one}", f"--OllamaPool.urls={gone}")[
        "models"
    ] == ["ok", "warn"]
    monkeypatch.setenv("OLLAMA_HOST", f"{gone},http://127.0.0.1:19")
    assert look("--OllamaPool.urls=127.0.0.1:9", "--OllamaPool.urls=127.0.0.1:19")["models"] == ["fail", "fail"]


def test_redis(healthy: None, look: Look, redis: RedisServer) -> None:
    assert look(f"--redis-url={redis.url}")["redis"] == ["ok"]
    assert look("--redis-url=redis://127.0.0.1:9")["redis"] == ["fail"]
    assert look("--redis-url=nonsense")["settings"] == ["ok", "fail"]


def test_registration(healthy: None, look: Look) -> None:
    assert look()["registration"] == ["ok"]
    assert look("--AIChatApp.registration=invitation")["registration"] == ["ok"]
    assert look("--AIChatApp.registration=open")["registration"] == ["warn"]


def test_the_way_to_it(healthy: None, look: Look, own_folders: Path) -> None:
    assert look()["front"] == ["warn"]
    assert look("--ip=0.0.0.0")["front"] == ["fail"]
    assert look("--ip=0.0.0.0", "--AIChatApp.trusted_proxies=10.0.0.0/8")["front"] == ["ok", "warn"]
    assert look("--certfile=nothing.pem")["front"] == ["fail"]
    made = certificates.make(own_folders, 90)
    tls = (f"--certfile={made.certfile}", f"--keyfile={made.keyfile}")
    assert look("--ip=0.0.0.0", *tls)["front"] == ["ok"]
    made.keyfile.chmod(0o644)
    assert look(*tls)["front"] == ["fail"]


def test_files_of_settings_that_others_may_write(healthy: None, look: Look, own_folders: Path) -> None:
    config = own_folders / "config" / "jupyter_aichat_config.py"
    config.parent.mkdir()
    config.write_text("c.AIChatApp.registration = 'open'\n")
    config.chmod(0o644)
    assert look()["settings"] == ["ok"]
    config.chmod(0o666)
    assert look()["settings"] == ["fail", "ok"]
