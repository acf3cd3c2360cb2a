"""Commands run in this process, on a store of their own."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest

from jupyter_aichat.cli.main import main

MODEL = "counter:latest"
DETAILS = {
    "family": "llama",
    "families": ["llama"],
    "parameter_size": "1M",
    "quantization_level": "F16",
    "format": "gguf",
}
PASSWORD = "correct horse battery"


class Done(msgspec.Struct):
    """What came of a command."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        """What was written as JSON, a line each."""
        return [json.loads(line) for line in self.out.splitlines()]


class Terminal(io.StringIO):
    """Standard input of somebody who can be asked."""

    def isatty(self) -> bool:
        return True


Run = Callable[..., Done]


class _Ollama(BaseHTTPRequestHandler):
    """Has one model, which can chat."""

    def do_GET(self) -> None:
        found = {"name": MODEL, "model": MODEL, "digest": "d" * 64, "size": 1, "details": DETAILS}
        models = [found] if self.path == "/api/tags" else []
        self._answer({"models": models, "version": "0.13.0"})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        info = {"general.architecture": "llama", "llama.context_length": 4096}
        self._answer({"capabilities": ["completion"], "details": DETAILS, "model_info": info, "template": ""})

    def _answer(self, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def models() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Ollama) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"--OllamaProvider.url=http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep what this machine has configured out, and what commands make in one folder."""
    for kind in ("CONFIG", "DATA", "RUNTIME"):
        monkeypatch.setenv(f"JUPYTER_{kind}_DIR", str(tmp_path / kind.lower()))
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "")
    monkeypatch.setenv("AICHAT_STORE_URL", f"sqlite:///{tmp_path / 'chats.sqlite3'}")
    for name in ("AICHAT_REDIS_URL", "AICHAT_SECRET_FILE", "OLLAMA_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command; text for its standard input may come with it."""

    def run(*arguments: str, stdin: str = "", terminal: bool = False) -> Done:
        monkeypatch.setattr("sys.stdin", Terminal(stdin) if terminal else io.StringIO(stdin))
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return Done(int(ended.value.code or 0), out, err)

    return run


@pytest.fixture
def create(run: Run) -> Callable[..., Done]:
    """Make an account with a hash that costs little."""

    def create(name: str, *arguments: str) -> Done:
        options = ("--password-stdin", "--Passwords.cost=4", *arguments)
        return run("users", "create", name, *options, stdin=f"{PASSWORD}\n")

    return create
