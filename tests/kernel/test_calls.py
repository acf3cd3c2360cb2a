"""Which paths a view may name."""

from __future__ import annotations

import re
from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jupyter_aichat.auth.scopes import ACCOUNT, ADMIN
from jupyter_aichat.errors import NotFound
from jupyter_aichat.kernel.calls import ROUTES, Call, parse_call
from jupyter_aichat.server.routes import ROUTES as SERVED

STREAMS = {"runs/{}/events", "events", "ws"}
FILES = {"chats/{}/export", "export", "import"}


def test_the_table_is_the_servers_without_its_streams_its_files_and_what_is_for_accounts_and_operators() -> None:
    served = {
        re.sub(r"\{\w+\}", "{}", route.path).lstrip("/"): {
            name for name, verb in route.verbs.items() if verb.needs not in (ACCOUNT, ADMIN)
        }
        for route in SERVED
        if not route.accounts_only
    }
    assert {route: {m.lower() for m in methods} for route, methods in ROUTES.items()} == {
        route: verbs for route, verbs in served.items() if verbs and route not in STREAMS | FILES
    }


def test_a_path_is_taken_apart_and_put_together() -> None:
    call = parse_call("GET", "/chats/a-b_9/messages?leaf=x%20y&limit=2&empty=")
    assert call == Call("GET", "chats/{}/messages", ("a-b_9",), (("leaf", "x y"), ("limit", "2"), ("empty", "")))
    assert call.path == "chats/a-b_9/messages?leaf=x+y&limit=2&empty="


@pytest.mark.parametrize("chat_id", ["..", ".", "", "a/b", "%2e", "a?b", "a#b", "x" * 65, "é", "a\n"])
def test_an_id_that_is_none_becomes_no_path(chat_id: str) -> None:
    with pytest.raises(NotFound):
        _ = Call("GET", "chats/{}", (chat_id,)).path


@given(st.sampled_from(["GET", "POST", "PATCH", "DELETE", "PUT"]), st.text("chats/.%2eF?&=#\\ \n\0é:@", max_size=30))
@example("GET", "chats/..")
@example("GET", "chats/%2e%2e")
@example("GET", "//example.org/chats")
@example("GET", "chats/a%2f..%2f..")
def test_no_path_leads_out_of_the_table(method: str, path: str) -> None:
    try:
        found = parse_call(method, path).path
    except NotFound:
        return
    place = unquote(found.partition("?")[0])
    patterns = [re.sub(r"\{\}", "[0-9A-Za-z_-]{1,64}", route) for route in ROUTES]
    assert any(re.fullmatch(pattern, place) for pattern in patterns)
