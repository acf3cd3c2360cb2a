"""The doctor's look at the model server."""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

from jupyter_aichat.cli.checks.finding import Finding
from jupyter_aichat.cli.desk import AIChatApp
from jupyter_aichat.domain.model import Model
from jupyter_aichat.errors import AIChatError
from jupyter_aichat.wiring import Desk


async def models(app: AIChatApp, found: Desk) -> AsyncIterator[Finding]:
    """Yield whether it answers, what it has, and who can listen."""
    ollama = found.ollama
    await ollama.open()
    try:
        listed, version = await ollama.models(), await ollama.version()
    except AIChatError as error:
        yield Finding("models", "fail", error.message, "OllamaProvider.url (OLLAMA_HOST) says where it is.")
    else:
        yield _chosen(listed, app.default_model, f"Ollama {version} at {ollama.url}" if version else ollama.url)
    finally:
        await ollama.close()
    if urlsplit(ollama.url).scheme == "http" and not _is_near(ollama.url):
        yield Finding(
            "models", "warn", f"{ollama.url} is asked over the network without TLS: others may read prompts.",
            "Use https:// (a proxy before Ollama), or a network that is yours.",
        )  # fmt: skip
    if ollama.allow_cloud:
        yield Finding("models", "warn", "Models of Ollama's cloud are offered: they send prompts to others.")


def _chosen(models: tuple[Model, ...], default_model: str, where: str) -> Finding:
    names = [model.name for model in models]
    if not names:
        return Finding("models", "fail", f"{where} has no model that can chat.", "For example: ollama pull qwen3:4b")
    if default_model and default_model not in (*names, *(name.removesuffix(":latest") for name in names)):
        return Finding(
            "models", "fail", f"{where} does not have the default model {default_model}.",
            f"Pull it, or set AIChatApp.default_model to one of {', '.join(names[:5])}.",
        )  # fmt: skip
    return Finding(
        "models", "ok", f"{where} has {len(names)}: {', '.join(names[:5])}{', …' if len(names) > 5 else ''}."
    )


def _is_near(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
