"""What the server's configuration files and the environment say, for an engine in a kernel."""

from __future__ import annotations

import os

from jupyter_core.application import JupyterApp

from jupyter_aichat.errors import NotReady
from jupyter_aichat.wiring import Settings

_ENVIRONMENT = {
    "store_url": "AICHAT_STORE_URL",
    "redis_url": "AICHAT_REDIS_URL",
    "default_model": "AICHAT_DEFAULT_MODEL",
    "local_owner": "AICHAT_OWNER",
}
_LOCAL_OWNER = "local"


class _Configuration(JupyterApp):
    """Reads the files that the server reads; what is broken there is the server's to tell."""

    name = "jupyter_aichat"
    config_file_name = "jupyter_server_config"
    raise_config_file_errors = False

    def load(self) -> None:
        """Read the general, the server's and our own files."""
        self.load_config_file()
        self.config_file_name = "jupyter_aichat_config"
        self.load_config_file()


def read_configuration() -> tuple[Settings, str]:
    """Return what to build, and whose chats they are; blocks on files.

    Raises `NotReady` where they are kept by a service: a kernel has no token for it.
    """
    configuration = _Configuration(log_level="CRITICAL")
    configuration.load()

    def value(trait: str) -> str:
        return str(configuration.config.AIChatApp.get(trait) or os.environ.get(_ENVIRONMENT[trait], ""))

    if service := configuration.config.RemoteMode.get("service_url"):
        raise NotReady(f"The chats are kept at {service}: use this notebook under a Jupyter server, which leads there.")
    settings = Settings(value("store_url"), value("redis_url"), value("default_model"), parent=configuration)
    return settings, value("local_owner") or _LOCAL_OWNER
