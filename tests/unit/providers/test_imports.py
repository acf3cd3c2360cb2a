"""What importing a provider costs."""

from __future__ import annotations

import subprocess
import sys


def test_the_http_libraries_are_not_imported_with_the_provider() -> None:
    """They take a quarter of a second; `HttpClient` imports them behind the server's start."""
    program = "import sys, jupyter_aichat.providers.ollama; print(sorted({'httpx', 'aiohttp'} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    assert found.stdout.strip() == "[]"


def test_a_client_that_nobody_asked_loads_nothing_and_closes_at_once() -> None:
    program = """
import asyncio, sys, time
from jupyter_aichat.providers.exchange import HttpClient

async def main():
    client = HttpClient("http://127.0.0.1:9", {}, 1.0)
    await client.open()
    await asyncio.sleep(0.2)
    begun = time.monotonic()
    await client.close()
    await client.close()
    print(sorted({"httpx", "aiohttp"} & set(sys.modules)), time.monotonic() - begun < 0.5)

asyncio.run(main())
"""
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    assert found.stdout.strip() == "[] True"
