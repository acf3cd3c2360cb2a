"""Who keeps the chats of a kernel: the environment's server, one above it, or the kernel itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_aichat.kernel.discovery import ancestors
from tests.kernel.chats import texts
from tests.kernel.kernels import Kernel, lone_kernel
from tests.server.process import Server, running

FORGET = "import os; os.environ.pop('JUPYTER_AICHAT_KERNEL_URL'); os.environ.pop('JUPYTER_AICHAT_KERNEL_TOKEN')"


def test_a_kernel_finds_the_server_that_started_it(kernel: Kernel, server: Server) -> None:
    assert kernel.run("%chat").printed.count(server.url.rstrip("/")) == 1


def test_without_the_environment_it_finds_its_ancestor(server: Server) -> None:
    from tests.kernel.kernels import served_kernel

    with served_kernel(server) as kernel:
        kernel.run(FORGET)
        assert server.url.rstrip("/") in kernel.run("%chat").printed


@pytest.mark.parametrize("token", ["stale", ""])
def test_a_token_that_is_not_taken_is_no_server(server: Server, tmp_path: Path, token: str) -> None:
    url = f"{server.url}api/aichat/v1"
    with lone_kernel(tmp_path, JUPYTER_AICHAT_KERNEL_URL=url, JUPYTER_AICHAT_KERNEL_TOKEN=token) as (kernel, _):
        assert "this kernel" in kernel.run("%chat").printed


def test_a_server_that_is_gone_is_no_server(tmp_path: Path) -> None:
    url = "http://127.0.0.1:9/api/aichat/v1"
    with lone_kernel(tmp_path, JUPYTER_AICHAT_KERNEL_URL=url, JUPYTER_AICHAT_KERNEL_TOKEN="x") as (kernel, _):
        assert "this kernel" in kernel.run("%chat").printed


def test_what_a_kernel_kept_alone_is_there_for_a_server_and_the_other_way(tmp_path: Path) -> None:
    with lone_kernel(tmp_path) as (kernel, _):
        assert kernel.run("%chat --model demo kept by the kernel").status == "ok"
        with running(tmp_path) as server:
            (chat,) = server.json("GET", "/chats")["items"]
            assert texts(server, chat["id"])[0] == "kept by the kernel"
            server.json("PATCH", f"/chats/{chat['id']}", {"title": "renamed by the server"})
            assert "renamed by the server" in kernel.run("%chat").printed


def test_a_kernel_that_ends_in_mid_answer_leaves_it_interrupted(tmp_path: Path) -> None:
    """It must not wait for the answer, and must not lose its text."""
    with lone_kernel(tmp_path) as (kernel, manager):
        panel = "from jupyter_aichat import ChatPanel; panel = ChatPanel()"
        kernel.run(panel)
        kernel.run("panel._frames.receive({'type': 'send', 'text': 'go', 'model': 'demo'})")
        kernel.wait(lambda: "text_delta" in json.dumps(kernel.messages[-1]["content"]))
        manager.shutdown_kernel()
    with running(tmp_path) as server:
        (chat,) = server.json("GET", "/chats")["items"]
        reply = server.json("GET", f"/chats/{chat['id']}/messages")["items"][-1]
        assert (reply["status"], reply["reason"]) == ("interrupted", "server_stopping")
        assert reply["parts"][0]["text"].startswith("**This")


def test_the_configuration_of_the_server_holds_for_a_kernel_alone(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.mkdir()
    (config / "jupyter_server_config.py").write_text(
        "c.ScriptedProvider.scenarios = True\nc.AIChatApp.default_model = 'echo'\n"
    )
    with lone_kernel(tmp_path) as (kernel, _):
        done = kernel.run("%chat hello")
        assert done.answer == "hello", done.errors
        assert kernel.run(f"%chat export {tmp_path}/notes.md").status == "ok"
        assert (tmp_path / "notes.md").read_text().startswith("# hello\n")


def test_a_store_that_cannot_be_opened_is_one_line(tmp_path: Path) -> None:
    with lone_kernel(tmp_path, AICHAT_STORE_URL="postgres://127.0.0.1/x") as (kernel, _):
        (error,) = kernel.run("%chat hello").errors
        assert "cannot store chats in postgres" in error


def test_an_interrupt_works_without_a_server(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.mkdir()
    (config / "jupyter_aichat_config.py").write_text("c.ScriptedProvider.scenarios = True\n")
    with lone_kernel(tmp_path) as (kernel, _):
        begun = kernel.begin("%chat --model endless-50 go")
        kernel.wait(lambda: " 5" in kernel.shown(begun))
        kernel.interrupt()
        done = kernel.end(begun)
        assert done.errors == ["Interrupted: the answer was stopped, its text is kept."]
        assert " · stopped</small>" in done.markdown


def test_a_plain_ipython_prints_the_answer_as_it_comes(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "AICHAT_STORE_URL": str(tmp_path / "chats.sqlite3"),
        "OLLAMA_HOST": "http://127.0.0.1:9",
    }
    environment |= {"IPYTHONDIR": str(tmp_path), "JUPYTER_CONFIG_DIR": str(tmp_path)}
    script = "%load_ext jupyter_aichat\nx = 'a value'\n%chat --model demo say {{ x }}\n"
    command = [sys.executable, "-m", "IPython", "--colors=NoColor", "-c", script]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.startswith("> say a value\n**This is a scripted demonstration")
    assert done.stdout.count("This is a scripted demonstration") == 1
    assert "(demo · " in done.stdout.splitlines()[-1]


def test_a_process_knows_its_ancestors() -> None:
    code = "from jupyter_aichat.kernel.discovery import ancestors; print(*ancestors())"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    above = [str(os.getppid())] if os.getppid() > 1 else []  # who started the tests may have ended
    assert found[: 1 + len(above)] == [str(os.getpid()), *above]
    assert [str(each) for each in ancestors()][:1] == above
