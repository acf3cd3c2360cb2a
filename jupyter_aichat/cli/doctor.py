"""`jupyter aichat doctor`: every part of an installation, how it is, and what to do."""

from __future__ import annotations

import asyncio
import logging
from functools import partial

import msgspec
from traitlets import Bool, TraitError

from jupyter_aichat.cli.checks import extension, machine
from jupyter_aichat.cli.checks.finding import Finding, Level
from jupyter_aichat.cli.checks.front import Front, front, registration
from jupyter_aichat.cli.checks.hub import hub
from jupyter_aichat.cli.checks.models import models
from jupyter_aichat.cli.checks.redis import redis
from jupyter_aichat.cli.checks.remote import remote
from jupyter_aichat.cli.checks.secret import secret
from jupyter_aichat.cli.checks.store import store
from jupyter_aichat.cli.checks.together import CHECK_S, Check, of_files, together
from jupyter_aichat.cli.checks.traces import traces
from jupyter_aichat.cli.checks.workers import workers
from jupyter_aichat.cli.command import FAILED
from jupyter_aichat.cli.desk import AIChatApp, DeskCommand
from jupyter_aichat.errors import AIChatError
from jupyter_aichat.remote.mode import RemoteMode, configured
from jupyter_aichat.service.hub_mode import HubMode, hub_mode
from jupyter_aichat.wiring import Desk, desk

_SOONER_S = 0.5
"""By how much the database's own bound comes before ours, so that it can say what is wrong."""


class Doctor(DeskCommand):
    """Look at every part of an installation, and say what to do. It changes nothing, and exits with 1 where something fails.

    Give it the same arguments, environment and files of settings as the service. Where `RemoteMode.service_url`
    (AICHAT_SERVICE_URL) is set, or with --personal, it looks at a person's own Jupyter server instead.
    """

    name = "jupyter aichat doctor"
    examples = """
    jupyter aichat doctor
    jupyter aichat doctor --AIChatApp.store_url=mongodb://db/chats --ServerApp.ip=0.0.0.0
    jupyter aichat doctor --personal
    jupyter aichat doctor --json
    """
    classes = [*DeskCommand.classes, HubMode, RemoteMode]
    json = Bool(False, help="Write JSON, one finding a line.").tag(config=True)
    personal = Bool(False, help="Look at a Jupyter server of one person, which keeps its chats itself.").tag(
        config=True
    )
    flags = {
        **DeskCommand.flags,
        "json": ({"Doctor": {"json": True}}, json.help),
        "personal": ({"Doctor": {"personal": True}}, personal.help),
    }
    aliases = {
        **DeskCommand.aliases,
        "secret-file": "AIChatApp.secret_file",
        **{name: f"ServerApp.{name}" for name in Front.__struct_fields__},
    }

    def start(self) -> None:
        """Look, say, and exit."""
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # what it complains of, we say
        if "fail" in asyncio.run(self._look(self._checks())):
            raise SystemExit(FAILED)

    async def _look(self, checks: dict[str, Check]) -> set[Level]:
        return {self._tell(finding) async for finding in together(checks)}

    def _checks(self) -> dict[str, Check]:
        app, mode = AIChatApp(parent=self), configured(self)
        loaded = self.loaded_config_files
        checks = {"versions": of_files(machine.versions), "settings": of_files(lambda: machine.files(loaded))}
        if mode is not None:
            return {**checks, "extension": of_files(extension.in_jupyter), "remote": partial(remote, mode)}
        if self.personal:
            return {**checks, "extension": of_files(extension.in_jupyter), **self._of_parts(app)}
        return {**checks, **self._of_service(app), **self._of_parts(app)}

    def _of_service(self, app: AIChatApp) -> dict[str, Check]:
        """What only a service of many has."""
        mode, how = hub_mode(self), self._front()
        checks = {
            "secret": of_files(lambda: secret(app, needed=mode is None)),
            "registration": of_files(lambda: [registration(app)]),
            "front": of_files(lambda: front(app, how)),
            "page": of_files(extension.page),
        }
        return checks if mode is None else {**checks, "hub": partial(hub, mode)}

    def _of_parts(self, app: AIChatApp) -> dict[str, Check]:
        """What is asked over the network, or on the disk."""
        self._be_quick()
        try:
            found: Desk = desk(app.settings(self))
        except (AIChatError, TraitError) as error:
            broken = Finding("settings", "fail", str(error))
            return {"parts": of_files(lambda: [broken]), "traces": partial(traces, app)}
        asks = "worker" in app.roles or self.personal
        return {
            "store": partial(store, found, people=not self.personal),
            "redis": partial(redis, app, found),
            **({"models": partial(models, app, found)} if asks else {"workers": partial(workers, found)}),
            "traces": partial(traces, app),
        }

    def _be_quick(self) -> None:
        """Let the database's own bounds end before ours: whichever of the two the driver goes by."""
        for name in ("selection_timeout_s", "call_timeout_s"):
            asked = float(self.config.MongoStore.get(name, CHECK_S))
            self.config.MongoStore[name] = min(asked, CHECK_S - _SOONER_S)

    def _tell(self, finding: Finding) -> Level:
        if self.json:
            self.row(finding)
        else:
            self.say(f"{finding.level:4}  {finding.part}: {finding.what}")
            if finding.todo:
                self.say(f"      {finding.todo}")
        return finding.level

    def _front(self) -> Front:
        """The server's own settings, which may stand under its class or that of the service."""
        said = {**self.config.get("ServerApp", {}), **self.config.get("AIChatService", {})}
        return msgspec.convert({name: str(said[name]) for name in Front.__struct_fields__ if name in said}, Front)
