"""The doctor's look at the JupyterHub that the service belongs to, if it belongs to one."""

from __future__ import annotations

from collections.abc import AsyncIterator

from jupyter_aichat.cli.finding import Finding
from jupyter_aichat.errors import NotReady
from jupyter_aichat.service.hub_client import HubClient
from jupyter_aichat.service.hub_mode import HubMode

_NOBODYS = "asked-by-the-doctor"


async def hub(mode: HubMode) -> AsyncIterator[Finding]:
    """Yield whether the Hub answers."""
    client = HubClient(mode.api_url)
    try:
        mode.check()
        await client.whose(_NOBODYS)
    except NotReady as error:
        todo = "Is HubMode.api_url (JUPYTERHUB_API_URL) the Hub's REST interface, as seen from this machine?"
        yield Finding("hub", "fail", error.message, todo)
    else:
        yield Finding("hub", "ok", f"JupyterHub answers at {mode.api_url}; the service is {mode.base_url} there.")
    finally:
        await client.close()
