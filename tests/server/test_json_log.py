"""JSON in a personal server: the chat's own lines, and nobody else's."""

from __future__ import annotations

import json
import time
from pathlib import Path

from tests.server.process import running


def test_the_chats_lines_are_json_and_jupyters_are_as_ever(tmp_path: Path) -> None:
    with running(tmp_path, "--AIChatApp.logs=json", "--ScriptedProvider.names=counter-40-2") as server:
        chat = server.json("POST", "/chats", {})["id"]
        asked = server.http.post(
            f"/chats/{chat}/messages", json={"text": "hi", "model": "gone"}, headers={"X-Request-Id": "cell-7"}
        )
        run = asked.json()["run"]["id"]
        deadline = time.monotonic() + 10
        while f"Run {run} is failed" not in server.log.read_text():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        lines = server.log.read_text().splitlines()
    ours = [json.loads(line) for line in lines if line.startswith("{")]
    assert {line["logger"] for line in ours} == {"AIChatApp"}
    assert [line["status"] for line in ours if line.get("request_id") == "cell-7" and "route" in line] == [202]
    assert {line["request_id"] for line in ours if line.get("run_id") == run} == {"cell-7"}
    assert any("ServerApp]" in line for line in lines)
