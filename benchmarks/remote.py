"""What a person's own Jupyter server in remote mode adds to the service behind it.

    python -m benchmarks.remote [--rounds 5]

The same service is asked in turn directly and through a Jupyter server, by one conversation at a time; then 20 streams of 20
tokens a second go through. Both servers share core 1, the fake Ollama and the load client core 0; everything is on loopback.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.processes import Bench
from benchmarks.relay import LONG, ours
from benchmarks.servers import server, service_server, tools

SHORT = "bench-t1-d0-f0:latest"
BAR_MS = 2.0

Quantiles = tuple[float, float]


@contextmanager
def servers() -> Iterator[tuple[Bench, Bench]]:
    """The service, and a Jupyter server that forwards to it, with one person's token."""
    with tools() as (folder, fake), service_server(folder, fake, {}, core=1) as service:
        token = service.credential.removeprefix("Bearer ")
        env = {"AICHAT_SERVICE_URL": f"http://127.0.0.1:{service.port}", "AICHAT_SERVICE_TOKEN": token}
        with server(folder, fake, env, core=1) as own:
            yield Bench(folder, fake, service), Bench(folder, fake, own)


def _first_token_ms(b: Bench) -> Quantiles:
    """Milliseconds to the first token: the median, and what one in a hundred exceeds."""
    figures = b.load(conns=1, secs=2.5, warm=0.5, body=ours(SHORT))
    found = figures["ttft_ms"]
    assert isinstance(found, dict)
    assert found["n"], "no answers: each begins a chat, of which nobody may have more than 20,000"
    return found["p50"], found["p99"]


def _us_per_token(b: Bench) -> float:
    return b.steady_us_per_token(3, 12, lambda: b.load(conns=20, secs=14, warm=2, stagger=1, body=ours(LONG)))


def _told(name: str, values: list[float], unit: str) -> str:
    return f"{name}: {statistics.median(values):.2f} {unit} ({min(values):.2f} to {max(values):.2f})"


def main() -> None:
    """Measure and print."""
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("--rounds", type=int, default=5)
    rounds = range(cli.parse_args().rounds)
    with servers() as (service, own):
        pairs = [(_first_token_ms(service), _first_token_ms(own)) for _ in rounds]
        for n, name in enumerate(("p50", "p99")):
            print(_told(f"directly, {name}", [direct[n] for direct, _ in pairs], "ms"))
            print(_told(f"through remote mode, {name}", [through[n] for _, through in pairs], "ms"))
            added = [through[n] - direct[n] for direct, through in pairs]
            met = "met" if statistics.median(added) <= BAR_MS else "missed"
            print(_told(f"added, {name}", added, f"ms, bar {BAR_MS:.0f}: {met}"))
        print(_told("CPU of the Jupyter server, a paced token", [_us_per_token(own) for _ in rounds], "µs"))


if __name__ == "__main__":
    main()
