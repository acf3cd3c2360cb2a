"""The server extension: its settings, and when what starts and stops.

``initialize_*`` opens nothing. The start hook runs when the server listens already, and whatever it raised would only be
logged; the stop hook must neither raise nor linger. Both are `Lifecycle`'s business.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from jupyter_server.extension.application import ExtensionApp
from jupyter_server.serverapp import ServerApp

from jupyter_aichat import secret_file
from jupyter_aichat._version import __version__
from jupyter_aichat.domain.process import BOTH, Roles
from jupyter_aichat.errors import NotReady
from jupyter_aichat.logs.json_log import write_json
from jupyter_aichat.metrics.metrics import Metrics
from jupyter_aichat.remote.mode import SERVICE_URL, RemoteMode, configured
from jupyter_aichat.server.busy import Busy
from jupyter_aichat.server.host import Host
from jupyter_aichat.server.identity import local_principal
from jupyter_aichat.server.lifecycle import Lifecycle
from jupyter_aichat.server.routes import handlers
from jupyter_aichat.server.table import BASE
from jupyter_aichat.server.uploads import Uploads
from jupyter_aichat.settings import AppSettings
from jupyter_aichat.tracing import switch

if TYPE_CHECKING:
    from jupyter_aichat.auth.assembly import AccountService
    from jupyter_aichat.engine.engine import Engine
    from jupyter_aichat.engine.observer import Observer
    from jupyter_aichat.remote.gateway import Gateway
    from jupyter_aichat.wiring import Settings

WIRING = "jupyter_aichat.wiring"
KERNEL_URL = "JUPYTER_AICHAT_KERNEL_URL"
KERNEL_TOKEN = "JUPYTER_AICHAT_KERNEL_TOKEN"  # noqa: S105 (a variable's name)
_WILDCARDS = ("0.0.0.0", "::", "[::]", "*")  # noqa: S104 (never bound here: replaced by the loopback address)


class AIChatApp(AppSettings, ExtensionApp):
    """Chat with language models on your own machines."""

    name = "jupyter_aichat"
    description = "Chat with language models on your own machines"
    version = __version__
    told_service_url = ""
    """What kernels were told of the service, beyond what this process was told itself."""
    _busy: Busy | None = None

    def _config_file_name_default(self) -> str:
        return "jupyter_aichat_config"

    def initialize_settings(self) -> None:
        """Make what handlers need."""
        self.set_up_logs()
        self.host = Host(Lifecycle(self._make, self.log), local_principal(self.local_owner), self.log)
        self.host.json_log = self.logs == "json"
        self.host.uploads = Uploads(self.import_bytes)
        mode = configured(self)
        self.gateway = None if mode is None else self._make_gateway(mode)
        if self.gateway is not None:
            self._tell_pages(self.gateway.page)
        else:
            self.set_up_metrics("personal")
            try:
                self.set_up_tracing()
            except NotReady as error:
                self.log.warning("Nothing is traced: %s", error)

    def _tell_pages(self, service_page: str) -> None:
        """Tell JupyterLab's pages, where there are some, where the service's own is."""
        if self.serverapp is not None:
            self.serverapp.web_app.settings.setdefault("page_config_data", {})["aichatServicePage"] = service_page

    def set_up_logs(self) -> None:
        """Write the lines of our own log as they shall be."""
        if self.logs == "json":
            write_json(self)

    def set_up_metrics(self, mode: str) -> None:
        """Count what happens."""
        self.host.metrics = Metrics(__version__, mode)

    def set_up_tracing(self) -> None:
        """Make spans, where that is wanted; raises `NotReady` where it cannot be done."""
        self.host.tracing = switch.tracing(self.traces_url, self.traces_ratio, __version__)

    async def _start_metrics(self, metrics: Metrics) -> None:
        """Look at the loop, and let those ask who have the token; without it the others can ask as ever."""
        metrics.start()
        if self.metrics_token_file:
            try:
                self.host.metrics_token = await asyncio.to_thread(self._read_metrics_token)
            except NotReady as error:
                self.log.warning("AIChatApp.metrics_token_file: %s", error)

    def _read_metrics_token(self) -> str:
        return secret_file.read(Path(self.metrics_token_file).expanduser()).decode("latin-1")

    def initialize_handlers(self) -> None:
        """Add the URL table, or the one that forwards to a service."""
        if self.gateway is None:
            self.handlers.extend(handlers(self.host))
        else:
            from jupyter_aichat.remote import routes  # noqa: PLC0415 (remote mode only for those who want it)

            self.handlers.extend(routes.handlers(self.host, self.gateway))

    async def _start_jupyter_server_extension(self, serverapp: ServerApp) -> None:
        """Start the engine, or the way to the service, and let kernels in; failures are kept for those who ask."""
        self._admit_kernels(serverapp)
        self._busy = Busy(serverapp.web_app.settings["last_activity_times"], self._under_way)
        self._busy.start()
        if self.gateway is not None:
            await self.gateway.start()
            return
        with suppress(ImportError):  # told by the start, which meets it again
            await asyncio.to_thread(
                importlib.import_module, WIRING
            )  # a tenth of a second, in which others are answered
        if self.host.metrics is not None:
            await self._start_metrics(self.host.metrics)
        await self.host.lifecycle.start()

    def _make(self) -> tuple[Engine, AccountService | None]:
        from jupyter_aichat.wiring import build  # noqa: PLC0415 (what it imports would slow the server's start)

        return build(self.wiring_settings()), None

    @property
    def process_roles(self) -> Roles:
        """What this process does; one's own server does everything."""
        return BOTH

    def wiring_settings(self) -> Settings:
        """What the wiring is told."""
        from jupyter_aichat.wiring import Settings  # noqa: PLC0415

        return Settings(
            self.store_url,
            self.redis_url,
            self.default_model,
            self.secret_file,
            parent=self,
            log=self.log,
            observer=self._observer(),
            roles=self.process_roles,
        )

    def _observer(self) -> Observer | None:
        from jupyter_aichat.engine.observers import Observers  # noqa: PLC0415

        watching = [each for each in (self.host.metrics, self.host.tracing) if each is not None]
        return Observers(watching) if len(watching) > 1 else next(iter(watching), None)

    def _make_gateway(self, mode: RemoteMode) -> Gateway:
        from jupyter_aichat.remote.gateway import Gateway  # noqa: PLC0415 (remote mode only for those who want it)
        from jupyter_aichat.remote.hub import hub_credentials  # noqa: PLC0415

        return Gateway(mode, self.log, hub_credentials(mode))

    def _admit_kernels(self, serverapp: ServerApp) -> None:
        """Let kernels find our routes, and nothing else: they inherit this process's environment."""
        self.host.kernel_token = secrets.token_urlsafe(32)
        os.environ[KERNEL_URL] = _kernel_url(serverapp)
        os.environ[KERNEL_TOKEN] = self.host.kernel_token
        if self.gateway is not None and SERVICE_URL not in os.environ:
            # No kernel is to keep chats of its own where it does not find us.
            os.environ[SERVICE_URL] = self.told_service_url = self.gateway.url or "a service"

    def _dismiss_kernels(self) -> None:
        if self.host.kernel_token is not None and os.environ.get(KERNEL_TOKEN) == self.host.kernel_token:
            del os.environ[KERNEL_TOKEN]
            os.environ.pop(KERNEL_URL, None)
        if self.told_service_url and os.environ.get(SERVICE_URL) == self.told_service_url:
            del os.environ[SERVICE_URL]
        self.host.kernel_token = None

    async def stop_extension(self) -> None:
        """Stop within five seconds; never raises, and may come without a start or twice."""
        if hasattr(self, "host"):
            self._dismiss_kernels()
            if self._busy is not None:
                self._busy.stop()
            if self.host.metrics is not None:
                self.host.metrics.stop()
            await (self.gateway or self.host.lifecycle).stop()
            if self.host.tracing is not None:
                await switch.close(self.host.tracing)

    def current_activity(self) -> dict[str, Any] | None:
        """Return the answers under way, so that the server is not culled meanwhile."""
        runs = self._under_way()
        return {"runs": runs} if runs else None

    def _under_way(self) -> int:
        return (self.gateway or self.host.lifecycle).active_runs if hasattr(self, "host") else 0


def _kernel_url(serverapp: ServerApp) -> str:
    """Where kernels reach our routes; a server that listens everywhere is reached on the loopback address."""
    parts = urlsplit(serverapp.connection_url)
    if serverapp.ip in _WILDCARDS:
        parts = parts._replace(netloc=f"127.0.0.1:{parts.port}")
    return parts._replace(path=parts.path.rstrip("/") + BASE).geturl()
