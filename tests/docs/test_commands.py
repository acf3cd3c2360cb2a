"""Every command that operators are told to type, typed: page by page, in its order, in a shell with a terminal.

That of the command line (`tests/cli/test_documented.py`) is not among them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import certificates, mongo_server
from tests.deploy.helm import Helm
from tests.docs.blocks import REASONS, Block, commands, reasons, unmarked
from tests.docs.reader import PASSWORD, ROOT, Reader
from tests.redis_server import RedisServer

DOCS = ROOT / "docs" / "operators"
OF_SERVERS = {"replicas.md", "roles.md", "kubernetes.md"}
PAGES = [
    page
    for page in [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
    if page.name != "cli.md" and any(block.reason is None for block in commands(page))
]
RUN_AT_LEAST, NOT_RUN_AT_MOST = 10, 18
MONGODB = "mongodb://mongo-1,mongo-2,mongo-3/jupyter_aichat?replicaSet=rs0"
REDIS = "redis://redis:6379"
SECRET = "jupyter aichat secret secret.key\n"
BEFORE = {
    "cdn.md": SECRET,
    "hub.md": SECRET,
    "monitoring.md": SECRET,
    "ollama-servers.md": SECRET,
    "replicas.md": SECRET,
    "roles.md": SECRET,
}
"""What a page takes for granted."""
BETWEEN = {
    "quickstart.md": {
        "jupyter aichat users list": f"echo '{PASSWORD}' | jupyter aichat users create grace --password-stdin\n",
    },
}
"""What a page says in words: grace registers in a browser."""


SERVES_BADLY = """in_background python3 -c '
import signal, socket, os
signal.signal(signal.SIGTERM, lambda *_: os._exit(3))
server = socket.create_server(("127.0.0.1", int(os.environ["port"])))
signal.pause()'
"""


def name_of(page: Path) -> str:
    return page.name


@pytest.fixture(scope="module")
def mongo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with mongo_server.running(tmp_path_factory.mktemp("mongo")) as server:
        yield server.url


@pytest.fixture
def reader(tmp_path: Path, models: str) -> Reader:
    for name in ("deploy", "Dockerfile"):
        (tmp_path / name).symlink_to(ROOT / name)
    certificates.make(tmp_path).certfile.rename(tmp_path / "chain.pem")
    return Reader(tmp_path, {"OLLAMA_HOST": models.split("=", 1)[1]})


def run(page: Path, reader: Reader) -> str:
    blocks = [block for block in commands(page) if block.reason is None]
    return reader.follow(BEFORE.get(page.name, ""), blocks, BETWEEN.get(page.name, {}))


@pytest.mark.parametrize("page", [page for page in PAGES if page.name not in OF_SERVERS], ids=name_of)
def test_every_command_of_the_page_works(page: Path, reader: Reader) -> None:
    run(page, reader)


@pytest.mark.parametrize("name", ["replicas.md", "roles.md"])
def test_every_command_for_replicas_works(name: str, reader: Reader, mongo: str, redis: RedisServer) -> None:
    reader.instead = {MONGODB: f"{mongo}aichat_docs", REDIS: redis.url}
    run(DOCS / name, reader)


def test_every_command_for_kubernetes_works(reader: Reader, helm: Helm) -> None:
    reader.programs = helm.program.parent
    shown = run(DOCS / "kubernetes.md", reader)
    assert "kind: Ingress" in shown


# --- what is not run ---------------------------------------------------------------------------------------------------


def test_what_is_not_run_has_a_reason_and_is_little() -> None:
    blocks = [block for page in PAGES for block in commands(page)]
    counted = reasons(blocks)
    assert counted.keys() <= REASONS.keys()
    assert counted.total() <= NOT_RUN_AT_MOST, counted
    assert len(blocks) - counted.total() >= RUN_AT_LEAST, "a page that can be tried is better than one that cannot"


@pytest.mark.parametrize("page", [ROOT / "README.md", *sorted(DOCS.glob("*.md"))], ids=name_of)
def test_commands_say_that_they_are(page: Path) -> None:
    assert unmarked(page) == []
    assert page.read_text().count("<!-- not run:") == reasons(commands(page)).total(), "a mark that marks no block"


def test_a_command_that_fails_is_seen(reader: Reader) -> None:
    with pytest.raises(AssertionError, match="exit code 2\n@ line 7"):
        reader.follow("", [Block(7, "jupyter aichat no such command\n", None)], {})
    with pytest.raises(AssertionError, match="said why"):
        reader.follow("port=1", [Block(1, "in_background sh -c 'echo it said why; exit 78'\n", None)], {})
    with pytest.raises(AssertionError, match="ended with 3"):
        reader.follow("export port=$(next_port)", [Block(1, SERVES_BADLY, None)], {})
