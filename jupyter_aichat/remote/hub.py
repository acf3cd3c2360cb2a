"""Whose token goes along under a JupyterHub: the server's own for the person whose server it is, else the visitor's.

Somebody who looks into another's server (an administrator, or with whom it is shared) is never taken for its owner: what goes
along is what the Hub gave that person's browser for this server, and what it may do at the service is for the Hub to say.
"""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from jupyter_server.base.handlers import JupyterHandler

from jupyter_aichat.errors import Forbidden, Unauthenticated
from jupyter_aichat.remote.credentials import Credentials
from jupyter_aichat.remote.faults import refused_hub_token
from jupyter_aichat.remote.mode import RemoteMode
from jupyter_aichat.server.identity import KERNEL_USER

USER = "JUPYTERHUB_USER"
HOST, BASE_URL = "JUPYTERHUB_HOST", "JUPYTERHUB_BASE_URL"
TOKEN = "JUPYTERHUB_API_TOKEN"  # noqa: S105 (a variable's name)


class HubTokens:
    """The tokens that the Hub gave: to this server, and to those who visit it."""

    def __init__(self, owner: str, token: str) -> None:
        self._owner, self._token = owner, token

    async def token(self, asker: JupyterHandler) -> str:
        """Return the token of who asks; raises `Forbidden` for somebody whom the Hub does not know."""
        who = asker.current_user
        if who is KERNEL_USER:
            return self._token
        known = getattr(who, "hub_user", None) or {}
        if (known.get("kind"), known.get("name")) == ("user", self._owner):
            return self._token
        hub_auth = getattr(asker.identity_provider, "hub_auth", None)
        visitors = hub_auth.get_token(asker) if known and hub_auth is not None else None
        if not visitors:
            raise Forbidden("The chat in this server is for the person whose server it is.")
        return str(visitors)

    def refused(self, token: str) -> None:
        """Keep it: the Hub may let it in again."""

    def refusal(self, url: str) -> Unauthenticated:
        """Send the person to the Hub, which makes these tokens when a server starts."""
        return refused_hub_token(url)


def hub_page(service_url: str) -> str:
    """Return where the Hub shows the page of a service of its own, "" for another one, or where no Hub has started this server.

    Servers may ask the service itself, where no browser comes; the Hub shows it below the same path.
    """
    services = f"{os.environ.get(BASE_URL, '/').rstrip('/')}/services/"
    path = urlsplit(service_url).path
    if not os.environ.get(USER) or not path.startswith(services):
        return ""
    return f"{os.environ.get(HOST, '')}{path}"


def hub_credentials(mode: RemoteMode) -> Credentials | None:
    """Return the Hub's tokens where a Hub has started this server, and its operator names no other token."""
    owner, token = os.environ.get(USER, ""), os.environ.get(TOKEN, "")
    if not owner or not token or mode.token or mode.token_file:
        return None
    return HubTokens(owner, token)
