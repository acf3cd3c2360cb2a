"""The rule by which all commands of the contract are judged, and what some of them look like."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pymongo import MongoClient

from jupyter_aichat.domain.chat import ChatQuery
from jupyter_aichat.stores.mongo import MongoStore
from jupyter_aichat.stores.mongo_schema import UNSHARDED
from tests.contract.mongo_commands import RECORDER, names_its_owners, told
from tests.contract.store_targets import mongo_url
from tests.contract.store_turns import ADA, answered, begun, chat_named, said, turn

OWNED = {"owner_id": "ada"}


def at_once(*operations: dict[str, Any]) -> dict[str, Any]:
    return {
        "bulkWrite": 1,
        "ops": operations,
        "nsInfo": [{"ns": f"d.{name}"} for name in ("chats", "runs", "instances")],
    }


@pytest.mark.parametrize(
    ("command", "may_be_sent"),
    [
        ({"find": "chats", "filter": {**OWNED, "id": "x"}}, True),
        ({"find": "chats", "filter": {"id": "x"}}, False),
        ({"find": "chats", "filter": {"owner_id": {"$ne": "eve"}}}, False),
        ({"find": "runs", "filter": {"owner_id": {"$in": ["ada", "eve"]}, "id": {"$in": []}}}, True),
        ({"find": "runs", "filter": {"instance": "i", "active": True}}, True),
        ({"find": "runs", "filter": {"instance": "i"}}, False),
        ({"find": "messages", "filter": {"instance": "i", "active": True}}, False),
        ({"find": "usage", "filter": {"day": {"$gte": "2026-11-01"}}}, True),
        ({"delete": "usage", "deletes": [{"q": {"day": "2026-11-01"}}]}, False),
        ({"findAndModify": "runs", "query": {"instance": "i", "active": True}}, False),
        ({"insert": "chats", "documents": [{**OWNED}, {"id": "x"}]}, False),
        ({"update": "runs", "updates": [{"q": OWNED}, {"q": {"id": "x"}}]}, False),
        ({"delete": "segments", "deletes": [{"q": {"run_id": "x"}}]}, False),
        ({"aggregate": "messages", "pipeline": []}, False),
        (at_once({"insert": 0, "document": {**OWNED}}, {"update": 1, "filter": OWNED, "updateMods": {}}), True),
        (at_once({"insert": 0, "document": {**OWNED}}, {"update": 1, "filter": {"id": "x"}, "updateMods": {}}), False),
        (at_once({"delete": 1, "filter": {"run_id": "x"}, "multi": True}), False),
        (at_once({"insert": 0, "document": {"id": "x"}}), False),
        (at_once({"update": 2, "filter": {"_id": "x"}, "updateMods": {}}), True),
        ({"update": "instances", "updates": [{"q": {"_id": "x"}}]}, True),
        ({"createIndexes": "chats", "indexes": []}, True),
    ],
)
def test_a_command_says_whose_data_it_is_about(command: dict[str, Any], may_be_sent: bool) -> None:
    assert names_its_owners(command) is may_be_sent


async def test_all_commands_are_seen(mongo_store: MongoStore) -> None:
    chat = (await answered(mongo_store)).reply.chat_id
    await mongo_store.commit(turn("send", chat))
    await mongo_store.delete_chat(ADA, chat)
    names = {next(iter(command)) for command in RECORDER.commands}
    assert {"find", "bulkWrite", "update", "delete", "findAndModify", "commitTransaction"} <= names
    assert len(RECORDER.about("messages")) > 3


async def test_every_index_is_led_by_the_owner_but_those_that_are_named(mongo_store: MongoStore) -> None:
    def others() -> set[str]:
        with MongoClient[dict[str, Any]](mongo_url()) as client:
            database = client[mongo_store.database]
            indexes = [
                (name, next(iter(index["key"])))
                for name in database.list_collection_names() if name not in UNSHARDED
                for index in database[name].list_indexes()
            ]  # fmt: skip
        return {f"{name}.{first}" for name, first in indexes if first not in ("owner_id", "_id")}

    assert await asyncio.to_thread(others) == {"runs.instance", "charged.at", "keys.deleted_at", "usage.day"}


async def test_checkpoints_of_many_runs_are_one_write(mongo_store: MongoStore) -> None:
    segments = [said((await begun(mongo_store)).record, 3, "x") for _ in range(30)]
    RECORDER.commands.clear()
    await mongo_store.checkpoint(segments)
    assert list(map(told, RECORDER.commands)) == ["bulkWrite runs segments", "commitTransaction"]


async def test_checkpoints_of_many_runs_are_one_update_and_one_insert_before_mongodb_8(
    mongo_before_8: MongoStore,
) -> None:
    segments = [said((await begun(mongo_before_8)).record, 3, "x") for _ in range(30)]
    RECORDER.commands.clear()
    await mongo_before_8.checkpoint(segments)
    assert list(map(told, RECORDER.commands)) == ["update runs", "insert segments", "commitTransaction"]


async def test_a_send_and_an_end_are_acknowledged_by_most_servers(mongo_store: MongoStore) -> None:
    await answered(mongo_store)
    commits = [command for command in RECORDER.commands if "commitTransaction" in command]
    assert len(commits) == 2
    assert all(command["writeConcern"]["w"] == "majority" for command in commits)


async def test_a_list_may_be_read_elsewhere_and_has_what_was_just_written(mongo_elsewhere: MongoStore) -> None:
    chat = await mongo_elsewhere.create_chat(ADA, chat_named("new"))
    RECORDER.commands.clear()
    assert (await mongo_elsewhere.list_chats(ADA, ChatQuery())).items == (chat,)
    (listing,) = RECORDER.about("chats")
    assert listing["$readPreference"]["mode"] == "secondaryPreferred"
    assert "afterClusterTime" in listing["readConcern"]
    RECORDER.commands.clear()
    await mongo_elsewhere.get_chat(ADA, chat.id)
    assert RECORDER.about("chats")[0].get("$readPreference", {"mode": "primary"})["mode"] in (
        "primary",
        "primaryPreferred",
    )
