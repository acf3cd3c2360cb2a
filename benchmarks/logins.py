"""What other people notice while 100 log in at once: how long the loop is held, and how far apart a stream's tokens come.

    python -m benchmarks.logins [--logins 100] [--rounds 3]

A service with hashes of the usual cost runs in a process of its own, with a probe on its loop that says when it was not
asked in time, and whether that was by us or because other processes had the cores (Linux tells). Half of the logins have
a wrong password or a name that nobody has.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import msgspec

from benchmarks import loop_probe
from jupyter_aichat.auth.accounts import new_account
from jupyter_aichat.auth.passwords import Passwords
from jupyter_aichat.wiring import Settings, make_store
from tests.service_app.process import Person, Service, running

MODEL = "endless-50"
PASSWORD = "correct horse battery"
_QUIET_S = 3.0
_SETTLED_S = 7.0  # what was there at the start is out of the collector's sight by then


async def make_accounts(store_url: str, names: list[str]) -> None:
    """Write accounts that share one hash: to make one for each would take a minute."""
    passwords, store = Passwords(), make_store(Settings(store_url=store_url))
    passwords.open()
    try:
        hashed = await passwords.hash(PASSWORD)
        await store.open()
        for name in names:
            await store.accounts.create_account(msgspec.structs.replace(new_account(name, None), password_hash=hashed))
    finally:
        await passwords.close()
        await store.close()


async def gaps(service: Service, person: Person, until: asyncio.Event) -> list[float]:
    """Return the seconds between the tokens of a stream."""
    socket = await service.socket(person.token)
    await socket.write({"type": "send", "id": 1, "text": "Count.", "model": MODEL})
    found, last = list[float](), time.perf_counter()
    while not until.is_set():
        if (await socket.frame())["type"] == "event":
            at = time.perf_counter()
            found.append(at - last)
            last = at
    socket.connection.close()
    return found[2:]


async def login(client: httpx.AsyncClient, name: str, password: str) -> int:
    """Log in; return the status."""
    return (await client.post("/auth/login", json={"username": name, "password": password})).status_code


async def measured(service: Service, person: Person, tries: list[tuple[str, str]]) -> dict[str, Any]:
    """Let all these log in at once while somebody reads an answer."""
    over = asyncio.Event()
    reading = asyncio.create_task(gaps(service, person, over))
    await asyncio.sleep(_QUIET_S)
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=service.base, timeout=300, limits=limits) as client:
        begun, at = time.perf_counter(), time.time()
        statuses = await asyncio.gather(*(login(client, *each) for each in tries))
        took = time.perf_counter() - begun
    over.set()
    found = await reading
    counted = {str(status): statuses.count(status) for status in sorted(set(statuses))}
    return {"at": at, "took_s": took, "statuses": counted, "gaps": found}


def main() -> None:
    """Measure and print."""
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("--logins", type=int, default=100)
    cli.add_argument("--rounds", type=int, default=3)
    asked = cli.parse_args()
    names = [f"person{n}" for n in range(asked.logins)]
    tries = [(name if n % 4 else f"nobody{n}", PASSWORD if n % 2 else "wrong horse") for n, name in enumerate(names)]
    with tempfile.TemporaryDirectory(prefix="aichat-bench-") as name:
        folder = Path(name)
        holds = folder / "holds.json"
        probe = folder / "probe.py"
        probe.write_text(f"from benchmarks import loop_probe\nloop_probe.install({str(holds)!r})\n")
        arguments = (f"--ScriptedProvider.names={MODEL}", f"--AIChatApp.default_model={MODEL}", f"--config={probe}")
        with running(folder, *arguments) as service:
            asyncio.run(make_accounts(service.store_url, names))
            person = service.person("reader")
            time.sleep(_SETTLED_S)
            rounds = [asyncio.run(measured(service, person, tries)) for _ in range(asked.rounds)]
            service.terminate()
        report(rounds, json.loads(holds.read_text()))


def report(rounds: list[dict[str, Any]], holds: list[loop_probe.Hold]) -> None:
    """Print a line for each round."""
    for number, found in enumerate(rounds, 1):
        before = [hold for hold in holds if found["at"] - _QUIET_S < hold[0] < found["at"]]
        within = [hold for hold in holds if found["at"] <= hold[0] <= found["at"] + found["took_s"]]
        gap_ms = [1000 * each for each in found["gaps"]]
        print(
            f"round {number}: {found['statuses']} in {found['took_s']:.1f} s; loop held {_longest(within)}"
            f" ({_longest(before)} before); token gaps at most {max(gap_ms):.0f} ms,"
            f" 99 % {statistics.quantiles(gap_ms, n=100)[98]:.0f} ms",
            flush=True,
        )


def _longest(holds: list[loop_probe.Hold]) -> str:
    late = max((late for _, late, _ in holds), default=0.0)
    own = max((late - waited for _, late, waited in holds), default=0.0)
    return f"{1000 * late:.1f} ms, by us {1000 * own:.1f} ms"


if __name__ == "__main__":
    main()
