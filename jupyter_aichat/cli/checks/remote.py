"""The doctor's look, from somebody's own Jupyter server, at the service that it forwards to."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from time import perf_counter
from typing import Any, cast

from jupyter_aichat._version import __version__
from jupyter_aichat.cli.checks.finding import Finding
from jupyter_aichat.errors import AIChatError
from jupyter_aichat.remote import http
from jupyter_aichat.remote.address import base_url, shown
from jupyter_aichat.remote.credentials import OwnToken
from jupyter_aichat.remote.exchange import Asked, Fault
from jupyter_aichat.remote.hub import TOKEN
from jupyter_aichat.remote.mode import RemoteMode

_MOST_BYTES = 1024 * 1024
_URL = "RemoteMode.service_url (AICHAT_SERVICE_URL) is the service's address."


async def remote(mode: RemoteMode) -> AsyncIterator[Finding]:
    """Yield whether it is there, of which version, how far, and whether it lets us in."""
    base = base_url(mode.service_url, allow_http=mode.allow_http)
    try:
        tls = await asyncio.to_thread(http.trust, base, mode.ca_file)
    except OSError as error:
        yield Finding("remote", "fail", f"RemoteMode.ca_file cannot be read: {error.strerror or error}.")
        return
    client = http.Client(base, tls, mode.connect_timeout_s, mode.timeout_s)
    try:
        found = await _service(client, shown(base))
        yield found
        if found.level != "fail":
            yield await _token(client, mode)
    except Fault as fault:
        yield Finding("remote", "fail", f"{shown(base)}: {fault.kind.value}.", _URL)
    finally:
        await client.close()


async def _service(client: http.Client, where: str) -> Finding:
    await _get(client, "/health")  # connects
    begun = perf_counter()
    status, health = await _get(client, "/health")
    ms = (perf_counter() - begun) * 1000
    if status != 200 or "version" not in health:
        return Finding("remote", "fail", f"{where} answers, and is no chat service ({status}).", _URL)
    version = str(health["version"])
    what = f"{where} is {version}, {ms:.1f} ms away."
    if health.get("state") != "ready":
        return Finding("remote", "fail", f"{what} It does not serve: {health.get('code') or health.get('state')}.")
    if version.split(".")[:2] != __version__.split(".")[:2]:
        return Finding("remote", "warn", f"{what} This is {__version__}.", "Use one version on both sides.")
    return Finding("remote", "ok", what)


async def _token(client: http.Client, mode: RemoteMode) -> Finding:
    token = os.environ.get(TOKEN, "") if not (mode.token or mode.token_file) else ""
    try:
        token = token or await OwnToken(mode).token(cast("Any", None))
    except AIChatError as error:
        return Finding("token", "fail", error.message)
    status, me = await _get(client, "/me", token)
    if status == 200:
        return Finding("token", "ok", f"The service lets {me.get('name', 'its bearer')} in.")
    if status in (401, 403):
        return Finding(
            "token", "fail", f"The service does not take the token ({status}).",
            "Make a new one on the service's page, under Tokens.",
        )  # fmt: skip
    return Finding("token", "warn", f"The service answers {status}.", "Its log says why.")


async def _get(client: http.Client, target: str, token: str | None = None) -> tuple[int, dict[str, Any]]:
    """Return the status, and what was answered, if that is JSON of ours."""
    answer = await client.ask(Asked("GET", target), token)
    try:
        body = json.loads(await answer.whole(_MOST_BYTES))
    except ValueError:
        body = None
    finally:
        answer.close()
    return answer.status, body if isinstance(body, dict) else {}
