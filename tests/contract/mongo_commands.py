"""What the driver sends to MongoDB, recorded, and the rule that each command names the owners it is about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pymongo import monitoring

from jupyter_aichat.stores.mongo_base import COPY_COMMENT
from jupyter_aichat.stores.mongo_schema import UNSHARDED

Command = Mapping[str, Any]

_ABOUT_NO_DATA = frozenset({
    "hello", "ping", "endSessions", "getMore", "killCursors", "commitTransaction", "abortTransaction",
    "create", "createIndexes", "listCollections", "listIndexes", "killSessions", "configureFailPoint",
})  # fmt: skip
_UNOWNED = frozenset(UNSHARDED)
_FILTERS = {"find": "filter", "count": "query", "distinct": "query", "findAndModify": "query"}
_BATCHES = {"update": "updates", "delete": "deletes"}


class Recorder(monitoring.CommandListener):
    """Keeps the commands of all clients that are made from now on."""

    def __init__(self) -> None:
        self.commands: list[Command] = []
        self.committed = 0

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if event.command:  # those that carry credentials are not shown
            self.commands.append(event.command)

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Count the transactions that are over."""
        self.committed += event.command_name == "commitTransaction"

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Nothing to keep."""

    def about(self, collection: str) -> list[Command]:
        """The commands on one collection, also those that write into others as well."""
        return [command for command in self.commands if collection in collections_of(command)]

    def violations(self) -> list[Command]:
        """The commands that find, change or delete what people own without saying whose."""
        return [command for command in self.commands if not names_its_owners(command)]


def collections_of(command: Command) -> list[str]:
    """The collections that a command is about; of one that says no name, what it says there."""
    name, about = next(iter(command.items()))
    if name == "bulkWrite":
        return [space["ns"].partition(".")[2] for space in command["nsInfo"]]
    return [about]


def told(command: Command) -> str:
    """What a command does, in a few words."""
    name, about = next(iter(command.items()))
    if name == "bulkWrite":
        return f"{name} {' '.join(collections_of(command))}"
    return f"{name} {about}" if isinstance(about, str) else name


def names_its_owners(command: Command) -> bool:
    """Whether a command may be sent: by the owner's id, or one of those that need none."""
    name, collection = next(iter(command.items()))
    if name == "bulkWrite":
        return all(map(names_its_owners, _taken_apart(command)))
    if name in _ABOUT_NO_DATA or collection in _UNOWNED:
        return True
    if name == "insert":
        return all(isinstance(document.get("owner_id"), str) for document in command["documents"])
    if name in _BATCHES:
        return all(_is_owned(each["q"]) for each in command[_BATCHES[name]])
    return name in _FILTERS and (_is_owned(command[_FILTERS[name]]) or _is_known_scatter(name, command))


def _taken_apart(command: Command) -> Iterator[Command]:
    """What a command that writes into several collections does, as commands of their own."""
    names = collections_of(command)
    for each in command["ops"]:
        kind, space = next(iter(each.items()))
        if kind == "insert":
            yield {kind: names[space], "documents": [each["document"]]}
        else:
            yield {kind: names[space], _BATCHES[kind]: [{"q": each["filter"]}]}


def _is_known_scatter(name: str, command: Command) -> bool:
    """Whether it is one of the few that ask every shard, and only read."""
    return name == "find" and (
        _is_sweep(command)
        or command["find"] == "remains"
        or _is_report(command)
        or command.get("comment") == COPY_COMMENT
    )


def _is_owned(query: Mapping[str, Any]) -> bool:
    owner = query.get("owner_id")
    return isinstance(owner, str) or (isinstance(owner, Mapping) and _all_strings(owner.get("$in", [None])))


def _all_strings(values: Iterable[object]) -> bool:
    return all(isinstance(value, str) for value in values)


def _is_sweep(command: Command) -> bool:
    """Whether it reads the runs of an instance, whoever owns them."""
    query = command.get("filter", {})
    return command["find"] == "runs" and "instance" in query and query.get("active") is True


def _is_report(command: Command) -> bool:
    """Whether it reads what everybody used on some days."""
    return command.get("find") == "usage" and "day" in command.get("filter", {})


RECORDER = Recorder()
monitoring.register(RECORDER)
