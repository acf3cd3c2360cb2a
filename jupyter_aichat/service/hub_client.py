"""Asks JupyterHub whose a token is. The one place where the service meets the Hub's REST interface."""

from __future__ import annotations

import re

import aiohttp
import msgspec

from jupyter_aichat.auth.hub import HubUser
from jupyter_aichat.errors import NotReady

TIMEOUT_S = 2.5
"""Until the whole answer is there: who asks us hears of a Hub that hangs within three seconds."""
_AT_ONCE = 50
_MOST_BYTES = 1024 * 1024
_TOKEN = re.compile(r"[!-~]{1,1024}")


class _Info(msgspec.Struct):
    display_name: str | None = None
    name: str | None = None


class _Reply(msgspec.Struct):
    name: str
    kind: str
    scopes: tuple[str, ...]
    groups: tuple[str, ...] | None = None
    user_info: _Info | None = None


_reply = msgspec.json.Decoder(_Reply)


class HubClient:
    """Asks one Hub, as the bearer of the token that it asks about: it needs no permission of its own."""

    def __init__(self, api_url: str) -> None:
        self._url = f"{api_url.rstrip('/')}/user"
        self._session: aiohttp.ClientSession | None = None

    async def whose(self, token: str) -> HubUser | None:
        """Return what the Hub says of a token, None where it is no valid one; raises `NotReady`."""
        if not _TOKEN.fullmatch(token):
            return None
        try:
            status, body = await self._get(token)
        except (aiohttp.ClientError, TimeoutError, OSError):
            raise NotReady("JupyterHub does not answer; try again in a moment.") from None
        if status in (401, 403):
            return None
        try:
            if status != 200:
                raise ValueError
            reply = _reply.decode(body)
        except ValueError:
            raise NotReady("JupyterHub does not say who this is; try again in a moment.") from None
        info = reply.user_info or _Info()
        return HubUser(reply.name, reply.kind, reply.scopes, info.display_name or info.name or "", reply.groups)

    async def _get(self, token: str) -> tuple[int, bytes]:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=_AT_ONCE),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
            )
        headers = {"Authorization": f"token {token}", "Accept": "application/json"}
        async with self._session.get(self._url, headers=headers, allow_redirects=False) as answer:
            body = bytearray()
            async for piece in answer.content.iter_any():
                body += piece
                if len(body) > _MOST_BYTES:
                    return 502, b""
            return answer.status, bytes(body)

    async def close(self) -> None:
        """Close all connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()
