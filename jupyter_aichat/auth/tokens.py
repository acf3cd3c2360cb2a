"""Access tokens: short-lived JWTs. What signs and checks them is fixed by the secret file, never by a token."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import jwt
import msgspec

from jupyter_aichat.auth.keys import Key
from jupyter_aichat.domain.clock import now
from jupyter_aichat.domain.ids import OwnerId, SessionId
from jupyter_aichat.errors import NotReady, Unauthenticated

LONGEST_S = 15 * 60
_LEEWAY_S = 5
_MOST_CHARACTERS = 2048
_MOST_KNOWN = 4096
_REQUIRED = ["iss", "aud", "exp", "nbf", "iat", "jti", "sub", "sid"]
_HEADER = {"alg", "kid", "typ"}
INVALID = "This token is not valid; log in again."


class Claims(msgspec.Struct, frozen=True):
    """What an access token says: whose it is, of which session, and until when."""

    owner_id: OwnerId
    session_id: SessionId
    token_id: str
    expires_at: datetime


class AccessTokens:
    """Makes and checks access tokens.

    Parameters
    ----------
    keys
        The first signs, all are accepted.
    issuer
        Names this service; the audience is its API.
    life_s
        Seconds that a token is valid, at most a quarter of an hour.
    """

    def __init__(self, keys: Sequence[Key], issuer: str, life_s: int = LONGEST_S) -> None:
        if not keys or not 0 < life_s <= LONGEST_S:
            raise NotReady(f"Access tokens need a key and live 1 to {LONGEST_S} seconds.")
        self.life_s = life_s
        self._issuer, self._audience = issuer, f"{issuer}/api"
        self._signs = keys[0]
        self._known: dict[str, Claims] = {}
        self._private = {key.kid: _private(key) for key in keys}
        self._public = {key.kid: (key.algorithm, _public(key, self._private[key.kid])) for key in keys}

    def make(self, owner: OwnerId, session: SessionId, token_id: str, at: datetime) -> str:
        """Return a token of a moment; the same values make the same token."""
        begins = int(at.timestamp())
        claims = {
            "iss": self._issuer, "aud": self._audience, "sub": owner, "sid": session, "jti": token_id,
            "iat": begins, "nbf": begins, "exp": begins + self.life_s,
        }  # fmt: skip
        kid = self._signs.kid
        return jwt.encode(claims, self._private[kid], algorithm=self._signs.algorithm, headers={"kid": kid})

    def read(self, token: str) -> Claims:
        """Return what a valid token says; raises `Unauthenticated`, whatever is wrong with it.

        A signature is checked once: what a token says stays the same, but for its time.
        """
        known = self._known.get(token)
        if known is not None and now() < known.expires_at:
            return known
        try:
            found = self._read(token)
        except (jwt.PyJWTError, msgspec.MsgspecError, ValueError, OverflowError, TypeError, RecursionError):
            raise Unauthenticated(INVALID) from None
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known[token] = found
        return found

    def _read(self, token: str) -> Claims:
        if len(token) > _MOST_CHARACTERS or not token.isascii():
            raise Unauthenticated(INVALID)
        header = jwt.get_unverified_header(token)
        kid = header.get("kid")
        if not isinstance(kid, str) or kid not in self._public or header.keys() - _HEADER:
            raise Unauthenticated(INVALID)
        algorithm, key = self._public[kid]
        options: Any = {"require": _REQUIRED, "strict_aud": True}
        claims = jwt.decode(
            token, key, algorithms=[algorithm], audience=self._audience, issuer=self._issuer, leeway=_LEEWAY_S,
            options=options,
        )  # fmt: skip
        said = msgspec.convert(claims, _Said)
        if said.exp - said.iat > LONGEST_S:
            raise Unauthenticated(INVALID)
        return Claims(said.sub, said.sid, said.jti, datetime.fromtimestamp(said.exp, UTC))


class _Said(msgspec.Struct):
    sub: OwnerId
    sid: SessionId
    jti: str
    iat: int
    exp: int


def _private(key: Key) -> Any:
    if key.algorithm == "HS256":
        return key.material
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415
    except ImportError:
        raise NotReady("EdDSA keys need one more package: pip install 'jupyterlab-aichat[eddsa]'.") from None
    return Ed25519PrivateKey.from_private_bytes(key.material)


def _public(key: Key, private: Any) -> Any:
    return private if key.algorithm == "HS256" else private.public_key()
