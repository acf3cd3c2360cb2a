"""What configuration means."""

from __future__ import annotations

from pathlib import Path

import pytest
from traitlets.config import Config, Configurable

from jupyter_aichat.errors import NotReady
from jupyter_aichat.stores.mongo import MongoStore
from jupyter_aichat.wiring import CONFIGURABLES, Settings, build, make_store, store_path


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("/data/chats.sqlite3", "/data/chats.sqlite3"),
        ("sqlite:///data/chats.sqlite3", "/data/chats.sqlite3"),
        ("sqlite:////data/chats.sqlite3", "/data/chats.sqlite3"),
        ("sqlite:///data/my%20chats.sqlite3", "/data/my chats.sqlite3"),
        ("chats.sqlite3", str(Path.cwd() / "chats.sqlite3")),
        ("~/chats.sqlite3", str(Path.home() / "chats.sqlite3")),
    ],
)
def test_a_store_url_is_a_path(url: str, path: str) -> None:
    assert store_path(url) == Path(path)


def test_by_default_chats_are_in_the_jupyter_data_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
    assert store_path("") == tmp_path / "jupyter_aichat" / "chats.sqlite3"


@pytest.mark.parametrize("url", ["sqlite://host/path", "sqlite://", "mysql://x"])
def test_a_store_that_does_not_exist_is_refused_by_name(url: str) -> None:
    with pytest.raises(NotReady, match="store_url"):
        store_path(url)


@pytest.mark.parametrize("url", ["http://localhost", "redis://:secret@/0", "redis+sentinel://:secret@localhost"])
def test_a_redis_that_means_nothing_is_refused_without_its_password(tmp_path: Path, url: str) -> None:
    with pytest.raises(NotReady, match="redis_url") as refused:
        build(Settings(store_url=str(tmp_path / "x"), redis_url=url))
    assert "secret" not in str(refused.value)


def test_redis_takes_its_settings_from_the_configuration(tmp_path: Path) -> None:
    app = Configurable(config=Config({"RedisConnection": {"prefix": "lab:", "timeout_s": 0.5}}))
    engine = build(Settings(str(tmp_path / "x"), "redis://127.0.0.1:1", parent=app))
    connection = engine._bus._connection  # type: ignore[attr-defined]
    assert connection.key("run", "r1").startswith("lab:{b")
    assert connection.timeout_s == 0.5
    assert engine._cache._connection is connection  # type: ignore[attr-defined]


@pytest.mark.parametrize("url", ["mongodb://localhost/chats", "mongodb+srv://ada:secret@chats.example/?tls=true"])
def test_a_mongodb_url_makes_a_store_of_mongodb_configured_by_its_traits(url: str) -> None:
    config = Config({"MongoStore": {"database": "mine", "lists_from": "secondaryPreferred"}})
    store = make_store(Settings(store_url=url, parent=Configurable(config=config)))
    assert isinstance(store, MongoStore)
    assert (store.database, store.lists_from) == ("mine", "secondaryPreferred")
    assert MongoStore in CONFIGURABLES


def test_building_opens_nothing(tmp_path: Path) -> None:
    build(Settings(store_url=str(tmp_path / "x" / "chats.sqlite3")))
    assert list(tmp_path.iterdir()) == []
