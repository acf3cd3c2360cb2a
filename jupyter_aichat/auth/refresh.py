"""Refresh tokens: ``<session>.<secret>.<seal>``.

The secret is random for a session's first token, and for the next ones made from the one before and the attempt, so that
the same attempt gets the same answer though only hashes are kept. The seal tells an old token of ours, which somebody has
stolen or lost, from one that somebody made up, who must not be able to end a session.
"""

from __future__ import annotations

import base64
import hmac
import re
import secrets
from collections.abc import Iterator, Sequence

from jupyter_aichat.auth.keys import Key
from jupyter_aichat.domain.ids import SessionId

_FORM = re.compile(r"(?P<session>[0-9A-Za-z]{1,32})\.(?P<secret>[\w-]{43})\.(?P<seal>[\w-]{43})", re.ASCII)


class RefreshTokens:
    """Makes and recognises refresh tokens; the first key makes, all recognise."""

    def __init__(self, keys: Sequence[Key]) -> None:
        self._keys = [key.derive("refresh") for key in keys]

    def first(self, session: SessionId) -> str:
        """Return the first token of a session."""
        return self._sealed(self._keys[0], session, secrets.token_urlsafe(32))

    def after(self, token: str, attempt: str) -> Iterator[str]:
        """Return the token that comes after one by an attempt: first as made now, then as made with older keys."""
        session = self.session_of(token)
        assert session is not None
        for key in self._keys:
            yield self._sealed(key, session, _mac(key, "next", token, attempt))

    def session_of(self, token: str) -> SessionId | None:
        """Return the session that a token names; None for what has not its form."""
        found = _FORM.fullmatch(token)
        return None if found is None else SessionId(found["session"])

    def is_ours(self, token: str) -> bool:
        """Whether we made it, with a key that we still have."""
        body, _, seal = token.rpartition(".")
        return any(hmac.compare_digest(_mac(key, "seal", body).encode(), seal.encode()) for key in self._keys)

    def _sealed(self, key: bytes, session: SessionId, secret: str) -> str:
        body = f"{session}.{secret}"
        return f"{body}.{_mac(key, 'seal', body)}"


def _mac(key: bytes, *words: str) -> str:
    digest = hmac.digest(key, "\0".join(words).encode(), "sha256")
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
