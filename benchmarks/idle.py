"""What a thousand people cost who do nothing: each with an account, and a socket of the service open.

    python -m benchmarks.idle [--people 1000] [--seconds 20] [--shared]

Once a second the service asks its store whether their credentials still stand; one of them is ended at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import socket
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from benchmarks.member import personal_tokens, revoke
from benchmarks.processes import Bench, get_json
from benchmarks.servers import bench

_CLOSE = b"\x88"  # how a WebSocket's close frame begins
_HEAD = (
    "GET /api/aichat/v1/ws HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


def _open(b: Bench, token: str) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", b.server_port), timeout=20)
    sock.sendall(_HEAD.format(port=b.server_port, token=token).encode())
    said = b""
    while b'"hello"' not in said:
        said += sock.recv(65536)
    return sock


def _answers_ms(b: Bench, seconds: float) -> list[float]:
    """How long a small question of somebody else takes meanwhile."""
    took, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        begun = time.perf_counter()
        get_json(f"{b.api}/chats?limit=1", credential=b.credential)
        took.append((time.perf_counter() - begun) * 1000)
        time.sleep(0.05)
    return took


def _shown_out_s(b: Bench, token: str, sock: socket.socket) -> float:
    """Seconds from the end of a credential, written by another process, to the close frame."""
    with ThreadPoolExecutor(1) as pool:
        closing = pool.submit(_closed_at, sock)
        asyncio.run(revoke(b.store_url, token))
        begun = time.monotonic()
        return max(closing.result(10) - begun, 0.0)


def _closed_at(sock: socket.socket) -> float:
    while (said := sock.recv(65536)) and _CLOSE not in said:
        pass
    return time.monotonic()


def main() -> None:
    """Measure and print."""
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("--people", type=int, default=1000)
    cli.add_argument("--seconds", type=float, default=20)
    cli.add_argument("--shared", action="store_true")
    asked = cli.parse_args()
    with bench(shared=asked.shared, service=True) as b, ExitStack() as stack:
        tokens = asyncio.run(personal_tokens(b.store_url, asked.people))
        time.sleep(6)  # what was there at the start is out of the collector's sight
        before_mb, cpu = b.rss_mb(), b.cpu_s()
        alone = _answers_ms(b, asked.seconds / 2)
        idle_before = (b.cpu_s() - cpu) / (asked.seconds / 2)
        sockets = [stack.enter_context(_open(b, token)) for token in tokens]
        time.sleep(3)
        mb, cpu = b.rss_mb() - before_mb, b.cpu_s()
        time.sleep(asked.seconds)
        idle = (b.cpu_s() - cpu) / asked.seconds
        beside = _answers_ms(b, asked.seconds / 2)
        closed_s = _shown_out_s(b, tokens[0], sockets[0])
        print(f"{asked.people} idle sockets: {mb * 1024 / asked.people:.0f} kB each, {idle * 100:.1f} % of a core"
              f" ({idle_before * 100:.1f} % with questions and no socket)")  # fmt: skip
        for name, took in (("without", alone), ("with", beside)):
            late = statistics.quantiles(took, n=20)[18]
            print(f"a question of somebody else, {name} them: {statistics.median(took):.1f} ms, 95 % {late:.1f} ms")
        print(f"revoked on the database, the socket closed within {closed_s:.1f} s")


if __name__ == "__main__":
    main()
