"""The scripts of ``deploy/mongodb``, on what the store's migrations really make; what they ask mongosh for is written down."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pymongo import MongoClient

from jupyter_aichat.stores.mongo import MongoStore
from jupyter_aichat.stores.mongo_base import COPY_COMMENT, place
from jupyter_aichat.stores.mongo_schema import UNSHARDED
from tests.contract.records import fill
from tests.contract.store_targets import mongo_url

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "deploy" / "mongodb"
SHARDED = {"chats", "messages", "runs", "segments", "keys", "usage", "charged", "remains"}
LETTERS = re.findall(r"\w", "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")


class Done(msgspec.Struct):
    """What a script asked for, and what it threw."""

    calls: list[list[Any]]
    error: str | None

    def of(self, name: str) -> list[list[Any]]:
        """The arguments of all calls of one function."""
        return [arguments for called, *arguments in self.calls if called == name]


def mongosh(script: str, environment: Mapping[str, str] | None = None, **there: Any) -> Done:
    """Run a script where all this is there."""
    said = {"collections": [], "sharded": [], "ranges": [], "balances": True, "initiated": False, **there}
    command = ["node", str(Path(__file__).with_name("mongosh.js")), str(SCRIPTS / script), json.dumps(said)]
    surroundings = {"PATH": os.environ["PATH"], **(environment or {})}
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30, env=surroundings)
    return msgspec.json.decode(done.stdout, type=Done)


def shard(collections: Sequence[str], shards: str = "", **there: Any) -> Done:
    return mongosh("sharding.js", {"AICHAT_SHARDS": shards}, collections=list(collections), **there)


async def collections_of(store: MongoStore) -> dict[str, list[dict[str, Any]]]:
    """The collections that the migrations made, with their indexes."""

    def ask() -> dict[str, list[dict[str, Any]]]:
        with MongoClient[dict[str, Any]](mongo_url()) as client:
            database = client[store.database]
            return {
                name: [dict(each) for each in database[name].list_indexes()]
                for name in database.list_collection_names()
            }

    return await asyncio.to_thread(ask)


async def test_what_people_own_is_sharded_by_its_owner_and_nothing_else(mongo_store: MongoStore) -> None:
    collections = await collections_of(mongo_store)
    done = shard([*collections, "system.views"])
    assert done.error is None
    assert done.calls[0] == ["sh.enableSharding", "chats"]
    assert dict(done.of("sh.shardCollection")) == {f"chats.{name}": {"owner_id": 1} for name in SHARDED}
    assert set(collections) == SHARDED.union(UNSHARDED)


async def test_a_unique_index_of_what_is_sharded_is_led_by_the_owner(mongo_store: MongoStore) -> None:
    collections = await collections_of(mongo_store)
    for name, indexes in collections.items():
        own = [index for index in indexes if set(index["key"]) != {"_id"}]
        alone = [index for index in own if index.get("unique") and next(iter(index["key"])) != "owner_id"]
        assert not alone or name in UNSHARDED, name
        led = [
            index for index in own if next(iter(index["key"])) == "owner_id" and "partialFilterExpression" not in index
        ]
        assert led or name in UNSHARDED, f"{name} has no index that can be its shard key"


async def test_ids_of_what_is_sharded_are_unique_over_all_shards(mongo_store: MongoStore) -> None:
    """MongoDB itself sees to that within one shard alone."""
    await fill(mongo_store)

    def ids() -> dict[str, list[tuple[str, str]]]:
        with MongoClient[dict[str, Any]](mongo_url()) as client:
            return {
                name: [
                    (each["owner_id"], str(each["_id"]))
                    for each in client[mongo_store.database][name].find({}, comment=COPY_COMMENT)
                ]
                for name in SHARDED
            }

    found = await asyncio.to_thread(ids)
    assert {name for name, documents in found.items() if not documents} <= {"charged"}
    by_another_index = {"segments"}
    for name, documents in found.items():
        for owner, id_ in documents:
            assert id_.startswith(place(owner, "")) or name in by_another_index, (name, id_)


def test_a_collection_that_the_script_does_not_know_stops_it() -> None:
    done = shard([*SHARDED, *UNSHARDED, "novelty"], "a,b")
    assert (done.calls, "novelty" in (done.error or "")) == ([], True)


def test_a_database_without_the_service_stops_it() -> None:
    done = shard([*SHARDED - {"runs"}, *UNSHARDED])
    assert (done.calls, "no runs: start one replica" in (done.error or "")) == ([], True)


def test_what_is_sharded_already_stays_as_it_is() -> None:
    done = shard([*SHARDED, *UNSHARDED], sharded=[f"chats.{name}" for name in SHARDED - {"charged"}])
    assert done.of("sh.shardCollection") == [["chats.charged", {"owner_id": 1}]]


@pytest.mark.parametrize("count", [1, 2, 3, 7, 62])
def test_each_shard_has_the_same_owners_in_all_collections(count: int) -> None:
    names = [f"s{n}" for n in range(count)]
    done = shard([*SHARDED, *UNSHARDED], ",".join(names))
    assert done.error is None
    assert done.of("sh.addShardToZone") == [[name, f"owners-{name}"] for name in names]
    ranges: dict[str, list[tuple[str, str, str]]] = {}
    for namespace, begin, end, zone in done.of("sh.updateZoneKeyRange"):
        ranges.setdefault(namespace, []).append((begin["owner_id"], end["owner_id"], zone))
    assert set(ranges) == {f"chats.{name}" for name in SHARDED}
    (same,) = {tuple(each) for each in ranges.values()}
    bounds = [begin for begin, _, _ in same] + [same[-1][1]]
    assert [end for _, end, _ in same] == bounds[1:], "no gap, no overlap"
    assert (bounds[0], bounds[-1]) == ("MinKey", "MaxKey")
    places = [0, *(LETTERS.index(letter) for letter in bounds[1:-1]), len(LETTERS)]
    parts = [after - before for before, after in pairwise(places)]
    assert max(parts) - min(parts) <= 1
    assert [zone for _, _, zone in same] == [f"owners-{name}" for name in names]


@pytest.mark.parametrize("balances", [True, False])
def test_with_other_shards_the_former_ranges_go_while_nothing_moves(balances: bool) -> None:
    former = {"ns": "chats.runs", "min": {"owner_id": "a"}, "max": {"owner_id": "b"}, "tag": "owners-x"}
    done = shard([*SHARDED, *UNSHARDED], "a,b", ranges=[former], balances=balances)
    assert done.of("sh.removeRangeFromZone") == [["chats.runs", {"owner_id": "a"}, {"owner_id": "b"}]]
    names = [call[0] for call in done.calls]
    assert ("sh.stopBalancer" in names, "sh.startBalancer" in names) == (balances, balances)
    if balances:
        changes = [n for n, name in enumerate(names) if name in ("sh.removeRangeFromZone", "sh.updateZoneKeyRange")]
        assert names.index("sh.stopBalancer") < min(changes) <= max(changes) < names.index("sh.startBalancer")


def test_a_replica_set_is_made_once_of_an_odd_number() -> None:
    members = {"AICHAT_MEMBERS": "a:1,b:2,c:3", "AICHAT_REPLICA_SET": "rs9"}
    done = mongosh("replica-set.js", members, code="NotYetInitialized")
    wanted = [{"_id": n, "host": host} for n, host in enumerate(("a:1", "b:2", "c:3"))]
    assert done.of("rs.initiate") == [[{"_id": "rs9", "members": wanted}]]
    assert mongosh("replica-set.js", members, initiated=True).calls == []
    assert mongosh("replica-set.js", members, code="Unauthorized").calls == []
    for wrong in ("", "a:1,b:2"):
        refused = mongosh("replica-set.js", {"AICHAT_MEMBERS": wrong}, code="NotYetInitialized")
        assert (refused.calls, "odd number" in (refused.error or "")) == ([], True)


def test_the_page_names_all_that_is_sharded() -> None:
    page = (ROOT / "docs" / "operators" / "mongodb.md").read_text()
    (row,) = re.findall(r"^\| sharded by `owner_id` \| (.*) \|$", page, re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", row)) == SHARDED
    (rest,) = re.findall(r"^\| on one shard \| (.*?) \|$", page, re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", rest)) == set(UNSHARDED)
