"""Where the service is and how it is asked: the settings of remote mode."""

from __future__ import annotations

import os

from traitlets import Bool, Float, Unicode, default
from traitlets.config import Configurable

SERVICE_URL = "AICHAT_SERVICE_URL"
SERVICE_TOKEN = "AICHAT_SERVICE_TOKEN"  # noqa: S105 (a variable's name)


class RemoteMode(Configurable):
    """Forward the chat to a service instead of keeping it here."""

    service_url = Unicode(
        help="The service that keeps the chats, such as https://chat.example.org. Default: AICHAT_SERVICE_URL, else none: "
        "chats are kept here."
    ).tag(config=True)
    token = Unicode(
        help="The person's access token at the service. Better in a file or in the keyring. Default: "
        "AICHAT_SERVICE_TOKEN, which is taken out of the environment that kernels and terminals inherit."
    ).tag(config=True)
    token_file = Unicode(
        help="A file with the token, readable by its owner alone (0600). Without it and without a token the keyring is "
        "asked, if the package `keyring` is installed: `keyring set jupyter_aichat <service_url>`."
    ).tag(config=True)
    page_url = Unicode(
        help="The service's page as browsers reach it, for the links of shares: an address, or a path of this server's. Default: "
        "service_url; under a JupyterHub its path, if that is one of the Hub's services."
    ).tag(config=True)
    allow_http = Bool(
        False, help="Send the token without TLS to another machine, where everybody in between can read it."
    ).tag(config=True)
    ca_file = Unicode(
        help="The certificates that the service is checked against. Default: those that the system trusts."
    ).tag(config=True)
    connect_timeout_s = Float(5.0, help="Seconds until a connection must stand, a socket's with its handshake.").tag(
        config=True
    )
    timeout_s = Float(30.0, help="Seconds without a byte of an answer; the service sends one at least every 15 s.").tag(
        config=True
    )

    @default("service_url")
    def _service_url_default(self) -> str:
        return os.environ.get(SERVICE_URL, "")

    @default("token")
    def _token_default(self) -> str:
        return "" if self.token_file else os.environ.get(SERVICE_TOKEN, "")


def configured(parent: Configurable) -> RemoteMode | None:
    """Return the settings where a service is named, else None.

    The token leaves the environment in any case: children inherit that.
    """
    mode = RemoteMode(parent=parent)
    _ = mode.token  # read while it is there
    os.environ.pop(SERVICE_TOKEN, None)
    return mode if mode.service_url else None
