"""What accounts, limits and quotas cost on the path of a token: a personal server and a service, asked in turn.

    python -m benchmarks.price [--rounds 8] [--only burst,paced]

Each is started anew in each round, has its core alone, and is not measured before it has answered for a while: one and the same
program differs by some percent from start to start, a second one beside it costs it some more, though it be idle, and what is
done for the first time is not what an answer costs. Streams begin at times that are no multiples of a token's, so that each
token is a step of the loop of its own for both.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import NamedTuple, cast

from benchmarks.processes import Bench
from benchmarks.relay import BURST, LONG, ours
from benchmarks.servers import server, service_server, tools

STREAMS, APART_S = 20, 1.05
BURST_TOKENS = 500


def main() -> None:
    """Measure and print."""
    cli = argparse.ArgumentParser(prog="python -m benchmarks.price")
    cli.add_argument("--rounds", type=int, default=8)
    cli.add_argument("--only", default=",".join(MEASURES))
    args = cli.parse_args()
    found: dict[str, Found] = {name: {"personal": [], "service": []} for name in str(args.only).split(",")}
    with tools() as (folder, fake):
        for number in range(args.rounds):
            _round(folder, fake, number, found)
    for name, each in found.items():
        _tell(MEASURES[name].what, each)


class _Measure(NamedTuple):
    what: str
    of: Callable[[Bench], float]


Found = dict[str, list[float]]
"""What was measured of the personal server and of the service, by round."""


def _round(folder: Path, fake: int, number: int, found: dict[str, Found]) -> None:
    """Start one, measure it, end it; then the other one."""
    for kind in ("service", "personal") if number % 2 else ("personal", "service"):
        home = folder / f"{kind}-{number}"
        home.mkdir()
        with (service_server if kind == "service" else server)(home, fake, {}, core=1) as served:
            bench = Bench(folder, fake, served)
            bench.load(conns=STREAMS, secs=3, warm=1, body=ours(BURST))
            for name, kept in found.items():
                kept[kind].append(MEASURES[name].of(bench))


def _burst(bench: Bench) -> float:
    figures = bench.load(conns=16, secs=4, warm=1, body=ours(BURST))
    return cast("float", figures["cpu_us_per_token"]) * BURST_TOKENS


def _paced(bench: Bench) -> float:
    return bench.steady_us_per_token(
        3, 12, lambda: bench.load(conns=STREAMS, secs=14, warm=2, stagger=APART_S, body=ours(LONG))
    )


MEASURES = {
    "burst": _Measure("CPU of an answer in bursts, µs", _burst),
    "paced": _Measure("CPU of a paced token, µs", _paced),
}


def _tell(what: str, found: Found) -> None:
    of_one, of_many = median(found["personal"]), median(found["service"])
    print(f"{what}: personal {of_one:.0f}, service {of_many:.0f}: {of_many / of_one - 1:+.1%}")
    for kind, each in found.items():
        print(f"  {kind}:", *(f"{figure:.0f}" for figure in each))


if __name__ == "__main__":
    main()
