"""`jupyter aichat migrate`, `backup` and `restore`: all that a store keeps, as a whole."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from traitlets import Bool, Unicode

from jupyter_aichat.auth.administration import COMMAND_LINE
from jupyter_aichat.auth.audit import Audit
from jupyter_aichat.cli.command import Command
from jupyter_aichat.cli.desk import AIChatApp, operator
from jupyter_aichat.copies.archive import archived, back_up
from jupyter_aichat.copies.copying import StoreSource, copy
from jupyter_aichat.copies.tally import Sums
from jupyter_aichat.domain.record import Kind
from jupyter_aichat.errors import AIChatError, NotReady
from jupyter_aichat.wiring import CONFIGURABLES, AnyStore, Settings, make_store, store_path

_SAY_EVERY_S = 2.0


class CopyCommand(Command):
    """A command that carries all records from one place to another."""

    json = Bool(False, help="Write JSON, one object a line.").tag(config=True)
    classes = [AIChatApp, *CONFIGURABLES]
    flags = {**Command.flags, "json": ({"CopyCommand": {"json": True}}, json.help)}
    _said_at = 0.0

    def start(self) -> None:
        """Do it."""
        self._said_at = time.monotonic()
        try:
            asyncio.run(self.work())
        except AIChatError as error:
            self.fail(error.message)

    async def work(self) -> None:
        """Do what the command is for."""
        raise NotImplementedError

    @asynccontextmanager
    async def opened(self, url: str, *, new: bool = False) -> AsyncIterator[AnyStore]:
        """Open the store that a URL names; one that is not there is made only where that is wanted."""
        store = await asyncio.to_thread(make_store, Settings(url, parent=self))
        state = await store.examine()
        if state.version == 0 and not new:
            raise NotReady(f"There is no database of this service at {state.place}.")
        await store.open()
        try:
            yield store
        finally:
            await store.close()

    def path(self) -> Path:
        """The file that the first argument names."""
        return Path(self.argument() or "").expanduser()

    def progress(self, kind: Kind, count: int) -> None:
        """Say how far it is, now and then."""
        if not self.json and time.monotonic() - self._said_at > _SAY_EVERY_S:
            self._said_at = time.monotonic()
            self.say(f"… {count} {kind}")

    def say_sums(self, sums: Sums, sentence: str) -> None:
        """Say what was carried."""
        if self.json:
            for kind, each in sums.items():
                self.say(msgspec.json.encode({"kind": kind, "count": each.count, "digest": each.digest}).decode())
            return
        self.table(("KIND", "RECORDS"), [(kind, str(each.count)) for kind, each in sums.items()])
        self.say(sentence)


class Migrate(CopyCommand):
    """Copy everything from one store into an empty one, and compare them at the end.

    Stop the services on both first. Ids, times and order stay, so that links, sessions and tokens go on. The source is left as it
    is. A copy that was cut off is gone on with by the same command; one that is whole is only compared.
    """

    name = "jupyter aichat migrate"
    examples = """
    jupyter aichat migrate --from=sqlite:////var/lib/aichat/chats.sqlite3 --to=mongodb://db/aichat?replicaSet=rs0
    jupyter aichat migrate --from=mongodb://db/aichat?replicaSet=rs0 --to=chats.sqlite3
    """
    source = Unicode(help="The store to read, in the form of AIChatApp.store_url.").tag(config=True)
    target = Unicode(help="The store to write, empty or not there yet.").tag(config=True)
    aliases = {**CopyCommand.aliases, "from": "Migrate.source", "to": "Migrate.target"}

    async def work(self) -> None:
        """Copy, or go on with a copy."""
        if not (self.source and self.target):
            self.refuse_usage("say --from and --to, each a store's URL")
        name = await asyncio.to_thread(_place, self.source)
        if name == await asyncio.to_thread(_place, self.target):
            self.refuse_usage("--from and --to are the same store")
        async with self.opened(self.source) as source, self.opened(self.target, new=True) as target:
            if await source.records.in_use():
                raise NotReady("A service uses the store that shall be read: stop it first, or what it writes is lost.")
            async with source.records.reading() as reading:
                sums = await copy(StoreSource(name, reading), target.records, self.progress)
        self.say_sums(
            sums, "Both stores are the same. The service goes on with AIChatApp.store_url set to the new one."
        )


class Backup(CopyCommand):
    """Write everything but sessions into one file, as it is at one moment; the service may go on meanwhile.

    The file is compressed, readable by its maker alone, and has a checksum. It does not hold the service's secret.
    """

    name = "jupyter aichat backup"
    takes = ("FILE",)
    examples = """
    jupyter aichat backup aichat.jsonl.gz
    """
    aliases = {**CopyCommand.aliases, "store-url": "AIChatApp.store_url"}

    async def work(self) -> None:
        """Write it."""
        path = self.path()
        async with self.opened(AIChatApp(parent=self).store_url) as store:
            await Audit(store.accounts).note(
                "admin_read", actor=COMMAND_LINE, address=operator().address, what="backup"
            )
            sums = await back_up(store.records, path, self.progress)
        self.say_sums(sums, f"{path} is whole. Keep it as safe as the database: it holds what people wrote.")


class Restore(CopyCommand):
    """Write a backup into an empty store, and compare them at the end.

    Stop the service first. Nobody is logged in afterwards; passwords, personal tokens and shares are as they were. Answers that were
    under way end as interrupted, their text kept, when the service starts.
    """

    name = "jupyter aichat restore"
    takes = ("FILE",)
    examples = """
    jupyter aichat restore aichat.jsonl.gz
    """
    aliases = {**CopyCommand.aliases, "store-url": "AIChatApp.store_url"}

    async def work(self) -> None:
        """Read it all, then write it."""
        path = self.path()
        async with archived(path) as source, self.opened(AIChatApp(parent=self).store_url, new=True) as store:
            sums = await copy(source, store.records, self.progress)
            made = source.head.at
        self.say_sums(sums, f"The store is as it was at {made:%Y-%m-%d %H:%M} UTC.")


def _place(url: str) -> str:
    """What a URL names, without name, password and options."""
    parts = urlsplit(url)
    if parts.scheme in ("mongodb", "mongodb+srv"):
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    return f"sqlite://{store_path(url)}"
