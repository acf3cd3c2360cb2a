"""Asks JupyterHub whose a token is, and for one of who has logged in there.

The one place where the service meets the Hub's REST interface.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar

import aiohttp
import msgspec

from jupyter_aichat.auth.hub import HubUser
from jupyter_aichat.errors import NotReady

TIMEOUT_S = 2.5
"""Until the whole answer is there: who asks us hears of a Hub that hangs within three seconds."""
_AT_ONCE = 50
_MOST_BYTES = 1024 * 1024
_TOKEN = re.compile(r"[!-~]{1,1024}")

T = TypeVar("T")


class _Info(msgspec.Struct):
    display_name: str | None = None
    name: str | None = None


class _Reply(msgspec.Struct):
    name: str
    kind: str
    scopes: tuple[str, ...]
    groups: tuple[str, ...] | None = None
    user_info: _Info | None = None


class HubGrant(msgspec.Struct, frozen=True):
    """A token of the Hub for who has logged in there, and the seconds that it is good for."""

    access_token: str
    expires_in: int | None = None

    def __repr__(self) -> str:
        return "HubGrant()"


_reply = msgspec.json.Decoder(_Reply)
_grant = msgspec.json.Decoder(HubGrant)


class HubClient:
    """Asks one Hub, as the bearer of the token that it asks about: it needs no permission of its own."""

    def __init__(self, api_url: str) -> None:
        self._url = api_url.rstrip("/")
        self._session: aiohttp.ClientSession | None = None

    async def whose(self, token: str) -> HubUser | None:
        """Return what the Hub says of a token, None where it is no valid one; raises `NotReady`."""
        if not _TOKEN.fullmatch(token):
            return None
        status, body = await self._ask("GET", "/user", {"Authorization": f"token {token}"})
        if status in (401, 403):
            return None
        reply = _read(_reply, status, body)
        info = reply.user_info or _Info()
        return HubUser(reply.name, reply.kind, reply.scopes, info.display_name or info.name or "", reply.groups)

    async def grant(self, form: Mapping[str, str]) -> HubGrant | None:
        """Return what the Hub gives for a code of a login; None where it refuses; raises `NotReady`."""
        status, body = await self._ask("POST", "/oauth2/token", {}, form)
        return None if 400 <= status < 500 else _read(_grant, status, body)

    async def _ask(
        self, method: str, path: str, headers: Mapping[str, str], form: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=_AT_ONCE),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
            )
        headers = {**headers, "Accept": "application/json"}
        try:
            async with self._session.request(
                method, f"{self._url}{path}", headers=headers, data=form, allow_redirects=False
            ) as answer:
                return answer.status, await _bounded(answer)
        except (aiohttp.ClientError, TimeoutError, OSError):
            raise NotReady("JupyterHub does not answer; try again in a moment.") from None

    async def close(self) -> None:
        """Close all connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()


async def _bounded(answer: aiohttp.ClientResponse) -> bytes:
    """Return an answer's body; nothing of one that is too long."""
    body = bytearray()
    async for piece in answer.content.iter_any():
        body += piece
        if len(body) > _MOST_BYTES:
            return b""
    return bytes(body)


def _read(decoder: msgspec.json.Decoder[T], status: int, body: bytes) -> T:
    try:
        if status != 200:
            raise ValueError
        return decoder.decode(body)
    except ValueError:
        raise NotReady("JupyterHub does not say who this is; try again in a moment.") from None
