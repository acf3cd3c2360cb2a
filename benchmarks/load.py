"""The whole set under people: how many at once, and what an answer and a token cost each process.

    python -m benchmarks.load [--people 100,200,300,400] [--tokens 200] [--think 30] [--seconds 40] [--json FILE]

nginx with TLS, two replicas of the service, Redis, SecantusDB, a fake Ollama of 20 tokens a second, all on this machine. Each
person has an account and a socket, asks, reads, thinks and asks again. The steps end where the 95th percentile of the first
token is over a second, or where a token came a second late or a question failed. A step takes a cycle more than --seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

import msgspec

from benchmarks.crowd import Crowd
from benchmarks.member import personal_tokens
from benchmarks.whole import Whole, cpu_s, whole

_RATE = 20
_FIRST_MS = 1000
_MOST_STEPS, _MOST_STEP_S = 6, 120
Figures = dict[str, Any]


def step(w: Whole, crowd: Crowd) -> Figures:
    """So many people for a while: what they saw and what it cost."""
    command = [sys.executable, "-m", "benchmarks.crowd"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(msgspec.json.encode(crowd))
            process.stdin.close()
            _wait_for(process.stdout, "begin")
            before = _counters(w, process.pid)
            state = {"rss_mb": w.rss_mb(), "sockets": w.sockets()}
            _wait_for(process.stdout, "end")
            after = _counters(w, process.pid)
            seen: Figures = json.loads(process.stdout.readline())
        finally:
            process.kill()
    return {
        "people": len(crowd.tokens),
        "tokens_an_answer": round(crowd.answer_s * _RATE),
        **seen,
        **state,
        **_costs(before, after, seen),
    }


def _wait_for(lines: IO[bytes], word: str) -> None:
    while (line := lines.readline()) != f"{word}\n".encode():
        if not line:
            raise RuntimeError("the crowd ended early")


def _counters(w: Whole, crowd_pid: int) -> Figures:
    return {
        "at": time.monotonic(),
        "cpu": {**w.cpu_s(), "crowd": cpu_s(crowd_pid)},
        "busy": sum(map(int, Path("/proc/stat").read_text().splitlines()[0].split()[1:4])) / os.sysconf("SC_CLK_TCK"),
        "mongo": w.mongo_commands(),
        "waited": w.waited(),
        "redis": w.redis_figures(),
    }


def _costs(before: Figures, after: Figures, seen: Figures) -> Figures:
    """Of the measured time, by answer and by token."""
    took, answers, tokens = after["at"] - before["at"], max(seen["answers"], 1), max(seen["tokens"], 1)
    cpu = {name: after["cpu"][name] - before["cpu"][name] for name in after["cpu"]}
    return {
        "cpu_cores": {name: round(used / took, 3) for name, used in cpu.items()},
        "cpu_cores_of_others": max(round((after["busy"] - before["busy"] - sum(cpu.values())) / took, 3), 0.0),
        "cpu_ms_per_answer": {name: round(used * 1000 / answers, 2) for name, used in cpu.items()},
        "cpu_us_per_token": {name: round(used * 1e6 / tokens, 1) for name, used in cpu.items()},
        "mongo_per_answer": _per_answer(before["mongo"], after["mongo"], answers),
        "redis_per_answer": _per_answer(before["redis"], after["redis"], answers),
        "waited_ms": _waited_ms(before["waited"], after["waited"]),
    }


def _waited_ms(before: tuple[Counter[str], Counter[str]], after: tuple[Counter[str], Counter[str]]) -> dict[str, float]:
    """How long one question to store, bus, cache or queue took on average; first where most was waited in all."""
    counts, waits = after[0] - before[0], after[1] - before[1]
    return {name: round(us / 1000 / counts[name], 1) for name, us in waits.most_common() if counts[name]}


def _per_answer(before: Counter[str], after: Counter[str], answers: int) -> dict[str, float]:
    return {name: round(count / answers, 2) for name, count in (after - before).most_common()}


def is_good(found: Figures) -> bool:
    """Whether nobody had to wait, and nobody was refused."""
    first = found["first_token_ms"].get("p95")
    return first is not None and first <= _FIRST_MS and not found["stalls"] and not found["errors"]


def measured(people: Iterable[int], tokens: int, think_s: float, seconds: float) -> list[Figures]:
    """All steps, until one is not good."""
    steps = sorted(people)
    rows = []
    with whole() as w:
        entered = asyncio.run(personal_tokens(w.store_url, steps[-1]))
        for count in steps:
            crowd = Crowd(
                port=w.port, certificate=str(w.certificate), tokens=entered[:count], answer_s=tokens / _RATE,
                model=f"bench-t{tokens}-d{1000 // _RATE}-f0:latest", think_s=think_s, measured_s=seconds,
            )  # fmt: skip
            rows.append({**step(w, crowd), "stored_bytes_per_answer": w.stored_bytes()})
            print(_line(rows[-1]), flush=True)
            if not is_good(rows[-1]):
                break
    return rows


def _line(row: Figures) -> str:
    first, late = row["first_token_ms"], row["token_late_ms"]
    return (
        f"{row['people']} people, {row['streams']} streams: {row['tokens_per_s']:,.0f} tokens/s; first token"
        f" {first.get('p50')} / {first.get('p95')} / {first.get('p99')} ms; a token late by {late.get('p95')} ms (95 %);"
        f" {row['stalls']} stalls, {row['errors']} errors; others on this machine: {row['cpu_cores_of_others']} cores"
    )


def table(row: Figures) -> str:
    """What each process cost in a step."""
    lines = ["| process | cores | CPU ms an answer | CPU µs a token | MB | sockets |", "|---|---|---|---|---|---|"]
    for name, cores in row["cpu_cores"].items():
        lines.append(
            f"| {name} | {cores:.2f} | {row['cpu_ms_per_answer'][name]:.1f} | {row['cpu_us_per_token'][name]:.0f}"
            f" | {row['rss_mb'].get(name, '')} | {row['sockets'].get(name, '')} |"
        )
    rest = ("cpu_cores_of_others", "redis_per_answer", "mongo_per_answer", "stored_bytes_per_answer", "waited_ms")
    return "\n".join([*lines, "", *(f"{name}: {row[name]}" for name in rest)])


def main() -> None:
    """Measure and print."""
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("--people", default="100,200,300,400,600,800")
    cli.add_argument("--tokens", type=int, choices=(20, 200), default=200)  # what the fake has
    cli.add_argument("--think", type=float, default=30)
    cli.add_argument("--seconds", type=float, default=40)
    cli.add_argument("--json", type=Path)
    args = cli.parse_args()
    people = [int(count) for count in str(args.people).split(",")]
    step_s = args.tokens / _RATE + args.think + args.seconds
    if len(people) > _MOST_STEPS or step_s > _MOST_STEP_S:
        cli.error(f"at most {_MOST_STEPS} steps of {_MOST_STEP_S} s")
    rows = measured(people, args.tokens, args.think, args.seconds)
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1))
    good = [row for row in rows if is_good(row)]
    print(f"\n{table((good or rows)[-1])}")


if __name__ == "__main__":
    main()
