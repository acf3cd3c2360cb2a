"""The wheel in a clean environment without Node: all that a user gets by `pip install`."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import signal
import statistics
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.packaging.conftest import Environment

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

MAX_IMPORT_S = 0.1
START_TIMEOUT_S = 60

TIME_IMPORT = """
import socket, sys, time

def refuse(*args, **kwargs):
    raise SystemExit("the import reached for the network")

socket.socket.connect = socket.getaddrinfo = refuse
start = time.perf_counter()
import jupyter_aichat
print(time.perf_counter() - start)
print(*sys.modules)
"""


def test_import_is_light_and_needs_no_network(installed: Environment) -> None:
    runs = [installed.run("python", "-c", TIME_IMPORT).splitlines() for _ in range(5)]

    assert statistics.median(float(seconds) for seconds, _ in runs) < MAX_IMPORT_S
    loaded = set(runs[0][1].split())
    assert not loaded & {"tornado", "jupyter_server", "httpx", "aiohttp", "motor", "redis", "IPython", "anywidget"}


def test_server_extension_is_enabled(installed: Environment) -> None:
    listed = installed.run("jupyter", "server", "extension", "list")

    assert re.search(r"jupyter_aichat\S* .*\bOK\b", _plain(listed)), listed
    assert re.search(r"jupyter_aichat.*enabled", _plain(listed)), listed


def test_lab_extension_is_listed(installed: Environment) -> None:
    listed = installed.run("jupyter", "labextension", "list")

    assert re.search(r"jupyterlab-aichat v\S+ enabled OK \(python, jupyterlab-aichat\)", _plain(listed)), listed


def test_magics_load(installed: Environment) -> None:
    script = "%load_ext jupyter_aichat\nprint(sorted(get_ipython().magics_manager.magics['cell']))"

    assert "'chat'" in installed.run("ipython", "-c", script)


def test_the_command_line_is_there(installed: Environment) -> None:
    for command in (("jupyter", "aichat"), ("jupyter-aichat",), ("python", "-m", "jupyter_aichat")):
        assert installed.run(*command, "--help").startswith("Usage: jupyter aichat COMMAND")


def test_jupyterlab_starts_with_the_extension(installed: Environment, tmp_path: Path) -> None:
    with _lab(installed, tmp_path) as address:
        status, body = _get(address, "/api/aichat/v1/health")
        assert (status, body[:1]) == (http.client.OK, b"{")

        status, page = _get(address, "/lab")
        assert status == http.client.OK
        configuration = re.search(rb'id="jupyter-config-data"[^>]*>(.*?)</script>', page, re.DOTALL)
        assert configuration
        extensions = json.loads(configuration[1])["federated_extensions"]
        assert "jupyterlab-aichat" in [extension["name"] for extension in extensions]


@contextlib.contextmanager
def _lab(installed: Environment, folder: Path) -> Iterator[str]:
    log = folder / "lab.log"
    options = [
        "--no-browser",
        "--allow-root",
        "--port=0",
        "--ServerApp.port_retries=0",
        "--IdentityProvider.token=secret",
    ]
    with log.open("wb") as out:
        process = subprocess.Popen(
            [installed.folder / "bin" / "jupyter-lab", *options],
            env=installed.variables,
            cwd=folder,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        yield _address(log, process)
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) is not None


def _address(log: Path, process: subprocess.Popen[bytes]) -> str:
    end = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < end and process.poll() is None:
        if found := re.search(r"http://127\.0\.0\.1:(\d+)/lab", log.read_text()):
            return f"127.0.0.1:{found[1]}"
        time.sleep(0.05)
    raise AssertionError(log.read_text())


def _get(address: str, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(address, timeout=30)
    try:
        connection.request("GET", path, headers={"Authorization": "token secret"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _plain(text: str) -> str:
    """Return terminal output without colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)
