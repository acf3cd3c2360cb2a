"""Several writes in several collections as one command: ``bulkWrite``, which MongoDB has since version 8."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from bson import encode
from bson.raw_bson import RawBSONDocument
from pymongo.errors import OperationFailure

from jupyter_aichat.stores.mongo_base import AddUp, Change, Document, Insert, Write

WIRE_VERSION = 25
"""Of a server that has the command, as it says of itself."""
REFUSED = frozenset({59, 115})
"""The codes of a server that has it not after all: one of a mixed set, or one that still works as the version before."""

_MOST_BYTES = 15_000_000  # the driver sends no command of more than 16 MB, though a message may have 48
_MOST_OPERATIONS = 50_000  # of the 100,000 that a command may have
_AGAIN = frozenset({24, 112, 246, 251})
"""The codes after which a whole transaction is to be tried again."""

Ask = Callable[[Document], Mapping[str, Any]]
_Operation = tuple[int, RawBSONDocument]


def write_at_once(
    ask: Ask, database: str, writes: Sequence[Write], *, most_bytes: int = _MOST_BYTES, batch: int | None = None
) -> list[int]:
    """Write in one command, or in as few as hold it, and return of each write how many documents it was about.

    Parameters
    ----------
    ask
        Sends a command to the database ``admin`` and returns the reply.
    batch
        How many results a reply brings at most; None leaves it to the server.
    """
    names = list(dict.fromkeys(each.name for each in writes))
    fixed: Document = {"nsInfo": [{"ns": f"{database}.{name}"} for name in names], "ordered": True}
    if batch is not None:
        fixed["cursor"] = {"batchSize": batch}
    operations = [
        (at, RawBSONDocument(encode(each)))
        for at, write in enumerate(writes) for each in _operations(write, names.index(write.name))
    ]  # fmt: skip
    counts = [0] * len(writes)
    for portion in _portions(operations, most_bytes):
        for result in _results(ask, {"bulkWrite": 1, "ops": [each for _, each in portion], **fixed}):
            counts[portion[result["idx"]][0]] += result["n"]
    return counts


def _operations(write: Write, space: int) -> Iterator[Document]:
    if isinstance(write, Insert):
        for document in write.documents:
            yield {"insert": space, "document": document}
    elif isinstance(write, Change):
        for query, change in write.changes:
            yield {"update": space, "filter": query, "updateMods": change}
    elif isinstance(write, AddUp):
        yield {"update": space, "filter": write.query, "updateMods": write.change, "upsert": True}
    else:
        yield {"delete": space, "filter": write.query, "multi": True}


def _portions(operations: Sequence[_Operation], most_bytes: int) -> Iterator[list[_Operation]]:
    portion: list[_Operation] = []
    size = 0
    for each in operations:
        length = len(each[1].raw)
        if portion and (size + length > most_bytes or len(portion) == _MOST_OPERATIONS):
            yield portion
            portion, size = [], 0
        portion.append(each)
        size += length
    if portion:
        yield portion


def _results(ask: Ask, command: Document) -> Iterator[Mapping[str, Any]]:
    """Yield what became of each operation, also what does not fit into the first reply; raises the first error."""
    cursor = ask(command)["cursor"]
    found = cursor["firstBatch"]
    while True:
        for result in found:
            if not result["ok"]:
                raise _error(result)
            yield result
        if not cursor["id"]:
            return
        cursor = ask({"getMore": cursor["id"], "collection": "$cmd.bulkWrite"})["cursor"]
        found = cursor["nextBatch"]


def _error(result: Mapping[str, Any]) -> OperationFailure:
    """One operation's error as a command of its own would have it."""
    labels = ["TransientTransactionError"] if result["code"] in _AGAIN else []
    return OperationFailure(result.get("errmsg", ""), result["code"], {**result, "errorLabels": labels})
