"""Names of models are names, not addresses: what a person asks for never makes the service or Ollama reach out."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.service_app.process import Person, Service

MODEL, CLOUD = "counter:latest", "huge:120b-cloud"
DETAILS = {
    "family": "llama",
    "families": ["llama"],
    "parameter_size": "1M",
    "quantization_level": "F16",
    "format": "gguf",
}
ASKED: list[tuple[str, str]] = []


class _Ollama(BaseHTTPRequestHandler):
    """Has a model of its own and one of the cloud, and remembers what it was asked."""

    def do_GET(self) -> None:
        self._remember("")
        names = (MODEL, CLOUD) if self.path == "/api/tags" else ()
        models = [{"name": n, "model": n, "digest": f"{n:a<64}"[:64], "size": 1, "details": DETAILS} for n in names]
        self._answer({"models": models, "version": "0.13.0"})

    def do_POST(self) -> None:
        self._remember(self.rfile.read(int(self.headers["Content-Length"])).decode())
        info = {"general.architecture": "llama", "llama.context_length": 4096}
        self._answer({"capabilities": ["completion"], "details": DETAILS, "model_info": info, "template": ""})

    do_DELETE = do_PUT = do_PATCH = do_POST  # noqa: N815 (as the library calls them)

    def _remember(self, body: str) -> None:
        ASKED.append((self.path, body))

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
def service_arguments() -> Iterator[tuple[str, ...]]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Ollama) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        yield (f"--OllamaProvider.url={url}",)
        server.shutdown()
        thread.join()


NAMES = (
    "evil.example/a/b", "evil.example:8080/a/b", "169.254.169.254/a/b", "127.0.0.1/a/b:latest", "localhost/a/b", "[::1]/a/b",
    "http://evil.example/a", "registry.ollama.ai/library/counter", "hf.co/a/b", "a/b", "../../api/pull", "counter:latest\n",
    "counter@sha256:abc", CLOUD, "counter:cloud", "counter-cloud", "file:///etc/passwd", "$where", "counter?x=1", " counter",
)  # fmt: skip


def test_only_what_ollama_lists_of_its_own_is_offered(ada: Person) -> None:
    offered = {each["name"] for each in ada.json("GET", "/models")["items"] if each["provider"] == "ollama"}
    assert offered == {MODEL}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_is_not_listed_is_never_asked_for(ada: Person, name: str) -> None:
    chat = ada.json("POST", "/chats", {})["id"]
    ASKED.clear()
    answer = ada.http.post(f"/chats/{chat}/messages", json={"text": "Count.", "model": name})
    if answer.status_code == 202:
        run = answer.json()["run"]["id"]
        with ada.http.stream("GET", f"/runs/{run}/events") as events:
            assert b"model_not_found" in events.read()
    else:
        assert answer.status_code in (400, 403, 404)
    assert {path for path, _ in ASKED} <= {"/api/tags", "/api/ps", "/api/version", "/api/show"}
    assert not any(path == "/api/show" and json.loads(body).get("model") == name for path, body in ASKED)


@pytest.mark.parametrize(
    "verb", ["create", "push", "pull", "blobs/sha256:a", "delete", "copy", "generate", "tags", "show"]
)
def test_ollamas_own_routes_are_not_passed_on(service: Service, ada: Person, admin: Person, verb: str) -> None:
    ASKED.clear()
    for client in (ada.http, admin.http):
        for path in (
            f"{service.url}api/{verb}",
            f"{service.base}/{verb}",
            f"{service.base}/models/..%2f..%2fapi%2f{verb}",
        ):
            for method in ("GET", "POST", "DELETE"):
                assert client.request(method, path, json={"model": MODEL}).status_code in (400, 404, 405)
    assert ASKED == []


@pytest.mark.parametrize(
    "body",
    [
        {"base_url": "http://169.254.169.254"}, {"provider": "http://evil.example"}, {"url": "http://127.0.0.1"},
        {"model": {"$ne": ""}}, {"model": ["counter"]}, {"options": {"url": "http://evil.example"}}, {"remote_host": "evil.example"},
        {"options": {"$gt": 1}}, {"options": {"a.b": 1}}, {"options": {"num_ctx": 1_000_000}}, {"keep_alive": -1},
    ],
)  # fmt: skip
def test_no_address_and_no_operator_comes_with_a_message(ada: Person, body: dict[str, object]) -> None:
    chat = ada.json("POST", "/chats", {})["id"]
    answer = ada.http.post(f"/chats/{chat}/messages", json={"text": "Count.", **body})
    assert (answer.status_code, answer.json()["code"][:8]) == (400, "invalid_")
    assert ada.json("GET", f"/chats/{chat}/messages")["items"] == []


def test_what_reloads_a_shared_model_is_not_a_persons_to_set(ada: Person) -> None:
    own = {"options": {"num_ctx": 4096}}
    chat = ada.json("POST", "/chats", {})["id"]
    for method, path, body in (
        ("POST", "/chats", own), ("PATCH", f"/chats/{chat}", own), ("POST", f"/chats/{chat}/messages", {"text": "a", **own}),
    ):  # fmt: skip
        answer = ada.http.request(method, path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_option"), path
    assert ada.json("GET", f"/chats/{chat}")["options"] == {}
