"""The doctor's look at the JupyterHub that the service belongs to, if it belongs to one."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

from jupyter_aichat.cli.checks.finding import Finding
from jupyter_aichat.errors import NotReady
from jupyter_aichat.service.hub_client import HubClient
from jupyter_aichat.service.hub_mode import HubMode

_NOBODYS = "asked-by-the-doctor"
_TOKEN = "JUPYTERHUB_API_TOKEN"  # noqa: S105 (a variable's name)


async def hub(mode: HubMode) -> AsyncIterator[Finding]:
    """Yield whether the Hub answers."""
    client = HubClient(mode.api_url)
    try:
        mode.check()
        await client.whose(_NOBODYS)
        finding = await _own_token(client)
    except NotReady as error:
        todo = "Is HubMode.api_url (JUPYTERHUB_API_URL) the Hub's REST interface, as seen from this machine?"
        yield Finding("hub", "fail", error.message, todo)
    else:
        yield Finding("hub", "ok", f"JupyterHub answers at {mode.api_url}; the service is {mode.base_url} there.")
        if finding is not None:
            yield finding
    finally:
        await client.close()


async def _own_token(client: HubClient) -> Finding | None:
    """Whether the Hub knows the token that it gave the service, where it gave one."""
    token = os.environ.get(_TOKEN, "")
    if not token:
        return None
    whose = await client.whose(token)
    if whose is None:
        return Finding(
            "hub", "fail", f"It does not know the service's token ({_TOKEN}).",
            "Give the service the api_token that its entry in c.JupyterHub.services has.",
        )  # fmt: skip
    return Finding(
        "hub", "ok", f"The token is of the {whose.kind} {whose.name}, for: {', '.join(whose.scopes) or 'nothing'}."
    )
