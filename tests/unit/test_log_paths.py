"""Addresses in the log: ids and words of ours are shown, what may let somebody in is not."""

from __future__ import annotations

import pytest

from jupyter_aichat.auth.opaque import PERSONAL, SHARE, new_token
from jupyter_aichat.domain.ids import new_id
from jupyter_aichat.logs.paths import shown_path

CHAT = f"/api/aichat/v1/chats/{new_id()}/messages"


@pytest.mark.parametrize(
    "path",
    [CHAT, "/", "", "/chats//", "/assets/SharedMessage-5EJCDYWD.js.gz", "/assets/page.2f1a0c.css", "/nowhere"],
    ids=["chat", "root", "empty", "slashes", "compressed", "asset", "elsewhere"],
)
def test_what_is_ours_is_shown(path: str) -> None:
    assert shown_path(path) == path


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (f"/tokens/{new_token(PERSONAL)}", "/tokens/…"),
        (f"/{new_token(SHARE)}/events", "/…/events"),
        ("/shared/short/events", "/shared/…/events"),
        ("/sessions/" + "a" * 16 + "." + "b" * 43 + "." + "c" * 22, "/sessions/…"),
        ("/chats/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln", "/chats/…"),
        ("/hub/" + "0f" * 16, "/hub/…"),
        ("/a\x1b[2J\nb", "/a?[2J?b"),
    ],
    ids=[
        "personal token",
        "link",
        "what may be a short link",
        "opaque",
        "jwt",
        "hash",
        "escape",
    ],  # some are made anew each time
)
def test_what_may_be_secret_or_steer_a_terminal_is_not(path: str, shown: str) -> None:
    assert shown_path(path) == shown
