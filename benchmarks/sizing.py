"""From what was measured to how much is needed: the table of docs/operators/sizing.md.

    python -m benchmarks.load --tokens 20 --json short.json
    python -m benchmarks.load --tokens 200 --json long.json
    python -m benchmarks.sizing short.json long.json

Two lengths of an answer tell what an answer costs from what a token costs. What processes do without any question is counted
with the answers.
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.load import is_good

_RATE = 20
_FILLED = 0.6
"""How much of a core a process is given to do; the rest is for what comes at once."""
_OF_A_SOCKET = 2e-5
"""Cores of an idle socket: `python -m benchmarks.idle --shared`."""
_RESTING_MB, _SOCKET_MB, _ANSWER_MB = 110, 0.030, 0.050
_LEAST = 2
PARTS = ("replica", "nginx", "Redis")
Row = dict[str, Any]


@dataclass(frozen=True)
class Cost:
    """CPU seconds of an answer, and of each of its tokens."""

    answer: float
    token: float


@dataclass(frozen=True)
class People:
    """Who is there, and what they do. Times are seconds."""

    accounts: int
    present: int
    asks_every_s: float = 180.0
    tokens: int = 300

    @property
    def answers_per_s(self) -> float:
        """Answers that begin in a second."""
        return self.present / self.asks_every_s

    @property
    def tokens_per_s(self) -> float:
        """Tokens that come in a second."""
        return self.answers_per_s * self.tokens

    @property
    def streams(self) -> float:
        """Answers that are written at once."""
        return self.tokens_per_s / _RATE


WORKED = (
    People(200, 200), People(2_000, 1_000), People(20_000, 4_000), People(100_000, 10_000), People(100_000, 100_000),
)  # fmt: skip


def costs(short: Row, long: Row) -> dict[str, Cost]:
    """What an answer and a token cost each part, of two steps with answers of different lengths."""
    few, many = short["tokens_an_answer"], long["tokens_an_answer"]
    found = {}
    for part in PARTS:
        of_few, of_many = (_cpu_s(row, part) for row in (short, long))
        token = max(of_many - of_few, 0.0) / (many - few)
        found[part] = Cost(max(of_few - few * token, 0.0), token)
    return found


def _cpu_s(row: Row, part: str) -> float:
    """CPU seconds of an answer with all its tokens; an answer has one replica, so those of both are added."""
    by_name: dict[str, float] = row["cpu_ms_per_answer"]
    return sum(ms for name, ms in by_name.items() if name.startswith(part)) / 1000


def cores(people: People, cost: Cost) -> float:
    """Cores that a part has to do."""
    return people.answers_per_s * cost.answer + people.tokens_per_s * cost.token


def needed(people: People, found: dict[str, Cost], long: Row) -> dict[str, float]:
    """How much of everything; a process of ours, and a Redis, has one core."""
    of_replicas = cores(people, found["replica"]) + people.present * _OF_A_SOCKET
    replicas = max(_LEAST, math.ceil(of_replicas / _FILLED))
    signals = people.answers_per_s * long["redis_per_answer"]["publish"]
    commits = people.answers_per_s * 2 + replicas  # a question, an end, and a checkpoint a second of each process
    per_token = long["bytes_received"] / max(long["tokens"], 1)
    memory = replicas * _RESTING_MB + people.present * _SOCKET_MB + people.streams * _ANSWER_MB
    return {
        "accounts": people.accounts,
        "present": people.present,
        "answers/s": people.answers_per_s,
        "written at once": people.streams,
        "tokens/s": people.tokens_per_s,
        "cores of replicas": of_replicas,
        "replicas": replicas,
        "sockets a replica": people.present / replicas,
        "memory of replicas, GB": memory / 1000,
        "cores of nginx": cores(people, found["nginx"]),
        "cores of Redis": cores(people, found["Redis"]),
        "signals/s to each replica": signals,
        "MongoDB transactions/s, at most": commits,
        "to people, Mbit/s": people.tokens_per_s * per_token * 8 / 1e6,
    }


def table(columns: list[dict[str, float]]) -> str:
    """One line a figure, one column for each of `WORKED`."""
    lines = [f"| {name} | " + " | ".join(_plain(each[name]) for each in columns) + " |" for name in columns[0]]
    lines.insert(1, "|---|" + "---|" * len(columns))
    return "\n".join(lines)


def _plain(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def _last_good(path: Path) -> Row:
    rows: list[Row] = [row for row in json.loads(path.read_text()) if is_good(row)]
    if not rows:
        raise SystemExit(f"{path}: in no step everybody was served")
    return rows[-1]


def main() -> None:
    """Compute and print."""
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("short", type=Path)
    cli.add_argument("long", type=Path)
    args = cli.parse_args()
    short, long = _last_good(args.short), _last_good(args.long)
    found = costs(short, long)
    for part, cost in found.items():
        print(f"{part}: {cost.answer * 1000:.1f} ms an answer, {cost.token * 1e6:.0f} µs a token")
    print(f"\n{table([needed(people, found, long) for people in WORKED])}")


if __name__ == "__main__":
    main()
