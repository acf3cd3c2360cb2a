"""Which JupyterHub the service belongs to, if any."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from urllib.parse import quote, urlsplit

from traitlets import Unicode, default
from traitlets.config import Configurable

from jupyter_aichat.auth.hub import HubScopes
from jupyter_aichat.auth.keys import LEAST_BYTES, Key
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

    use_scope = Unicode(
        "custom:aichat:use", help="A scope of the Hub that lets somebody chat, as the access to the service does."
    ).tag(config=True)
    read_scope = Unicode(
        "custom:aichat:read", help="The scope of the Hub that alone lets somebody read chats, and change nothing."
    ).tag(config=True)
    api_token_file = Unicode(
        help="A file with the service's own token, `api_token` in the Hub's configuration: with it people log in to the page. "
        "Default: the token in JUPYTERHUB_API_TOKEN, else none: there is no page."
    ).tag(config=True)
    hub_url = Unicode(
        help="Where browsers find the Hub: a path of the same address, or an address of its own. Default: JUPYTERHUB_HOST, then "
        "JUPYTERHUB_BASE_URL and hub/, mostly /hub/."
    ).tag(config=True)
    callback_url = Unicode(
        help="Where browsers come back to from the Hub, as the Hub has it. Default: JUPYTERHUB_OAUTH_CALLBACK_URL, else "
        "oauth_callback below the prefix."
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

    @default("hub_url")
    def _hub_url_default(self) -> str:
        base = os.environ.get("JUPYTERHUB_BASE_URL", "/").strip("/")
        return f"{os.environ.get('JUPYTERHUB_HOST', '')}/{base}/hub/".replace("//hub/", "/hub/")

    @default("callback_url")
    def _callback_url_default(self) -> str:
        return os.environ.get("JUPYTERHUB_OAUTH_CALLBACK_URL", "") or f"{self.base_url}oauth_callback"

    @property
    def client_id(self) -> str:
        """What the service is called where people log in."""
        return os.environ.get("JUPYTERHUB_CLIENT_ID", "") or f"service-{self.service_name}"

    @property
    def hub(self) -> str:
        """Where browsers find the Hub, with a slash at the end."""
        return f"{self.hub_url.rstrip('/')}/"

    @property
    def api_token(self) -> str:
        """The service's own token, empty where there is none; raises `NotReady` for a file that cannot be read."""
        if not self.api_token_file:
            return os.environ.get("JUPYTERHUB_API_TOKEN", "")
        path = Path(self.api_token_file).expanduser()
        try:
            return path.read_text().strip()
        except (OSError, UnicodeDecodeError):
            raise NotReady(f"HubMode.api_token_file: {path.name} cannot be read.") from None

    @property
    def key(self) -> Key | None:
        """A key that all replicas have without being told: of the token that they share; None where that could be guessed."""
        token = self.api_token.encode()
        if len(token) < LEAST_BYTES:
            return None
        return Key("hub", "HS256", hashlib.sha256(b"jupyter_aichat\0" + token).digest())

    @property
    def base_url(self) -> str:
        """The prefix, with a slash at both ends."""
        return f"/{self.prefix.strip('/')}/"

    @property
    def address(self) -> tuple[str | None, int | None]:
        """Where a Hub that starts the service wants it to listen."""
        parts = urlsplit(os.environ.get("JUPYTERHUB_SERVICE_URL", ""))
        return parts.hostname, parts.port

    def scopes(self, of_models: frozenset[str]) -> HubScopes:
        """Return the scopes that mean something here, those of the rules of models among them."""
        use = {"access:services", f"access:services!service={self.service_name}", self.use_scope} - {""}
        return HubScopes(frozenset(use), self.admin_scope, self.read_scope, of_models)

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
