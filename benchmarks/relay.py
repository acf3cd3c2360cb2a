"""Streams through the extension beside a direct connection: the promises of docs/developers/performance.md.

    python -m benchmarks.relay [--rounds 3] [--only ttft,paced,burst,most,history,memory,lists] [--shared] [--service] [--json FILE]

With --shared chats are in MongoDB and events on Redis, both on the fake's core, instead of SQLite and memory.
With --service it is the service, with accounts, limits and quotas, asked with a personal token.

Time to first token is ours minus the direct one of the same round. Latencies are one-way: every token carries the
moment of its writing. Needs two cores, cc and taskset; everything is on loopback.
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import time
import urllib.parse
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from benchmarks.processes import Bench
from benchmarks.servers import bench

FIRST = "bench-t50-d20-f20:latest"
PACED = "bench-t200-d50-f0:latest"
LONG = "bench-t400-d50-f50:latest"
BURST = "bench-t500-d0-f0-b8:latest"
SLOW = "bench-t12-d1000-f0:latest"
_HISTORY = 1000
_MANY = 500

Figures = dict[str, float]


def ours(model: str, **more: object) -> str:
    """The frame that begins a chat, or asks in one."""
    return json.dumps({"type": "send", "id": "{{ID}}", "text": "hi", "model": model, **more})


def theirs(model: str) -> str:
    """The request to the provider itself."""
    return json.dumps({"model": model, "stream": True, "messages": [{"role": "user", "content": "hi"}]})


def _of(figures: dict[str, float | dict[str, float]], name: str, quantile: str) -> float:
    group = figures[name]
    assert isinstance(group, dict)
    return group[quantile]


def _plain(figures: dict[str, float | dict[str, float]], name: str) -> float:
    value = figures[name]
    assert not isinstance(value, dict)
    return value


def ttft(b: Bench) -> Figures:
    """One conversation at a time."""
    direct = b.load(conns=1, secs=3.5, warm=0.5, body=theirs(FIRST), direct=True)
    through = b.load(conns=1, secs=3.5, warm=0.5, body=ours(FIRST))
    return {"added_ttft_ms": _of(through, "ttft_ms", "p50") - _of(direct, "ttft_ms", "p50")}


def paced(b: Bench) -> Figures:
    """20 streams of 20 tokens a second; all have begun before it is measured, and none ends meanwhile."""
    found: list[dict[str, float | dict[str, float]]] = []
    cost = b.steady_us_per_token(
        3, 12, lambda: found.append(b.load(conns=20, secs=14, warm=2, stagger=1, body=ours(LONG)))
    )
    (figures,) = found
    return {
        "paced_cpu_us_per_token": cost,
        "paced_p95_ms": _of(figures, "lat_ms", "p95"),
        "paced_bytes_per_token": _plain(figures, "bytes") / _plain(figures, "tokens"),
    }


def burst(b: Bench) -> Figures:
    """16 streams without delay, 8 tokens a write."""
    figures = b.load(conns=16, secs=4, warm=1, body=ours(BURST))
    return {
        "burst_tokens_per_s": _plain(figures, "tok_s"),
        "burst_cpu_us_per_token": _plain(figures, "cpu_us_per_token"),
        "burst_bytes_per_character": _plain(figures, "bytes") / _plain(figures, "tokens") / 17,
    }


def most(b: Bench) -> Figures:
    """The most streams of 20 tokens a second with a 95th percentile of at most 100 ms and no token missing.

    On MongoDB each answer lasts 20 s, and they begin as slowly as the test database takes them.
    """
    best, n = 0, 700 if b.shared else 1000
    low, high = 0, 4000
    while low < high * 0.9:
        begin_s = n / 50 if b.shared else 5
        model = LONG if b.shared else PACED
        figures = b.load(conns=n, secs=4, warm=begin_s + 1, stagger=begin_s, body=ours(model))
        good = (
            _plain(figures, "errors") == 0
            and _plain(figures, "tok_s") >= 0.95 * 20 * n
            and _of(figures, "lat_ms", "p95") <= 100
        )
        print(f"  {n} streams: {_plain(figures, 'tok_s'):.0f} tokens/s, p95 {_of(figures, 'lat_ms', 'p95'):.1f} ms,"
              f" {_plain(figures, 'cpu_us_per_token'):.0f} µs", flush=True)  # fmt: skip
        if good:
            best, low = n, n
        else:
            high = n
        n = int(n * 1.25) if good and high == 4000 else (low + high) // 2
    return {"most_streams": best}


def history(b: Bench) -> Figures:
    """What a token costs in a chat of 1,000 messages, against an empty one."""
    chat = str(b.json("/chats", {"model": PACED})["id"])
    b.load(conns=1, secs=300, warm=0, body=ours("bench-t1-d0-f0:latest", chat_id=chat), reqs=_HISTORY // 2)
    leaf = b.json(f"/chats/{chat}")["active_leaf"]
    empty = str(b.json("/chats", {"model": PACED})["id"])
    costs: dict[str, list[float]] = {empty: [], chat: []}
    for chat_id, parent in ((empty, None), (chat, leaf)) * 2:
        body = ours(LONG, chat_id=chat_id, parent_id=parent)
        costs[chat_id].append(
            b.steady_us_per_token(8, 9, partial(b.load, conns=50, secs=14, warm=1, stagger=4, body=body))
        )
    of_empty, of_long = statistics.mean(costs[empty]), statistics.mean(costs[chat])
    return {"empty_chat_us": of_empty, "long_chat_us": of_long, "long_over_empty": of_long / of_empty}


def memory(b: Bench) -> Figures:
    """Idle, for each of 500 open sockets, and for each of 500 streams."""
    b.load(conns=2, secs=2, warm=0, body=ours(FIRST))
    idle = b.rss_mb()
    with b.sockets(_MANY):
        of_sockets = b.rss_mb() - idle
    peak = 0.0
    with ThreadPoolExecutor(1) as pool:
        loading = pool.submit(b.load, conns=_MANY, secs=6, warm=1, stagger=4, body=ours(SLOW))
        while not loading.done():
            peak = max(peak, b.rss_mb())
            time.sleep(0.2)
    return {
        "idle_mb": idle,
        "kb_per_socket": of_sockets * 1024 / _MANY,
        "kb_per_stream": (peak - idle) * 1024 / _MANY,
    }


def lists(b: Bench) -> Figures:
    """Through the handlers: the first page of 1,000 chats, and a chat of 50 messages."""
    for _ in range(1000 - len(_all(b))):
        b.json("/chats", {"title": "a chat"})
    chat = str(b.json("/chats", {"model": PACED})["id"])
    b.load(conns=1, secs=60, warm=0, body=ours("bench-t20-d0-f0:latest", chat_id=chat), reqs=25)
    return {
        "list_ms": _time(b, "/chats?limit=60"),
        "open_ms": _time(b, f"/chats/{chat}/messages?limit=50"),
    }


def _all(b: Bench) -> list[object]:
    items: list[object] = []
    cursor = ""
    while True:
        page = b.json(f"/chats?limit=100{cursor}")
        found = page["items"]
        assert isinstance(found, list)
        items += found
        if not page["next"] or len(items) >= 1000:
            return items
        cursor = f"&cursor={page['next']}"


def _time(b: Bench, path: str) -> float:
    """Median milliseconds of 200 answers over one kept connection."""
    parts = urllib.parse.urlsplit(f"{b.api}{path}")
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
    took = []
    for _ in range(200):
        begun = time.perf_counter()
        connection.request("GET", f"{parts.path}?{parts.query}", headers={"Authorization": b.credential})
        connection.getresponse().read()
        took.append((time.perf_counter() - begun) * 1000)
    return statistics.median(took)


MEASURES: dict[str, Callable[[Bench], Figures]] = {
    "memory": memory,
    "ttft": ttft,
    "paced": paced,
    "burst": burst,
    "most": most,
    "history": history,
    "lists": lists,
}
ONCE = {"memory", "most", "history", "lists"}
BARS: dict[str, tuple[str, float]] = {
    "added_ttft_ms": ("≤", 3),
    "paced_cpu_us_per_token": ("≤", 110),
    "paced_p95_ms": ("≤", 100),
    "paced_bytes_per_token": ("≤", 160),
    "burst_tokens_per_s": ("≥", 150_000),
    "burst_bytes_per_character": ("≤", 1.5),
    "most_streams": ("≥", 1000),
    "long_over_empty": ("≤", 1.1),
    "idle_mb": ("≤", 110),
    "kb_per_socket": ("≤", 40),
    "kb_per_stream": ("≤", 40),
    "list_ms": ("≤", 1.5),
    "open_ms": ("≤", 1.5),
}
SHARED_BARS: dict[str, tuple[str, float]] = {
    "added_ttft_ms": ("≤", 5),
    "paced_cpu_us_per_token": ("≤", 160),
    "most_streams": ("≥", 700),
}


def main() -> None:
    """Measure and print a table."""
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("--rounds", type=int, default=3)
    cli.add_argument("--only", default=",".join(MEASURES))
    cli.add_argument("--shared", action="store_true")
    cli.add_argument("--service", action="store_true")
    cli.add_argument("--json", type=Path)
    args = cli.parse_args()
    bars = BARS | SHARED_BARS if args.shared else BARS
    rows: dict[str, list[float]] = {}
    with bench(shared=args.shared, service=args.service) as b:
        for name in str(args.only).split(","):
            for _ in range(1 if name in ONCE else args.rounds):
                for key, value in MEASURES[name](b).items():
                    rows.setdefault(key, []).append(value)
                    print(f"{name}: {key} = {value:,.2f}", flush=True)
    print("\n| figure | median (min to max) | bar | |\n|---|---|---|---|")
    for key, values in rows.items():
        print(_row(key, values, bars))
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1))


def _row(key: str, values: list[float], bars: dict[str, tuple[str, float]]) -> str:
    middle = statistics.median(values)
    sign, bar = bars.get(key, ("", 0.0))
    met = "" if not sign else "met" if (middle <= bar if sign == "≤" else middle >= bar) else "missed"
    spread = f" ({min(values):,.2f} to {max(values):,.2f})" if len(values) > 1 else ""
    return f"| {key} | {middle:,.2f}{spread} | {f'{sign} {bar:,g}' if sign else ''} | {met} |"


if __name__ == "__main__":
    main()
