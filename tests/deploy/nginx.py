"""A real nginx over real replicas, with the configuration that operators are given."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

CONFIGURATION = Path(__file__).parents[2] / "deploy" / "nginx" / "aichat.conf"
STARTS_S = 10.0


def binary() -> str | None:
    """Where the program is, if it is here."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


def certificate(folder: Path) -> Path:
    """Make a certificate for this machine, with its key beside it; return the certificate."""
    made = folder / "fullchain.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "1",
    ]
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    files = ["-keyout", str(folder / "privkey.pem"), "-out", str(made)]
    subprocess.run([*command, *subject, *files], check=True, capture_output=True)
    return made


def adjusted(text: str, folder: Path, plain: int, tls: int, replicas: Sequence[int]) -> str:
    """Return the configuration with what is marked as an operator's own; anything else stays as it is."""
    for line in ("listen [::]:80;", "listen [::]:443 ssl http2;"):
        assert line in text
        text = text.replace(line, "")
    servers = "".join(f"server 127.0.0.1:{port} max_fails=1 fail_timeout=2s;" for port in replicas)
    text = re.sub(r"(?:\n *server aichat-\d:8790[^\n]*)+", f"\n{servers}", text)
    for old, new in (
        ("listen 80;", f"listen 127.0.0.1:{plain};"),
        ("listen 443 ssl http2;", f"listen 127.0.0.1:{tls} ssl http2;"),
        ("chat.example.org", "localhost"),
        ("/etc/nginx/tls", str(folder)),
        ("/var/log/nginx", str(folder)),
    ):
        assert old in text
        text = text.replace(old, new)
    return text


@contextmanager
def running(folder: Path, plain: int, tls: int, replicas: Sequence[int], *, connections: int = 1024) -> Iterator[Path]:
    """Run nginx in the foreground on two ports; return the certificate that it shows."""
    program, shown = binary(), certificate(folder)
    assert program is not None
    (folder / "aichat.conf").write_text(adjusted(CONFIGURATION.read_text(), folder, plain, tls, replicas))
    scratch = "".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    main = folder / "nginx.conf"
    main.write_text(
        f"{_user()} daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;"
        f"events {{ worker_connections {connections}; }} http {{ {scratch} include {folder}/aichat.conf; }}"
    )
    process = subprocess.Popen([program, "-p", str(folder), "-c", str(main), "-e", str(folder / "error.log")])
    try:
        wait_for_port(process, tls, folder / "error.log")
        yield shown
    finally:
        process.terminate()
        process.wait(10)


def _user() -> str:
    """Workers of root's nginx are nobody's, who may not look into a test's folder."""
    return "user root;" if os.geteuid() == 0 else ""


def wait_for_port(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Wait until a proxy takes connections; fails with its log where it does not."""
    deadline = time.monotonic() + STARTS_S
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError(f"the proxy did not start: {log.read_text()}")
