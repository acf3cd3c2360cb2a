"""Finds who keeps the chats: the server that the notebook runs under, else the engine in this process."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

from jupyter_aichat.kernel.service import Service, ServiceGone

KERNEL_URL = "JUPYTER_AICHAT_KERNEL_URL"
KERNEL_TOKEN = "JUPYTER_AICHAT_KERNEL_TOKEN"  # noqa: S105 (a variable's name)
SERVICE_URL = "AICHAT_SERVICE_URL"
_BASE = "api/aichat/v1"
_MAX_DEPTH = 32


async def find() -> Service:
    """Return a server that answers, else an engine that runs here.

    Raises `AIChatError` where not even that can start, or where the chats are kept by a service, to which only the Jupyter
    server leads.
    """
    if (url := os.environ.get(KERNEL_URL)) and (service := await _try(url, os.environ.get(KERNEL_TOKEN, ""))):
        return service
    for url, token in await asyncio.to_thread(lambda: tuple(_servers_above())):
        if service := await _try(url, token):
            return service
    if url := os.environ.get(SERVICE_URL):
        raise ServiceGone(
            f"The chats are kept at {url}, and the Jupyter server that leads there does not answer: is it still running?"
        )
    from jupyter_aichat.kernel.inprocess import InProcess  # noqa: PLC0415 (an engine only where it is needed)

    return await InProcess.start()


async def _try(url: str, token: str) -> Service | None:
    """Return the server's client, or None where nobody answers: what the environment says may be long over."""
    from jupyter_aichat.kernel.client import ServerClient  # noqa: PLC0415 (httpx takes a tenth of a second)

    client = ServerClient(url, token)
    if await client.probe():
        return client
    await client.close()
    return None


def _servers_above() -> Iterator[tuple[str, str]]:
    """Yield URL and token of the running servers that are ancestors of this process, the nearest first.

    Others may run here too, other people's among them; theirs are not this notebook's chats.
    """
    try:
        from jupyter_server.serverapp import list_running_servers  # noqa: PLC0415 (half a second, and only here)
    except ImportError:
        return
    running = {info["pid"]: info for info in list_running_servers()}
    for pid in ancestors():
        if info := running.get(pid):
            yield f"{info['url'].rstrip('/')}/{_BASE}", info.get("token", "")


def ancestors() -> Iterator[int]:
    """Yield the parent's process id, then its parent's …; where processes cannot be looked at, the parent's alone."""
    pid = os.getppid()
    for _ in range(_MAX_DEPTH):
        yield pid
        try:
            status = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return
        pid = int(status.rpartition(")")[2].split()[1])  # the name in brackets may hold anything
        if pid <= 1:
            return
