"""Several writes as one command: what the server says of each, whatever way it says so."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from jupyter_aichat.stores.mongo_base import AddUp, Change, Delete, Document, Insert, Write
from jupyter_aichat.stores.mongo_bulk import write_at_once
from tests.contract.store_targets import mongo_url

OWNED = {"owner_id": "ada"}


class Asked:
    """A database that is asked, and how often."""

    def __init__(self, client: MongoClient[Document]) -> None:
        self.name = f"aichat_test_{uuid.uuid4().hex[:16]}"
        self.client, self.commands = client, list[str]()

    def __call__(self, command: Document) -> Mapping[str, Any]:
        self.commands.append(next(iter(command)))
        return self.client.admin.command(command)

    def write(self, *writes: Write, **bounds: int) -> list[int]:
        return write_at_once(self, self.name, writes, **bounds)

    def all(self, name: str) -> list[Document]:
        return list(self.client[self.name][name].find(OWNED, sort=[("_id", 1)]))


@pytest.fixture
def asked() -> Iterator[Asked]:
    with MongoClient[Document](mongo_url()) as client:
        yield Asked(client)


def documents(*ids: int) -> list[Document]:
    return [{"_id": each, **OWNED} for each in ids]


def test_each_write_tells_how_many_documents_it_was_about(asked: Asked) -> None:
    asked.write(Insert("segments", documents(1, 2, 3)))
    counts = asked.write(
        Insert("messages", documents(1, 2)),
        Change("messages", [({"_id": n, **OWNED}, {"$set": {"n": n}}) for n in (1, 2, 3)]),
        Delete("segments", OWNED),
        AddUp("usage", {"_id": "day", **OWNED}, {"model": "m"}, {"runs": 1}),
        AddUp("usage", {"_id": "day", **OWNED}, {"model": "m"}, {"runs": 1}),
        Insert("keys", []),
    )
    assert counts == [2, 2, 3, 1, 1, 0]
    assert asked.commands == ["bulkWrite"] * 2
    assert asked.all("messages") == [{"_id": n, **OWNED, "n": n} for n in (1, 2)]
    assert asked.all("segments") == []
    assert asked.all("usage") == [{"_id": "day", **OWNED, "model": "m", "runs": 2}]


def test_results_that_fit_into_no_first_reply_are_asked_for(asked: Asked) -> None:
    assert asked.write(Insert("runs", documents(*range(5))), Insert("keys", documents(7)), batch=2) == [5, 1]
    assert asked.commands == ["bulkWrite", "getMore"]


def test_an_error_is_seen_also_in_a_later_reply(asked: Asked) -> None:
    asked.write(Insert("runs", documents(4)))
    with pytest.raises(OperationFailure) as failed:
        asked.write(Insert("runs", documents(*range(9))), Insert("keys", documents(7)), batch=2)
    assert failed.value.code == 11000
    assert [each["_id"] for each in asked.all("runs")] == [0, 1, 2, 3, 4]
    assert asked.all("keys") == []


def test_what_one_message_cannot_hold_goes_in_several_and_is_counted_together(asked: Asked) -> None:
    large = [{**each, "text": "x" * 1000} for each in documents(*range(10))]
    assert asked.write(Insert("runs", large[:4]), Insert("messages", large), most_bytes=4000) == [4, 10]
    assert len(asked.commands) == 5
    assert len(asked.all("messages")) == 10


def test_more_than_the_driver_sends_at_once_is_written_all_the_same(asked: Asked) -> None:
    large = [{**each, "text": "x" * 7_000_000} for each in documents(1, 2, 3)]
    assert asked.write(Insert("segments", large), Insert("runs", documents(1))) == [3, 1]
    assert asked.commands == ["bulkWrite"] * 2


def test_nothing_to_write_is_no_command(asked: Asked) -> None:
    assert asked.write(Insert("runs", []), Change("runs", [])) == [0, 0]
    assert asked.commands == []


@pytest.mark.parametrize(("code", "again"), [(112, True), (251, True), (11000, False), (10334, False)])
def test_a_conflict_is_one_also_where_it_is_told_of_a_single_write(code: int, again: bool) -> None:
    result = {"ok": 0.0, "idx": 0, "code": code, "errmsg": "told of one", "n": 0}
    with pytest.raises(OperationFailure) as failed:
        write_at_once(
            lambda _: {"cursor": {"id": 0, "firstBatch": [result]}, "nErrors": 1}, "d", [Insert("runs", documents(1))]
        )
    assert failed.value.code == code
    assert failed.value.has_error_label("TransientTransactionError") is again
