"""Where the service may be and where its token may come from, and what is said of the rest."""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from jupyter_aichat.errors import NotFound, NotReady, Unauthenticated
from jupyter_aichat.remote.address import base_url, page_url, shown, target
from jupyter_aichat.remote.credentials import OwnToken
from jupyter_aichat.remote.exchange import Asked
from jupyter_aichat.remote.gateway import Gateway
from jupyter_aichat.remote.mode import RemoteMode, configured

HERE: Any = None
API = "/api/aichat/v1"


def _token(credentials: OwnToken) -> str:
    return asyncio.run(credentials.token(HERE))


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("https://chat.example.org", "https://chat.example.org"),
        ("https://chat.example.org/", "https://chat.example.org"),
        (" https://chat.example.org:8443/services/aichat/ ", "https://chat.example.org:8443/services/aichat"),
        ("https://chat.example.org/api/aichat/v1/", "https://chat.example.org"),
        ("https://chat.example.org/a%40b/", "https://chat.example.org/a%40b"),
        ("http://127.0.0.1:8888", "http://127.0.0.1:8888"),
        ("http://localhost:8888/", "http://localhost:8888"),
        ("http://[::1]:8888", "http://[::1]:8888"),
    ],
)
def test_addresses(url: str, base: str) -> None:
    assert base_url(url, allow_http=False) == base + API
    assert shown(base + API) == base


@pytest.mark.parametrize(
    "url",
    [
        "chat.example.org",
        "ftp://chat.example.org",
        "file:///etc/passwd",
        "https://",
        "https:///path",
        "https://ada:secret@chat.example.org",
        "https://chat.example.org/?q=1",
        "https://chat.example.org/#a",
        "https://chat.example.org:port",
        "https://[::1",
        "https://chät.example.org",
        "http://chat.example.org",
        "http://127.0.0.1.example.org",
        "http://localhost.example.org",
        "http://10.0.0.1",
    ],
)
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(NotReady) as caught:
        base_url(url, allow_http=False)
    assert "secret" not in str(caught.value)


def test_http_where_the_operator_wants_it() -> None:
    assert base_url("http://aichat:8790", allow_http=True) == f"http://aichat:8790{API}"


def test_targets() -> None:
    assert target("/chats/{chat_id}", {"chat_id": "a-b_c"}, {"q": "a&b"}) == "/chats/a-b_c?q=a%26b"
    with pytest.raises(NotFound):
        target("/chats/{chat_id}", {"chat_id": "{x}"}, {})


@pytest.mark.parametrize(
    ("told", "page"),
    [
        ("https://chat.example.org", "https://chat.example.org/"),
        (" http://chat.example.org:8790/team/ ", "http://chat.example.org:8790/team/"),
        ("/services/aichat", "/services/aichat/"),
        ("//evil.example", ""),
        ("javascript:alert(1)", ""),
        ("https://ada:secret@chat.example.org", ""),
        ("https://chat.example.org/?q=1", ""),
        ("https://[::1", ""),
        ("services/aichat", ""),
        ("", ""),
    ],
)
def test_where_the_page_is(told: str, page: str) -> None:
    assert page_url(told) == page


@pytest.mark.parametrize(
    ("environment", "settings", "page"),
    [
        ({}, {}, "http://127.0.0.1:8790/services/aichat/"),
        ({}, {"page_url": "https://chat.example.org"}, "https://chat.example.org/"),
        ({"JUPYTERHUB_USER": "ada"}, {}, "/services/aichat/"),
        ({"JUPYTERHUB_USER": "ada", "JUPYTERHUB_HOST": "https://h.org"}, {}, "https://h.org/services/aichat/"),
        ({"JUPYTERHUB_USER": "ada", "JUPYTERHUB_BASE_URL": "/lab/"}, {}, "http://127.0.0.1:8790/services/aichat/"),
        ({"JUPYTERHUB_USER": "ada"}, {"page_url": "https://chat.example.org"}, "https://chat.example.org/"),
    ],
)
def test_shares_lead_to_the_page_that_browsers_reach(
    no_environment: pytest.MonkeyPatch, environment: dict[str, str], settings: dict[str, str], page: str
) -> None:
    for name, value in environment.items():
        no_environment.setenv(name, value)
    mode = RemoteMode(service_url="http://127.0.0.1:8790/services/aichat", **settings)
    assert Gateway(mode, logging.getLogger("tests")).page == page


@pytest.fixture
def no_environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    of_a_hub = ("JUPYTERHUB_USER", "JUPYTERHUB_HOST", "JUPYTERHUB_BASE_URL")
    for name in ("AICHAT_SERVICE_URL", "AICHAT_SERVICE_TOKEN", *of_a_hub):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_without_a_service_there_is_no_remote_mode(no_environment: pytest.MonkeyPatch) -> None:
    no_environment.setenv("AICHAT_SERVICE_TOKEN", "secret")
    assert configured(RemoteMode()) is None
    assert "AICHAT_SERVICE_TOKEN" not in os.environ  # a secret all the same


def test_the_environment_tells_both_and_keeps_no_secret(no_environment: pytest.MonkeyPatch) -> None:
    no_environment.setenv("AICHAT_SERVICE_URL", "https://chat.example.org")
    no_environment.setenv("AICHAT_SERVICE_TOKEN", "secret")
    mode = configured(RemoteMode())
    assert mode is not None
    assert "AICHAT_SERVICE_TOKEN" not in os.environ
    assert (mode.service_url, _token(OwnToken(mode))) == ("https://chat.example.org", "secret")
    assert "secret" not in repr(mode)


@pytest.fixture
def token_file(tmp_path: Path, no_environment: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "token"
    path.write_text("first\n")
    path.chmod(0o600)
    return path


def test_a_file_is_read_again_once_its_token_is_refused(token_file: Path) -> None:
    credentials = OwnToken(RemoteMode(service_url="https://a", token_file=str(token_file)))
    assert _token(credentials) == "first"
    token_file.write_text("second\n")
    assert _token(credentials) == "first"
    credentials.refused("another")
    assert _token(credentials) == "first"
    credentials.refused("first")
    assert _token(credentials) == "second"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_file_that_others_can_read_is_refused(token_file: Path, mode: int) -> None:
    token_file.chmod(mode)
    with pytest.raises(Unauthenticated, match="chmod 600 token") as caught:
        _token(OwnToken(RemoteMode(service_url="https://a", token_file=str(token_file))))
    assert "first" not in str(caught.value)


@pytest.mark.parametrize("content", ["", "two words", "té", "x" * 5000, "a\nb"])
def test_a_file_holds_one_word(token_file: Path, content: str) -> None:
    token_file.write_text(content)
    with pytest.raises(Unauthenticated):
        _token(OwnToken(RemoteMode(service_url="https://a", token_file=str(token_file))))


def test_no_file_and_no_token(tmp_path: Path, no_environment: pytest.MonkeyPatch) -> None:
    with pytest.raises(Unauthenticated, match="No such file"):
        _token(OwnToken(RemoteMode(service_url="https://a", token_file=str(tmp_path / "none"))))
    no_environment.setitem(sys.modules, "keyring", None)  # as if it were not installed
    with pytest.raises(Unauthenticated, match="under Tokens"):
        _token(OwnToken(RemoteMode(service_url="https://a")))


def test_the_keyring_is_asked_last(no_environment: pytest.MonkeyPatch) -> None:
    keyring: Any = types.ModuleType("keyring")
    kept = {("jupyter_aichat", "https://a"): "of the keyring"}
    keyring.get_password = lambda service, user: kept[service, user].replace(" ", "-")
    no_environment.setitem(sys.modules, "keyring", keyring)
    assert _token(OwnToken(RemoteMode(service_url="https://a"))) == "of-the-keyring"
    assert _token(OwnToken(RemoteMode(service_url="https://a", token="set"))) == "set"
    with pytest.raises(Unauthenticated):  # one that is locked raises
        _token(OwnToken(RemoteMode(service_url="https://b")))


def test_certificates_are_checked_against_those_that_are_named(tmp_path: Path) -> None:
    from jupyter_aichat.remote.http import trust

    assert trust("https://a", "").verify_mode is ssl.CERT_REQUIRED
    assert trust("https://a", "").check_hostname
    with pytest.raises(OSError, match="No such file"):
        trust("https://a", str(tmp_path / "none"))


def test_an_address_with_a_password_is_never_shown(no_environment: pytest.MonkeyPatch) -> None:
    mode = RemoteMode(service_url="https://ada:secret@chat.example.org", token="secret")
    gateway = Gateway(mode, logging.getLogger("tests"))
    assert "secret" not in gateway.url
    asyncio.run(gateway.start())
    assert gateway.state == "failed"
    assert gateway.page == ""
    with pytest.raises(NotReady) as caught:
        asyncio.run(gateway.ask(HERE, Asked("GET", "/me")))
    assert "secret" not in str((caught.value, caught.value.details))
