"""Asking the routes of accounts as a script would; each answer is checked against the published document."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx

from tests.server import documents
from tests.service_app.process import PASSWORD, Service

COOKIE = "aichat_refresh"


def ask(client: httpx.Client, method: str, path: str, body: Any = None, **kwargs: Any) -> httpx.Response:
    """Ask, and check that such an answer is documented."""
    if body is not None:
        kwargs["json"] = body
    answer = client.request(method, path, **kwargs)
    is_json = answer.headers.get("Content-Type", "").startswith("application/json")
    documents.check_answer(method, path, answer.status_code, answer.json() if is_json and answer.content else {})
    return answer


def told(answer: httpx.Response) -> tuple[int, str]:
    """Return status and code of a refusal."""
    return answer.status_code, answer.json()["code"]


def fresh_name(stem: str = "person") -> str:
    """Return a name that nobody has."""
    return f"{stem}-{uuid4().hex[:12]}"


def registered(service: Service, name: str | None = None, password: str = PASSWORD) -> str:
    """Register somebody over the wire; return the name."""
    name = name or fresh_name()
    answer = ask(service.http, "POST", "/auth/register", {"username": name, "password": password})
    assert answer.status_code == 201, answer.text
    return name


def login(client: httpx.Client, name: str, password: str = PASSWORD, **more: Any) -> dict[str, Any]:
    """Log somebody in."""
    answer = ask(client, "POST", "/auth/login", {"username": name, "password": password, **more})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def somebody(service: Service) -> tuple[str, dict[str, Any], httpx.Client]:
    """Register and log in; return the name, the grant, and a client with its access token."""
    name = registered(service)
    grant = login(service.http, name)
    return name, grant, service.client(grant["access_token"])
