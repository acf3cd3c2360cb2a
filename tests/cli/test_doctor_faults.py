"""The doctor and real faults: certificates, proxies, servers that hang, a full Redis, extensions that are off; and no secret."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from redis import Redis

from jupyter_aichat._version import __version__
from jupyter_aichat.cli.checks import together
from jupyter_aichat.tracing import switch
from tests import certificates
from tests.cli.conftest import Run
from tests.collector import collecting
from tests.redis_server import RedisServer

Look = Callable[..., dict[str, list[str]]]


@pytest.fixture
def look(run: Run, models: str) -> Look:
    """Let the doctor look; return what it finds of each part, as `level: sentence`."""

    def look(*arguments: str) -> dict[str, list[str]]:
        given = any(each.startswith("--OllamaProvider.url") for each in arguments)
        found: dict[str, list[str]] = {}
        for row in run("doctor", "--json", *arguments, *(() if given else (models,))).rows:
            found.setdefault(row["part"], []).append(f"{row['level']}: {row['what']} {row['todo']}")
        return found

    return look


@pytest.fixture
def mute() -> Iterator[int]:
    """A port where somebody listens and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


# The way to the service


@pytest.mark.parametrize(
    ("days", "named", "level", "words"),
    [
        (90, True, "ok", "127.0.0.1"),
        (10, True, "warn", "ends in 10 days"),
        (-1, True, "fail", "expired"),
        (90, False, "fail", "no names"),
    ],
)
def test_a_certificate(look: Look, own_folders: Path, days: int, named: bool, level: str, words: str) -> None:
    made = certificates.make(own_folders, days, named=named)
    first = look("--ip=0.0.0.0", f"--certfile={made.certfile}", f"--keyfile={made.keyfile}")["front"][0]
    assert first.startswith(level)
    assert words in first


def test_a_key_of_another_certificate(look: Look, own_folders: Path) -> None:
    (own_folders / "other").mkdir()
    one, other = certificates.make(own_folders, 90), certificates.make(own_folders / "other", 90)
    (found,) = look(f"--certfile={one.certfile}", f"--keyfile={other.keyfile}")["front"]
    assert found.startswith("fail: The certificate cannot be used")


@pytest.mark.parametrize(("proxy", "word"), [("0.0.0.0/0", "whoever"), ("10.0.0.1/8", "host bits"), ("nginx", "nginx")])
def test_proxies_that_are_none_or_everybody(look: Look, proxy: str, word: str) -> None:
    found = look(f"--AIChatApp.trusted_proxies={proxy}")["front"][0]
    assert found.startswith("fail")
    assert word in found


# What it talks to


def test_those_that_hang_are_given_up_all_at_once(
    look: Look, mute: int, monkeypatch: pytest.MonkeyPatch, own_folders: Path
) -> None:
    monkeypatch.setattr(together, "CHECK_S", 1.0)
    here = f"127.0.0.1:{mute}"
    begun = time.monotonic()
    found = look(
        f"--OllamaProvider.url=http://{here}", f"--store-url=mongodb://{here}/chats", f"--redis-url=redis://{here}",
        "--RedisConnection.timeout_s=9", "--RedisConnection.connect_timeout_s=9", "--MongoStore.selection_timeout_s=9",
    )  # fmt: skip
    assert time.monotonic() - begun < 4.5
    for part in ("models", "store", "redis"):
        assert any(each.startswith("fail: It did not answer within 1 s") for each in found[part]), found[part]


def test_a_redis_that_throws_away_what_it_likes(look: Look, redis: RedisServer) -> None:
    with Redis.from_url(redis.url) as client:
        assert look(f"--redis-url={redis.url}")["redis"][0].startswith("ok")
        client.config_set("maxmemory", "100mb")
        client.config_set("maxmemory-policy", "allkeys-lru")
        try:
            first = look(f"--redis-url={redis.url}")["redis"][0]
        finally:
            client.config_set("maxmemory-policy", "noeviction")
            client.config_set("maxmemory", "0")
    assert first.startswith("warn: When it is full")
    assert "allkeys-lru" in first


def test_ollama_says_its_version(look: Look) -> None:
    assert "Ollama 0.13.0" in look()["models"][0]


def test_the_collector_of_traces(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "traces" not in look()
    with collecting() as collector:
        assert look(f"--AIChatApp.traces_url={collector.url}")["traces"][0].startswith("ok")
        assert collector.spans == []
    assert look("--AIChatApp.traces_url=http://127.0.0.1:9")["traces"][0].startswith("warn")
    assert look("--AIChatApp.traces_url=nonsense")["traces"][0].startswith("fail")
    monkeypatch.setattr(switch, "_NEEDED", ("opentelemetry.nowhere.at_all",))
    assert "pip install" in look("--AIChatApp.traces_url=http://127.0.0.1:9")["traces"][0]


# A person's own server


@pytest.fixture
def installed(own_folders: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What an installation puts into Jupyter's folders, in folders of our own, which count more than the environment's."""
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "0")
    panel = own_folders / "data" / "labextensions" / "jupyterlab-aichat"
    panel.mkdir(parents=True)
    (panel / "package.json").write_text(json.dumps({"version": __version__}))
    _write(own_folders / "config" / "jupyter_server_config.d" / "x.json", _extension(True))
    return own_folders / "config"


def _extension(on: bool) -> Any:
    return {"ServerApp": {"jpserver_extensions": {"jupyter_aichat": on}}}


def _write(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


def test_a_persons_own_server(look: Look, installed: Path) -> None:
    found = look("--personal")
    assert {part for part, said in found.items() if said[0].startswith("fail")} == set()
    assert not {"secret", "front", "registration", "accounts", "page"} & set(found)
    assert {"extension", "lab", "kernel", "store", "models"} <= set(found)


def test_extensions_that_are_off_or_of_another_version(look: Look, installed: Path) -> None:
    _write(installed / "jupyter_server_config.json", _extension(False))
    _write(installed / "labconfig" / "page_config.json", {"disabledExtensions": {"jupyterlab-aichat": True}})
    found = look("--personal")
    assert "jupyter server extension enable" in found["extension"][0]
    assert "jupyter labextension enable" in found["lab"][0]
    (installed / "labconfig" / "page_config.json").unlink()
    _write(installed.parent / "data" / "labextensions" / "jupyterlab-aichat" / "package.json", {"version": "0.0.1"})
    assert "version 0.0.1" in look("--personal")["lab"][0]


# Nothing secret


def test_no_password_is_said(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each address has one, and nobody is there."""
    word, here = "pa55w0rd-of-somebody", "127.0.0.1:9"
    monkeypatch.setenv("AICHAT_SERVICE_TOKEN", word)
    said = ""
    for arguments in (
        [f"--store-url=mongodb://me:{word}@{here}/chats", f"--redis-url=redis://me:{word}@{here}", f"--OllamaProvider.url=http://{here}",
         f"--AIChatApp.traces_url=http://me:{word}@{here}"],
        [f"--OllamaProvider.url=http://me:{word}@{here}"],
        [f"--store-url=mysql://me:{word}@{here}/chats"],
        [f"--RemoteMode.service_url=http://me:{word}@{here}"],
        [f"--RemoteMode.service_url=http://{here}"],
    ):  # fmt: skip
        for json_too in ((), ("--json",)):
            done = run("doctor", *json_too, "--MongoStore.call_timeout_s=0.2", *arguments)
            assert done.code in (1, 2)
            said += done.out + done.err
    assert word not in said
    assert urlsplit(f"http://{here}").netloc in said
