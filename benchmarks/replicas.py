"""Two replicas over one MongoDB and one Redis: taking over, coming back, and what a second one brings.

    python -m benchmarks.replicas [--only takeover,resume,throughput]

The database, Redis, the fake Ollama and the load client share core 0 with the second replica; the first has core 1 alone.
So what two replicas carry here is a lower bound.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from benchmarks.processes import CREDENTIAL, Bench, get_json
from benchmarks.relay import BURST, PACED, _of, _plain, ours
from benchmarks.servers import server, shared_parts, tools

_KILLS = 3
_COUNTING = "counter-400-50"
_LONG = "markdown-100"


def takeover(folder: Path, fake: int, env: dict[str, str]) -> None:
    """Kill the replica that generates; another one's reader waits for what comes next."""
    with server(folder, fake, env, core=0) as served:
        took = [_kill_and_wait(folder, fake, env, served.api) for _ in range(_KILLS)]
    print(f"takeover: {statistics.median(took):.1f} s from kill -9 to the next event "
          f"({min(took):.1f} to {max(took):.1f}, {_KILLS} kills)")  # fmt: skip


def _kill_and_wait(folder: Path, fake: int, env: dict[str, str], other: str) -> float:
    with server(folder, fake, env, core=1) as served:
        sent = _send(served.api, _COUNTING)
        killed = 0.0
        for seq, event in _events(other, str(sent["run"]["id"]), 0):
            if not killed and event["type"] == "text_delta" and (seq & 0xFFFF) > 40:
                killed = time.monotonic()
                os.kill(served.pid, signal.SIGKILL)
            elif killed and event["type"] == "snapshot":
                took = time.monotonic() - killed
                get_json(f"{other}/runs/{sent['run']['id']}", method="DELETE")
                return took
    raise AssertionError("nobody took the run")


def resume(folder: Path, fake: int, env: dict[str, str]) -> None:
    """Read the rest of a long answer from its middle, from the replica that writes it and from another one."""
    with (
        server(folder, fake, env, core=1) as first,
        server(folder, fake, env, core=0) as second,
    ):
        owner, other = first.api, second.api
        sent = _send(owner, _LONG)
        seqs = [seq for seq, _ in _events(owner, str(sent["run"]["id"]), 0)]
        for name, api in (("its own replica", owner), ("another replica", other)):
            for place, after in (("the middle", seqs[len(seqs) // 2]), ("the end less ten", seqs[-10])):
                begun = time.perf_counter()
                got = list(_events(api, str(sent["run"]["id"]), after))
                took = (time.perf_counter() - begun) * 1000
                print(f"resume: {took:.0f} ms, {len(got)} events, from {place} of 100 kB, on {name}")


def throughput(folder: Path, fake: int, env: dict[str, str]) -> None:
    """Bursts and 400 paced streams, on one replica and divided between two."""
    with server(folder, fake, env, core=1) as first, server(folder, fake, env, core=0) as second:
        replicas = [Bench(folder, fake, first), Bench(folder, fake, second)]
        for chosen in (replicas[:1], replicas):
            for name, conns, model, warm in (("bursts", 16, BURST, 1.0), ("400 paced streams", 400, PACED, 5.0)):
                share = conns // len(chosen)
                found = _together([_load(b, share, model, warm) for b in chosen])
                rate = sum(_plain(each, "tok_s") for each in found)
                late = max(_of(each, "lat_ms", "p95") for each in found)
                print(
                    f"throughput: {len(chosen)} replica(s), {name}: {rate:,.0f} tokens/s, p95 {late:.0f} ms", flush=True
                )


def _load(b: Bench, conns: int, model: str, warm: float) -> Callable[[], dict[str, float | dict[str, float]]]:
    return lambda: b.load(conns=conns, secs=4, warm=warm, stagger=warm - 1, body=ours(model))


def _together(
    loads: list[Callable[[], dict[str, float | dict[str, float]]]],
) -> list[dict[str, float | dict[str, float]]]:
    with ThreadPoolExecutor(len(loads)) as pool:
        return [future.result() for future in [pool.submit(load) for load in loads]]


def _send(api: str, model: str) -> dict[str, dict[str, object]]:
    chat = get_json(f"{api}/chats", {"model": model})["id"]
    sent = get_json(f"{api}/chats/{chat}/messages", {"text": "Go on."})
    return {key: value for key, value in sent.items() if isinstance(value, dict)}


def _events(api: str, run_id: str, after: int) -> Iterator[tuple[int, dict[str, object]]]:
    request = urllib.request.Request(f"{api}/runs/{run_id}/events?after={after}", headers={"Authorization": CREDENTIAL})
    with urllib.request.urlopen(request, timeout=60) as answer:
        for line in answer:
            if line.startswith(b"data: "):
                told = json.loads(line[6:])
                yield int(told["seq"]), told["event"]


MEASURES = {"takeover": takeover, "resume": resume, "throughput": throughput}


@contextmanager
def _parts() -> Iterator[tuple[Path, int, dict[str, str]]]:
    with tools() as (folder, fake), shared_parts(folder) as env:
        yield folder, fake, env


def main() -> None:
    """Measure and print."""
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("--only", default=",".join(MEASURES))
    for name in str(cli.parse_args().only).split(","):
        with _parts() as (folder, fake, env):
            MEASURES[name](folder, fake, env)


if __name__ == "__main__":
    main()
