"""`ChatPanel` in a real kernel: its comm, spoken as the front end speaks it, also while a cell runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.kernel.chats import messages, newest_chat, text_of
from tests.kernel.kernels import Json, Kernel, lone_kernel, served_kernel
from tests.server.client import counted
from tests.server.process import Server, running


class Panel:
    """A view of a `ChatPanel`, without the view."""

    def __init__(self, kernel: Kernel, name: str = "panel", arguments: str = "", subshell: str | None = None) -> None:
        self.kernel, self._subshell = kernel, subshell
        done = kernel.run(f"from jupyter_aichat import ChatPanel\n{name} = ChatPanel({arguments})")
        assert done.status == "ok", done.errors
        opened = next(c for c in done.contents("comm_open") if "_esm" in c["data"]["state"])
        self.comm_id, self.state = opened["comm_id"], opened["data"]["state"]

    def send(self, message: Json) -> None:
        header: Json = {"subshell_id": self._subshell} if self._subshell else {}
        data = {"method": "custom", "content": message}
        self.kernel.send("comm_msg", {"comm_id": self.comm_id, "data": data}, **header)

    @property
    def frames(self) -> list[Json]:
        """What the view has been told."""
        found = [m["content"] for m in self.kernel.messages if m["msg_type"] == "comm_msg"]
        return [c["data"]["content"] for c in found if c["comm_id"] == self.comm_id and c["data"]["method"] == "custom"]

    def find(self, **fields: Any) -> Json | None:
        return next((f for f in self.frames if all(f.get(name) == value for name, value in fields.items())), None)

    def wait(self, patience_s: float = 20, **fields: Any) -> Json:
        found: Json = self.kernel.wait(lambda: self.find(**fields), patience_s)
        return found

    def ask(self, message: Json) -> Json:
        """Send a frame and wait for what answers it."""
        self.send(message)
        return self.kernel.wait(lambda: self._answer(message["id"]))  # type: ignore[no-any-return]

    def _answer(self, frame_id: str) -> Json | None:
        kinds = ("ack", "error", "response")
        return next((f for f in self.frames if f["type"] in kinds and f.get("id") == frame_id), None)

    def request(self, method: str, path: str, body: Any = None) -> Json:
        frame_id = f"{method} {path} {len(self.frames)}"
        message = {"type": "request", "id": frame_id, "method": method, "path": path}
        return self.ask(message if body is None else {**message, "body": body})

    def text(self, run_id: str) -> str:
        """The text of a run's deltas, each event once."""
        events = {f["seq"]: f["event"] for f in self.frames if f["type"] == "event" and f["run_id"] == run_id}
        return "".join(e["text"] for _, e in sorted(events.items()) if e["type"] == "text_delta")

    def ended(self, run_id: str) -> Json:
        def end() -> Json | None:
            events = [f["event"] for f in self.frames if f["type"] == "event" and f["run_id"] == run_id]
            return next((e for e in events if e["type"] == "run_finished"), None)

        return self.kernel.wait(end)  # type: ignore[no-any-return]


@pytest.fixture
def panel(fresh: Kernel) -> Panel:
    return Panel(fresh)


def test_a_ping_is_answered_as_by_a_socket(panel: Panel) -> None:
    assert panel.ask({"type": "ping", "id": "hello"}) == {"type": "ack", "id": "hello"}
    assert panel.wait(type="hello")["protocol"] == "aichat.v1"
    assert panel.find(type="pong")


def test_a_question_of_the_panel_is_answered(panel: Panel, server: Server) -> None:
    ack = panel.ask({"type": "send", "id": "f1", "text": "Count.", "model": "counter-200-20", "idempotency_key": "k1"})
    run_id = ack["run"]["id"]
    assert panel.ended(run_id)["state"] == "completed"
    assert panel.text(run_id) == counted(200)
    chat = newest_chat(server)
    assert (chat["id"], [text_of(m) for m in messages(server, chat["id"])]) == (
        ack["chat_id"],
        ["Count.", counted(200)],
    )
    types = [f["type"] for f in panel.frames if f.get("run_id") == run_id or f.get("id") == "f1"]
    assert types.index("ack") < types.index("event")


def test_a_frame_that_is_sent_again_asks_once(panel: Panel, server: Server) -> None:
    frame = {"type": "send", "text": "Once.", "model": "echo", "idempotency_key": "twice"}
    first = panel.ask({**frame, "id": "f1"})
    again = panel.ask({**frame, "id": "f2"})
    assert (first["chat_id"], first["run"]["id"]) == (again["chat_id"], again["run"]["id"])
    assert len(messages(server, first["chat_id"])) == 2


def test_edit_regenerate_continue_and_stop(panel: Panel) -> None:
    sent = panel.ask({"type": "send", "id": "1", "text": "a", "model": "endless-20"})
    chat_id = sent["chat_id"]
    panel.kernel.wait(lambda: " 5" in panel.text(sent["run"]["id"]))
    stopped = panel.ask({"type": "stop", "id": "2", "run_id": sent["run"]["id"]})
    assert stopped["run"]["id"] == sent["run"]["id"]
    assert panel.ended(sent["run"]["id"])["state"] == "stopped"
    reply = {"chat_id": chat_id, "message_id": sent["reply"]["id"]}
    went_on = panel.ask({"type": "continue", "id": "3", **reply})
    assert went_on["reply"]["id"] == sent["reply"]["id"]
    panel.ask({"type": "stop", "id": "4", "run_id": went_on["run"]["id"]})
    panel.ended(went_on["run"]["id"])
    other = panel.ask({"type": "regenerate", "id": "5", "model": "echo", **reply})
    assert other["message"]["id"] == sent["message"]["id"]
    panel.ended(other["run"]["id"])
    edited = panel.ask({
        "type": "edit", "id": "6", "chat_id": chat_id, "message_id": sent["message"]["id"], "text": "b", "model": "echo"
    })  # fmt: skip
    panel.ended(edited["run"]["id"])
    assert panel.text(edited["run"]["id"]) == "b"


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ({"type": "nonsense"}, "invalid_request"),
        ({"type": "send"}, "invalid_request"),
        ({"type": "send", "text": ""}, "invalid_request"),
        ({"type": "send", "text": "\0"}, "invalid_request"),
        ({"type": "send", "text": "x" * 1_100_000}, "too_large"),
        ({"type": "send", "text": "x", "chat_id": "nowhere"}, "not_found"),
        ({"type": "stop", "run_id": "nowhere"}, "not_found"),
        ({"type": "subscribe", "run_id": "nowhere", "after": 0}, "not_found"),
        ({"type": "subscribe"}, "invalid_request"),
        ({"type": "request", "method": "GET"}, "invalid_request"),
    ],
)
def test_bad_frames_are_refused_with_a_code(panel: Panel, server: Server, frame: Json, code: str) -> None:
    before = server.json("GET", "/chats")
    refused = panel.ask({**frame, "id": "bad"})
    assert (refused["type"], refused["code"]) == ("error", code)
    assert server.json("GET", "/chats") == before


def test_requests_go_to_the_api_and_nowhere_else(panel: Panel, server: Server) -> None:
    created = panel.request("POST", "chats", {"title": "From the panel"})
    chat = created["body"]
    assert (created["status"], chat["title"]) == (201, "From the panel")
    found = panel.request("GET", "chats?limit=1&q=from%20the")
    assert [each["id"] for each in found["body"]["items"]] == [chat["id"]]
    assert panel.request("PATCH", f"chats/{chat['id']}", {"title": "x"})["body"]["title"] == "x"
    assert panel.request("DELETE", f"chats/{chat['id']}")["status"] == 204
    assert panel.request("DELETE", f"chats/{chat['id']}")["status"] == 404
    assert panel.request("POST", "chats", {"nonsense": "x"})["body"]["code"] == "invalid_request"
    for path in (
        "../contents",
        "chats/../../contents",
        "chats/%2e%2e%2f%2e%2e%2fcontents",
        "../../kernels",
        "events",
        "ws",
    ):
        refused = panel.request("GET", path)
        assert (refused["status"], refused["body"]["code"]) == (404, "not_found")
    assert panel.request("PUT", "chats")["status"] == 404


def test_it_works_while_a_cell_runs(fresh: Kernel) -> None:
    """On a subshell, as JupyterLab sends a comm's messages; again and again, also after the kernel has sent some."""
    panel = Panel(fresh, subshell=fresh.subshell())
    cell = fresh.begin("import time; time.sleep(8); print('done')")
    fresh.wait(lambda: any(m["msg_type"] == "execute_input" for m in fresh.answers(cell)))
    panel.ask({"type": "ping", "id": "hello"})
    sent = panel.ask({"type": "send", "id": "1", "text": "go", "model": "endless-20"})
    panel.kernel.wait(lambda: " 9" in panel.text(sent["run"]["id"]))
    panel.ask({"type": "stop", "id": "2", "run_id": sent["run"]["id"]})
    panel.ended(sent["run"]["id"])
    assert panel.request("GET", f"chats/{sent['chat_id']}")["status"] == 200
    assert not [m for m in fresh.answers(cell) if m["msg_type"] == "execute_reply"], "all this while the cell ran"
    assert fresh.end(cell).printed == "done\n"


def test_a_panel_that_was_opened_again_speaks_on_another_subshell(fresh: Kernel) -> None:
    panel = Panel(fresh, subshell=fresh.subshell())
    panel.ask({"type": "ping", "id": "hello"})
    gone = panel._subshell
    panel._subshell = fresh.subshell()
    fresh.send("delete_subshell_request", {"subshell_id": gone}, channel="control")
    assert panel.ask({"type": "ping", "id": "again"})["type"] == "ack"


def test_cell_and_panel_are_one_chat(fresh: Kernel, server: Server) -> None:
    fresh.run("%chat first")
    panel = Panel(fresh)
    chat = newest_chat(server)["id"]
    assert panel.state["chat_id"] == chat
    fresh.run("%chat --chat new second")
    other = newest_chat(server)["id"]
    assert fresh.value("panel.chat_id") == other
    fresh.send("comm_msg", {"comm_id": panel.comm_id, "data": {"method": "update", "state": {"chat_id": chat}}})
    fresh.run("%chat third")
    assert newest_chat(server)["id"] == chat
    assert len(messages(server, chat)) == 4


def test_a_panel_sees_what_a_cell_asks(fresh: Kernel) -> None:
    panel = Panel(fresh)
    panel.ask({"type": "ping", "id": "hello"})
    running = fresh.begin("%chat --model counter-200-20 go")
    change = panel.wait(type="chat_changed", change="message")
    panel.ask({"type": "subscribe", "id": "s", "run_id": change["run_id"], "after": 0})
    fresh.wait(lambda: " 20" in panel.text(change["run_id"]))
    fresh.end(running)
    panel.ended(change["run_id"])
    assert panel.text(change["run_id"]) == counted(200)


def test_a_second_view_takes_nothing_from_the_first(fresh: Kernel) -> None:
    panel = Panel(fresh)
    sent = panel.ask({"type": "send", "id": "1", "text": "go", "model": "counter-200-20"})
    run_id = sent["run"]["id"]
    fresh.wait(lambda: " 20" in panel.text(run_id))
    far = sent["reply"]["seq"] + 2**31
    panel.ask({"type": "subscribe", "id": "2", "run_id": run_id, "after": far})
    panel.ended(run_id)
    assert panel.text(run_id) == counted(200)


def test_a_chat_that_is_followed_tells_its_later_runs(fresh: Kernel, server: Server) -> None:
    chat = server.json("POST", "/chats", {})["id"]
    panel = Panel(fresh)
    panel.ask({"type": "ping", "id": "hello"})
    assert panel.ask({"type": "subscribe", "id": "s", "chat_id": chat})["runs"] == []
    sent = server.json("POST", f"/chats/{chat}/messages", {"text": "go", "model": "endless-20"})
    run_id = sent["run"]["id"]
    fresh.wait(lambda: " 9" in panel.text(run_id))
    late = Panel(fresh, "late")
    (run,) = late.ask({"type": "subscribe", "id": "s", "chat_id": chat})["runs"]
    assert (run["id"], run["state"]) == (run_id, "streaming")
    server.json("DELETE", f"/runs/{run_id}")
    assert panel.ended(run_id)["state"] == late.ended(run_id)["state"] == "stopped"


def test_a_saved_notebook_would_hold_no_messages(panel: Panel) -> None:
    sent = panel.ask({"type": "send", "id": "1", "text": "a secret", "model": "echo"})
    panel.ended(sent["run"]["id"])
    state = panel.kernel.value("{k: v for k, v in panel.get_state().items() if k != '_esm'}")
    assert "a secret" not in json.dumps(state)
    assert len(json.dumps(state)) < 1000


def test_a_closed_panel_is_told_nothing(fresh: Kernel) -> None:
    panel = Panel(fresh)
    panel.ask({"type": "ping", "id": "hello"})
    fresh.run("panel.close()")
    count = len(panel.frames)
    fresh.run("%chat one")
    assert len(panel.frames) == count


def test_a_server_that_goes_is_told_and_what_it_kept_is_there(tmp_path: Path) -> None:
    """The kernel outlives its server: the panel comes back to the engine in the kernel, on the same file."""
    with running(tmp_path, "--ScriptedProvider.names=endless-20") as server:
        environment = _passed_on(server)
        with lone_kernel(tmp_path, **environment) as (kernel, _):
            panel = Panel(kernel)
            panel.ask({"type": "ping", "id": "hello"})
            sent = panel.ask({"type": "send", "id": "1", "text": "go", "model": "endless-20"})
            kernel.wait(lambda: " 9" in panel.text(sent["run"]["id"]))
            server.process.kill()
            panel.wait(type="closed")
            assert panel.ask({"type": "ping", "id": "again"})["type"] == "ack"
            chat = panel.request("GET", f"chats/{sent['chat_id']}")["body"]
            assert chat["title"] == "go"
            assert "this kernel" in kernel.run("%chat").printed


def _passed_on(server: Server) -> dict[str, str]:
    """What a server gives its kernels."""
    names = ("JUPYTER_AICHAT_KERNEL_URL", "JUPYTER_AICHAT_KERNEL_TOKEN")
    with served_kernel(server) as kernel:
        found: dict[str, str] = kernel.value(f"{{n: __import__('os').environ[n] for n in {names!r}}}")
    return found
