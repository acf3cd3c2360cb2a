"""Accounts are of a service: a personal server has one owner and none of their routes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from tornado.httpclient import HTTPClientError

from jupyter_aichat.server.accounts.routes import ACCOUNT_ROUTES
from tests.server.client import API, Client


async def test_a_personal_server_has_no_accounts(client: Client, jp_fetch: Callable[..., Any]) -> None:
    routes = [(verb.upper(), route.path) for route in ACCOUNT_ROUTES for verb in route.verbs]
    for method, path in (*routes, ("PATCH", "/me"), ("DELETE", "/me")):
        body = b'{"password": "x"}' if (method, path) == ("DELETE", "/me") else None if method == "GET" else b"{}"
        segments = path.replace("{", "").replace("}", "").strip("/").split("/")
        with pytest.raises(HTTPClientError) as caught:
            await jp_fetch(*API, *segments, method=method, body=body, allow_nonstandard_methods=True)
        assert caught.value.response is not None
        found = caught.value.code, json.loads(caught.value.response.body)["code"]
        assert found == (404, "not_found"), (method, path)
    me = await client.get("/me")
    assert (me["preferences"], me["name"]) == ({}, "local")
