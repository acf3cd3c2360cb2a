"""What accounts, limits and quotas cost on the path of a token: a personal server and a service, asked in turn.

    python -m benchmarks.price [--rounds 6]

The two are measured one after the other in each round, in changing order, since what a machine has to spare changes more from
minute to minute than they differ. Streams begin at times that are no multiples of a token's, so that each token is a step of
the loop of its own for both.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from contextlib import ExitStack
from statistics import median
from typing import cast

from benchmarks.processes import Bench
from benchmarks.relay import BURST, LONG, ours
from benchmarks.servers import server, service_server, tools

STREAMS, APART_S = 20, 1.05
BURST_TOKENS = 500


def main() -> None:
    """Measure and print."""
    cli = argparse.ArgumentParser(prog="python -m benchmarks.price")
    cli.add_argument("--rounds", type=int, default=6)
    rounds = cli.parse_args().rounds
    with tools() as (folder, fake), ExitStack() as running:
        benches = {
            "personal": Bench(folder, fake, running.enter_context(server(folder, fake, {}, core=1))),
            "service": Bench(folder, fake, running.enter_context(service_server(folder, fake, {}, core=1))),
        }
        _tell("CPU of an answer in bursts, µs", _in_turn(benches, _burst, rounds))
        _tell("CPU of a paced token, µs", _in_turn(benches, _paced, rounds))


def _in_turn(benches: dict[str, Bench], measure: Callable[[Bench], float], rounds: int) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {name: [] for name in benches}
    for number in range(rounds):
        names = list(benches) if number % 2 else list(reversed(benches))
        for name in names:
            found[name].append(measure(benches[name]))
    return found


def _burst(bench: Bench) -> float:
    figures = bench.load(conns=16, secs=4, warm=1, body=ours(BURST))
    return cast("float", figures["cpu_us_per_token"]) * BURST_TOKENS


def _paced(bench: Bench) -> float:
    return bench.steady_us_per_token(
        3, 12, lambda: bench.load(conns=STREAMS, secs=14, warm=2, stagger=APART_S, body=ours(LONG))
    )


def _tell(what: str, found: dict[str, list[float]]) -> None:
    of_one, of_many = median(found["personal"]), median(found["service"])
    print(f"{what}: personal {of_one:.0f}, service {of_many:.0f}: {of_many / of_one - 1:+.1%} (medians of {found})")


if __name__ == "__main__":
    main()
