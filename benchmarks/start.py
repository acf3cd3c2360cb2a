"""What the extension adds to a Jupyter server's start: with and without it in turn, from the call to the first answer.

python -m benchmarks.start [--rounds 9]
"""

from __future__ import annotations

import argparse
import http.client
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.processes import free_port


def start_s(*, enabled: bool) -> float:
    """Start a server, wait for its first answer, end it; return the seconds until the answer."""
    with tempfile.TemporaryDirectory(prefix="aichat-bench-") as name:
        folders = {f"JUPYTER_{kind}_DIR": str(Path(name) / kind.lower()) for kind in ("DATA", "CONFIG", "RUNTIME")}
        port = free_port()
        command = [
            sys.executable, "-m", "jupyter_server", "--allow-root", "--no-browser", f"--ServerApp.root_dir={name}",
            f"--ServerApp.port={port}", "--IdentityProvider.token=benchmark",
            f"--ServerApp.jpserver_extensions={{'jupyter_aichat': {enabled}, 'jupyterlab': True}}",
        ]  # fmt: skip
        begun = time.perf_counter()
        process = subprocess.Popen(
            command, env={**os.environ, **folders}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            while not _answers(port):
                time.sleep(0.005)
            return time.perf_counter() - begun
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/api")
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False
    finally:
        connection.close()


def main() -> None:
    """Measure and print."""
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("--rounds", type=int, default=9)
    rounds = cli.parse_args().rounds
    start_s(enabled=True)  # files into the system's cache
    pairs = [(start_s(enabled=False), start_s(enabled=True)) for _ in range(rounds)]
    without, with_ours = (statistics.median(column) for column in zip(*pairs, strict=True))
    added = statistics.median(after - before for before, after in pairs)
    print(f"start: {without:.3f} s without, {with_ours:.3f} s with; added {added:+.3f} s (median of {rounds} pairs)")


if __name__ == "__main__":
    main()
