"""`jupyter aichat doctor`: every part of an installation, how it is, and what to do."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import msgspec
from traitlets import Bool

from jupyter_aichat.cli import check_settings
from jupyter_aichat.cli.check_hub import hub
from jupyter_aichat.cli.check_parts import parts
from jupyter_aichat.cli.check_settings import Front
from jupyter_aichat.cli.command import FAILED
from jupyter_aichat.cli.desk import AIChatApp, DeskCommand
from jupyter_aichat.cli.finding import Finding, Level
from jupyter_aichat.errors import AIChatError
from jupyter_aichat.service.hub_mode import HubMode, hub_mode
from jupyter_aichat.wiring import Desk, desk


class Doctor(DeskCommand):
    """Look at every part of an installation, and say what to do. It changes nothing, and exits with 1 where something fails.

    Give it the same arguments, environment and files of settings as the service.
    """

    name = "jupyter aichat doctor"
    examples = """
    jupyter aichat doctor
    jupyter aichat doctor --AIChatApp.store_url=mongodb://db/chats --ServerApp.ip=0.0.0.0
    jupyter aichat doctor --json
    """
    classes = [*DeskCommand.classes, HubMode]
    json = Bool(False, help="Write JSON, one finding a line.").tag(config=True)
    flags = {**DeskCommand.flags, "json": ({"Doctor": {"json": True}}, json.help)}
    aliases = {
        **DeskCommand.aliases,
        "secret-file": "AIChatApp.secret_file",
        **{name: f"ServerApp.{name}" for name in Front.__struct_fields__},
    }

    def start(self) -> None:
        """Look, say, and exit."""
        app, self._hub = AIChatApp(parent=self), hub_mode(self)
        levels = [self._tell(finding) for finding in self._of_settings(app)]
        try:
            found = desk(app.settings(self))
        except AIChatError as error:
            levels.append(self._tell(Finding("settings", "fail", error.message)))
        else:
            levels += asyncio.run(self._of_parts(app, found))
        if "fail" in levels:
            raise SystemExit(FAILED)

    def _of_settings(self, app: AIChatApp) -> Iterator[Finding]:
        yield from check_settings.versions()
        yield from check_settings.files(self.loaded_config_files)
        yield from check_settings.secret(app, needed=self._hub is None)
        yield check_settings.registration(app)
        yield from check_settings.front(app, self._front())

    async def _of_parts(self, app: AIChatApp, found: Desk) -> list[Level]:
        of_hub = [] if self._hub is None else [self._tell(finding) async for finding in hub(self._hub)]
        return of_hub + [self._tell(finding) async for finding in parts(app, found)]

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
