"""Which JupyterHub the service belongs to, if any."""

from __future__ import annotations

import os
from urllib.parse import quote, urlsplit

from traitlets import Unicode, default
from traitlets.config import Configurable

from jupyter_aichat.auth.hub import HubScopes
from jupyter_aichat.errors import NotReady


class HubMode(Configurable):
    """Let the people of a JupyterHub in, by the Hub's tokens, instead of keeping accounts with passwords.

    The Hub tells a service that it starts all of this in the environment; elsewhere the first two are set.
    """

    service_name = Unicode(
        help="The service's name in the Hub's configuration, such as aichat. Default: JUPYTERHUB_SERVICE_NAME, else none: the "
        "service has accounts of its own."
    ).tag(config=True)
    api_url = Unicode(
        help="The Hub's REST interface, such as http://hub:8081/hub/api. Default: JUPYTERHUB_API_URL."
    ).tag(config=True)
    prefix = Unicode(
        help="Where the service is below the Hub's address. Default: JUPYTERHUB_SERVICE_PREFIX, else /services/ and its name."
    ).tag(config=True)
    admin_scope = Unicode(
        "custom:aichat:admin", help="The scope of the Hub that makes somebody an administrator of the chat."
    ).tag(config=True)

    @default("service_name")
    def _service_name_default(self) -> str:
        return os.environ.get("JUPYTERHUB_SERVICE_NAME", "")

    @default("api_url")
    def _api_url_default(self) -> str:
        return os.environ.get("JUPYTERHUB_API_URL", "")

    @default("prefix")
    def _prefix_default(self) -> str:
        base = os.environ.get("JUPYTERHUB_BASE_URL", "/").rstrip("/")
        return os.environ.get("JUPYTERHUB_SERVICE_PREFIX", "") or f"{base}/services/{quote(self.service_name)}/"

    @property
    def base_url(self) -> str:
        """The prefix, with a slash at both ends."""
        return f"/{self.prefix.strip('/')}/"

    @property
    def address(self) -> tuple[str | None, int | None]:
        """Where a Hub that starts the service wants it to listen."""
        parts = urlsplit(os.environ.get("JUPYTERHUB_SERVICE_URL", ""))
        return parts.hostname, parts.port

    @property
    def scopes(self) -> HubScopes:
        """The scopes that mean something here."""
        use = frozenset({"access:services", f"access:services!service={self.service_name}"})
        return HubScopes(use, self.admin_scope)

    def check(self) -> None:
        """Raise `NotReady` for what an operator has to mend."""
        try:
            parts = urlsplit(self.api_url)
            valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            valid = False
        if not valid:
            raise NotReady(
                "The service belongs to a JupyterHub: set HubMode.api_url or JUPYTERHUB_API_URL to the address of the Hub's REST "
                "interface, such as http://hub:8081/hub/api."
            )


def hub_mode(parent: Configurable) -> HubMode | None:
    """Return the settings where the service belongs to a Hub, else None."""
    mode = HubMode(parent=parent)
    return mode if mode.service_name else None
