"""A real HAProxy over real replicas, with the configuration that operators are given."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.deploy.nginx import certificate, wait_for_port

CONFIGURATION = Path(__file__).parents[2] / "deploy" / "haproxy" / "aichat.cfg"


def binary() -> str | None:
    """Where the program is, if it is here."""
    return shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin")


def certified(text: str, folder: Path) -> str:
    """Return the configuration with a certificate for this machine."""
    shown = certificate(folder)
    (folder / "aichat.pem").write_bytes(shown.read_bytes() + (folder / "privkey.pem").read_bytes())
    assert "/etc/haproxy/aichat.pem" in text
    return text.replace("/etc/haproxy/aichat.pem", str(folder / "aichat.pem"))


def adjusted(text: str, plain: int, tls: int, replicas: Sequence[int]) -> str:
    """Return the configuration with other ports and replicas; anything else stays as it is."""
    for old, new in (
        ("bind :::80 v4v6", f"bind 127.0.0.1:{plain}"),
        ("bind :::443 v4v6", f"bind 127.0.0.1:{tls}"),
        ("maxconn 20000", "maxconn 500"),
    ):
        assert old in text
        text = text.replace(old, new)
    servers = "".join(f"    server s{port} 127.0.0.1:{port}\n" for port in replicas)
    text, found = re.subn(r"(?: +server aichat-\d aichat-\d:8790.*\n)+", servers, text)
    assert found == 1
    return text


@contextmanager
def running(folder: Path, plain: int, tls: int, replicas: Sequence[int]) -> Iterator[Path]:
    """Run HAProxy on two ports; return the certificate that it shows. Its log is ``haproxy.log``."""
    program = binary()
    assert program is not None
    (folder / "aichat.cfg").write_text(adjusted(certified(CONFIGURATION.read_text(), folder), plain, tls, replicas))
    with (folder / "haproxy.log").open("wb") as log:
        process = subprocess.Popen([program, "-db", "-f", str(folder / "aichat.cfg")], stdout=log, stderr=log)
        try:
            wait_for_port(process, tls, folder / "haproxy.log")
            yield folder / "fullchain.pem"
        finally:
            process.terminate()
            process.wait(10)
