"""The doctor's look at the model servers."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlsplit

import msgspec

from jupyter_aichat.cli.checks.finding import Finding, Level
from jupyter_aichat.cli.desk import AIChatApp
from jupyter_aichat.domain.model import Model
from jupyter_aichat.errors import AIChatError
from jupyter_aichat.wiring import Desk


class _Look(msgspec.Struct, frozen=True):
    """What one server said."""

    url: str
    cloud: bool
    models: tuple[Model, ...] = ()
    version: str = ""
    error: str = ""

    @property
    def name(self) -> str:
        """The server, as it is told."""
        return f"Ollama {self.version} at {self.url}" if self.version else self.url


async def models(app: AIChatApp, found: Desk) -> AsyncIterator[Finding]:
    """Yield of each server whether it answers, what it has, and who can listen; and whether the default model is there."""
    looks = await asyncio.gather(*(_look(found, number) for number in range(len(found.ollamas))))
    there = [look for look in looks if not look.error]
    for look in looks:
        yield _had(look, alone=not there or len(looks) == 1)
        for warning in _warnings(look):
            yield warning
    listed = [model for look in there for model in look.models]
    names = sorted({model.name for model in listed})
    if app.default_model and names and not {app.default_model, f"{app.default_model}:latest"} & {*names}:
        yield Finding(
            "models", "fail", f"The default model {app.default_model} is not there.",
            f"Pull it, or set AIChatApp.default_model to one of {', '.join(names[:5])}.",
        )  # fmt: skip
    for name in names:
        if len({model.digest for model in listed if model.name == name}) > 1:
            yield Finding(
                "models", "warn", f"{name} is not the same model on all servers: those that differ from the first are not asked.",
                f"On each: ollama pull {name}",
            )  # fmt: skip


async def _look(found: Desk, number: int) -> _Look:
    ollama = found.ollamas[number]
    await ollama.open()
    try:
        return _Look(ollama.url, ollama.allow_cloud, await ollama.models(), await ollama.version())
    except AIChatError as error:
        return _Look(ollama.url, ollama.allow_cloud, error=error.message)
    finally:
        await ollama.close()


def _had(look: _Look, *, alone: bool) -> Finding:
    """What is to be said of a server: one of several that is away is no failure while others work."""
    if look.error:
        where = "OllamaProvider.url (OLLAMA_HOST)" if alone else "OllamaPool.urls (OLLAMA_HOST)"
        return Finding("models", "fail" if alone else "warn", look.error, f"{where} says where it is.")
    names = [model.name for model in look.models]
    if not names:
        level: Level = "fail" if alone else "warn"
        return Finding("models", level, f"{look.name} has no model that can chat.", "For example: ollama pull qwen3:4b")
    shown = f"{', '.join(names[:5])}{', …' if len(names) > 5 else ''}"
    return Finding("models", "ok", f"{look.name} has {len(names)}: {shown}.")


def _warnings(look: _Look) -> Iterator[Finding]:
    if urlsplit(look.url).scheme == "http" and not _is_near(look.url):
        yield Finding(
            "models", "warn", f"{look.url} is asked over the network without TLS: others may read prompts.",
            "Use https:// (a proxy before Ollama), or a network that is yours.",
        )  # fmt: skip
    if look.cloud:
        yield Finding("models", "warn", "Models of Ollama's cloud are offered: they send prompts to others.")


def _is_near(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
