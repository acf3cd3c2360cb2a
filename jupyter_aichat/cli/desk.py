"""Commands that work on the store: beside the running service, or without one."""

from __future__ import annotations

import asyncio
import getpass
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Protocol

import msgspec
from traitlets import Bool
from traitlets.config import Configurable

from jupyter_aichat.auth.administration import Administration
from jupyter_aichat.auth.assembly import AccountRules
from jupyter_aichat.auth.passwords import Passwords
from jupyter_aichat.cli.command import Command
from jupyter_aichat.domain.account import Account
from jupyter_aichat.domain.identity import Origin
from jupyter_aichat.errors import AIChatError
from jupyter_aichat.redis_connection import RedisConnection
from jupyter_aichat.settings import AppSettings
from jupyter_aichat.wiring import CONFIGURABLES, Desk, Settings, desk


class AIChatApp(AppSettings, Configurable):
    """The settings of the server extension, without the server."""

    def settings(self, parent: Configurable) -> Settings:
        """Return what the wiring takes; ``parent`` has the configuration of the rest."""
        return Settings(self.store_url, self.redis_url, self.default_model, self.secret_file, parent=parent)


class DeskCommand(Command):
    """A command that asks or changes the store."""

    desk: Desk
    makes_store = False
    """Whether it may make a database where there is none; others take that for a wrong address."""

    json = Bool(False, help="Write JSON, one object a line.").tag(config=True)
    classes = [AIChatApp, AccountRules, Passwords, RedisConnection, *CONFIGURABLES]
    flags = {**Command.flags, "json": ({"DeskCommand": {"json": True}}, json.help)}
    aliases = {**Command.aliases, "store-url": "AIChatApp.store_url", "redis-url": "AIChatApp.redis_url"}

    def start(self) -> None:
        """Do it."""
        try:
            asyncio.run(self._on_the_loop())
        except AIChatError as error:
            self.fail(error.message)

    async def _on_the_loop(self) -> None:
        found = desk(AIChatApp(parent=self).settings(self))
        state = await found.store.examine()
        if state.version == 0 and not self.makes_store:
            self.fail(f"There is no database of this service at {state.place}; is AIChatApp.store_url the service's?")
        self.desk = found
        async with opened(found):
            await self.work(found.service.administration)

    async def work(self, administration: Administration) -> None:
        """Do what the command is for."""
        raise NotImplementedError

    async def account(self, administration: Administration) -> Account:
        """Return the account that the first argument names."""
        return await administration.named(self.argument() or "")

    async def confirm(self, question: str) -> None:
        """Go on only if that is meant."""
        if self.answer_yes:
            return
        if not sys.stdin.isatty():
            self.fail("There is no terminal to ask on whether that is meant: say so with -y.")
        if (await asyncio.to_thread(input, f"{question} [y/N] ")).strip().lower() not in ("y", "yes"):
            self.fail("Nothing was done.")

    def say_of(self, account: Account, sentence: str) -> None:
        """Say what was done, for people, or of whom, for programs."""
        if self.json:
            self.row({"id": account.id, "name": account.name})
        else:
            self.say(sentence)

    def row(self, value: object) -> None:
        """Write a line of JSON."""
        self.say(msgspec.json.encode(value).decode())


@asynccontextmanager
async def opened(found: Desk) -> AsyncIterator[None]:
    """Open what a desk has; a Redis that is away is none the worse for what the store knows."""
    parts: list[Part] = [found.bus, found.cache, found.store]
    async with AsyncExitStack() as stack:
        for part in parts:
            await part.open()
            stack.push_async_callback(part.close)
        await found.service.accounts.start()
        stack.push_async_callback(found.service.accounts.stop)
        yield
        await _heard(found)


async def _heard(found: Desk) -> None:
    """Where a service runs beside this, let it hear of an end of access before what was let in meanwhile is looked for.

    It hears at once by Redis, but its requests under way may take a while; without Redis it asks the store once a second.
    """
    aftermath = found.service.accounts.aftermath
    with suppress(AIChatError):  # what was to be done is done
        if aftermath.waits and await found.store.records.in_use():
            await aftermath.done()


class Part(Protocol):
    """What is opened and closed."""

    async def open(self) -> None:
        """Connect."""

    async def close(self) -> None:
        """Let go."""


def operator() -> Origin:
    """Where a command comes from: whoever is logged in on this machine, also behind sudo."""
    try:
        name = os.environ.get("SUDO_USER") or getpass.getuser()
    except (OSError, KeyError):
        name = str(os.getuid())
    return Origin(address=f"local:{name}")
