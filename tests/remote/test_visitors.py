"""Whose token goes along under a Hub: the owner's for the owner alone, whoever else looks in, and whatever they are called."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from jupyter_aichat.errors import Forbidden
from jupyter_aichat.remote.hub import HubTokens, hub_credentials
from jupyter_aichat.remote.mode import RemoteMode
from jupyter_aichat.server.identity import KERNEL_USER

OWNERS = "of-adas-server"
OWNER = {"kind": "user", "name": "ada"}


def asks(hub_user: Any, brings: str | None = None) -> Any:
    """What the Hub says of who asks, and the token that their browser has for this server."""
    hub_auth = SimpleNamespace(get_token=lambda _: brings)
    who = SimpleNamespace(hub_user=hub_user)
    return SimpleNamespace(current_user=who, identity_provider=SimpleNamespace(hub_auth=hub_auth))


def token(asker: Any) -> str:
    return asyncio.run(HubTokens("ada", OWNERS).token(asker))


def test_the_owner_and_her_kernels_ask_with_her_servers_token() -> None:
    assert token(asks(OWNER, "of-her-browser")) == OWNERS
    assert token(SimpleNamespace(current_user=KERNEL_USER)) == OWNERS


@pytest.mark.parametrize(
    "visitor",
    [
        {"kind": "user", "name": "grace", "admin": True, "scopes": ["access:servers"]},
        {"kind": "user", "name": "Ada"},
        {"kind": "service", "name": "ada"},
        {"name": "ada"},
    ],
)
def test_who_looks_in_brings_a_token_or_gets_nothing(visitor: dict[str, Any]) -> None:
    assert token(asks(visitor, "of-the-visitor")) == "of-the-visitor"
    with pytest.raises(Forbidden):
        token(asks(visitor))


@pytest.mark.parametrize("unknown", [None, {}])
def test_whom_the_hub_does_not_know_gets_nothing(unknown: Any) -> None:
    with pytest.raises(Forbidden):
        token(asks(unknown, "some-token"))
    with pytest.raises(Forbidden):
        token(SimpleNamespace(current_user="ada", identity_provider=SimpleNamespace()))


@pytest.mark.parametrize("own", [{"token": "t"}, {"token_file": "f"}])
def test_a_token_that_the_operator_names_is_no_matter_of_the_hubs(
    own: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTERHUB_USER", "ada")
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", OWNERS)
    assert hub_credentials(RemoteMode(service_url="https://a", **own)) is None
    assert hub_credentials(RemoteMode(service_url="https://a")) is not None
