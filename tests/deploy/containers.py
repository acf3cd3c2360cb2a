"""The containers of `docker-compose.yml`, built and run for real by podman, with stand-ins for what a registry would give."""

from __future__ import annotations

import json
import os
import shutil
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import redis_server
from tests.ollama import server as ollama_server

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
CACHE = ollama_server.CACHE / "containers"
BASE, BUILT = "localhost/jupyter-aichat-test-base", "localhost/jupyter-aichat-test"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
REPLICAS = {"10.243.77.11": "aichat-1", "10.243.77.12": "aichat-2"}
STARTS_S = 60.0

ENGINE = """
[engine]
runtime = "runc"
events_logger = "file"
[containers]
default_ulimits = ["nofile=16384:16384", "nproc=16384:16384"]
"""
"""How podman runs inside a container, as build machines often are."""


def missing() -> list[str]:
    """Return what has to be installed before containers can run here."""
    wanted = ("podman", "runc", "debootstrap", "podman-compose")
    return [each for each in wanted if shutil.which(each) is None] + ([] if os.geteuid() == 0 else ["to be root"])


@dataclass
class Containers:
    """One project of podman-compose, with a folder for its secrets."""

    folder: Path
    environment: Mapping[str, str]
    port: int

    @property
    def url(self) -> str:
        """Where nginx has TLS."""
        return f"https://localhost:{self.port}"

    @property
    def trusted(self) -> ssl.SSLContext:
        """Knows nginx's certificate."""
        return ssl.create_default_context(cafile=str(self.folder / "secrets" / "fullchain.pem"))

    def compose(self, *arguments: str) -> None:
        """Run `docker compose` as an operator does, as far as podman has it."""
        files = ("-f", str(ROOT / "docker-compose.yml"), "-f", str(HERE / "stand-ins.yml"))
        project = ("--in-pod", "false", "--project-name", self.folder.name)
        self._run("podman-compose", *project, *files, *arguments)

    def podman(self, *arguments: str, given: str = "") -> str:
        """Run podman; return what it prints."""
        return self._run("podman", *arguments, given=given)

    def name(self, service: str) -> str:
        """Return the name of a service's container."""
        return f"{self.folder.name}_{service}_1"

    def log(self, service: str) -> str:
        """Return what a container wrote."""
        return self.podman("logs", self.name(service))

    def run(self, service: str, *command: str, given: str = "") -> str:
        """Run a command in a container; return what it prints."""
        return self.podman("exec", "--interactive", self.name(service), *command, given=given)

    def state(self, service: str) -> dict[str, Any]:
        """Return what podman knows of a container."""
        (found,) = json.loads(self.podman("inspect", self.name(service)))
        return dict(found)

    def is_healthy(self, service: str) -> bool:
        """Run the health check of a container, as a Docker would from time to time."""
        command = ["podman", "healthcheck", "run", self.name(service)]
        return subprocess.run(command, env=self.environment, capture_output=True, check=False).returncode == 0

    def up(self) -> None:
        """Start everything, and return when nginx and what is behind it are healthy."""
        self.compose("up", "--detach", "--no-build")
        for service in ("mongodb", "redis", "ollama", "aichat-1", "aichat-2", "nginx"):
            within(STARTS_S, lambda service=service: self.is_healthy(service))  # type: ignore[misc]

    def _run(self, *command: str, given: str = "") -> str:
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment, input=given, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise AssertionError(f"{' '.join(command)} exited with {done.returncode}:\n{done.stderr[-4000:]}")
        return done.stdout


def within(seconds: float, done: Callable[[], object]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, f"not so within {seconds} s"
        time.sleep(0.1)


@contextmanager
def made(folder: Path, program: Path) -> Iterator[Containers]:
    """Build the image, and make the secrets; take everything away at the end. `program` is Ollama's."""
    found = Containers(folder, _environment(folder, program), redis_server.free_port())
    found.environment = {**found.environment, "AICHAT_HTTPS_PORT": f"127.0.0.1:{found.port}"}
    _import_base(found)
    _build(found)
    _make_secrets(found)
    try:
        yield found
    finally:
        found.compose("down", "--volumes")
        found.podman("rmi", "--force", BUILT)


def _environment(folder: Path, program: Path) -> dict[str, str]:
    (folder / "containers.conf").write_text(ENGINE)
    (CACHE / "tmp").mkdir(parents=True, exist_ok=True)
    images = dict.fromkeys(("NGINX_IMAGE", "MONGODB_IMAGE", "REDIS_IMAGE", "OLLAMA_IMAGE"), BASE)
    return {
        **os.environ,
        **images,
        "TMPDIR": str(CACHE / "tmp"),  # where podman keeps what `RUN --mount=type=cache` keeps
        "CONTAINERS_CONF": str(folder / "containers.conf"),
        "AICHAT_IMAGE": BUILT,
        "AICHAT_SECRETS": str(folder / "secrets"),
        "AICHAT_HTTP_PORT": f"127.0.0.1:{redis_server.free_port()}",
        "OLLAMA_PROGRAM": str(program.parent),
        "OLLAMA_MODELS": str(ollama_server.models(program)),
    }


def _import_base(containers: Containers) -> None:
    found = subprocess.run([HERE / "base-image.sh", CACHE], stdout=subprocess.PIPE, text=True, check=True)
    archive = Path(found.stdout.strip())
    tag = f"{BASE}:{archive.stem}"
    if not containers.podman("images", "--quiet", tag):
        containers.podman("import", str(archive), tag)
    containers.podman("tag", tag, BASE)


def _build(containers: Containers) -> None:
    """Build it as an operator does, with this machine's certificates for the registries of packages."""
    pip, npm = containers.folder / "pip.conf", containers.folder / "npmrc"
    pip.write_text(f"[global]\ncert = {CERTIFICATES}\n")
    npm.write_text(f"cafile={CERTIFICATES}\n")
    mounts = {CERTIFICATES.parent: CERTIFICATES.parent, pip: "/etc/pip.conf", npm: "/usr/local/etc/npmrc"}
    containers.podman(
        *("build", "--quiet", "--format", "docker", "--network", "host", "--tag", BUILT),
        *(f"--volume={here}:{there}:ro" for here, there in mounts.items()),
        *(f"--build-arg={name}={BASE}" for name in ("PYTHON", "NODE")),
        str(ROOT),
    )


def _make_secrets(containers: Containers) -> None:
    secrets = containers.folder / "secrets"
    subprocess.run([ROOT / "deploy" / "docker" / "secrets.sh", secrets], check=True)
    store_url = secrets / "store_url"
    assert "@mongodb:27017/aichat?" in store_url.read_text()
    store_url.chmod(0o644)
    store_url.write_text("mongodb://mongodb:27017/aichat")  # the stand-in knows no users
