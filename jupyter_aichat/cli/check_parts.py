"""The doctor's look at what the service talks to: store, Redis, model server. It changes nothing there."""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

from jupyter_aichat.auth.administration import COMMAND_LINE, Administration
from jupyter_aichat.cli.desk import AIChatApp, opened, operator
from jupyter_aichat.cli.finding import Finding
from jupyter_aichat.domain.account import AccountQuery
from jupyter_aichat.domain.model import Model
from jupyter_aichat.domain.store_state import StoreState
from jupyter_aichat.errors import AIChatError, StoreUnavailable
from jupyter_aichat.wiring import Desk

MIB = 1024 * 1024
SCARCE_BYTES, LITTLE_BYTES = 100 * MIB, 1024 * MIB
MOST_AHEAD_S = 2.0
"""By how much clocks may differ: access tokens are dated, and other replicas judge them by their own clock."""


async def parts(app: AIChatApp, found: Desk) -> AsyncIterator[Finding]:
    """Yield how each part is."""
    try:
        state = await found.store.examine()
    except StoreUnavailable as error:
        yield Finding(
            "store", "fail", error.message, "Set AIChatApp.store_url (AICHAT_STORE_URL), or start the database."
        )
    else:
        for finding in _store(state):
            yield finding
        if state.version == state.newest:
            async for finding in _people(found):
                yield finding
        yield _clock(state)
    yield await _redis(app, found)
    if "worker" not in app.roles:
        yield await workers(found)
        return  # the workers' business
    async for finding in _models(app, found):
        yield finding


def _store(state: StoreState) -> list[Finding]:
    where = f"{state.place}, schema {state.version} of {state.newest}"
    if state.version == 0:
        findings = [Finding("store", "warn", f"{state.place} has nothing yet.", "It is made at the first start.")]
    elif state.version < state.newest:
        findings = [Finding("store", "warn", f"{where}.", "The next start of this version brings it to the newest.")]
    else:
        findings = [Finding("store", "ok", f"{where}.")]
    findings += [Finding("store", "warn", trap) for trap in state.traps]
    if state.free_bytes is not None:
        free = f"{state.free_bytes / MIB:,.0f} MiB are free."
        level: Finding = Finding("disk", "ok", free)
        if state.free_bytes < LITTLE_BYTES:
            level = Finding("disk", "fail" if state.free_bytes < SCARCE_BYTES else "warn", free, "Make room.")
        findings.append(level)
    return findings


async def _people(found: Desk) -> AsyncIterator[Finding]:
    try:
        async with opened(found):
            admins, people = await _count(found.service.administration)
    except AIChatError as error:
        yield Finding("accounts", "fail", error.message, "The log of the database says more.")
        return
    if admins:
        yield Finding("accounts", "ok", f"{people} accounts, {admins} of them administrators.")
    else:
        yield Finding(
            "accounts", "warn", f"{people} accounts, none of them an administrator.",
            "`jupyter aichat users create NAME --first-admin` makes one (later ones: `--role=admin`).",
        )  # fmt: skip


async def _count(administration: Administration) -> tuple[int, int]:
    admins, people, cursor = 0, 0, None
    while True:
        page = await administration.list(COMMAND_LINE, operator(), AccountQuery(cursor=cursor, limit=500))
        people += len(page.items)
        admins += sum("admin" in each.roles and not each.disabled for each in page.items)
        cursor = page.next
        if cursor is None:
            return admins, people


def _clock(state: StoreState) -> Finding:
    if state.ahead_s is None:
        return Finding("clock", "ok", "Nothing to compare it with.")
    what = f"It differs from the database's by {abs(state.ahead_s):.1f} s."
    if abs(state.ahead_s) > MOST_AHEAD_S:
        return Finding(
            "clock", "fail", what, "Let NTP set the clocks: tokens of one replica expire by another's clock."
        )
    return Finding("clock", "ok", what)


async def _redis(app: AIChatApp, found: Desk) -> Finding:
    if not app.redis_url:
        if urlsplit(app.store_url).scheme.startswith("mongodb"):
            return Finding(
                "redis", "warn", "None: events, limits and quotas stay in each process.",
                "Several replicas need one: set AIChatApp.redis_url (AICHAT_REDIS_URL).",
            )  # fmt: skip
        return Finding("redis", "ok", "None, and one process needs none.")
    await found.cache.open()
    try:
        await found.cache.ping()
    except AIChatError as error:
        cause = f" ({error.__cause__})" if error.__cause__ is not None else ""
        return Finding("redis", "fail", f"{error.message}{cause}", "Start it, or mend AIChatApp.redis_url.")
    finally:
        await found.cache.close()
    return Finding("redis", "ok", "It takes writes.")


async def _models(app: AIChatApp, found: Desk) -> AsyncIterator[Finding]:
    ollama = found.ollama
    await ollama.open()
    try:
        models = await ollama.models()
    except AIChatError as error:
        yield Finding("models", "fail", error.message, "OllamaProvider.url (OLLAMA_HOST) says where it is.")
    else:
        yield _chosen(models, app.default_model, ollama.url)
    finally:
        await ollama.close()
    if urlsplit(ollama.url).scheme == "http" and not _is_near(ollama.url):
        yield Finding(
            "models", "warn", f"{ollama.url} is asked over the network without TLS: others may read prompts.",
            "Use https:// (a proxy before Ollama), or a network that is yours.",
        )  # fmt: skip
    if ollama.allow_cloud:
        yield Finding("models", "warn", "Models of Ollama's cloud are offered: they send prompts to others.")


def _chosen(models: tuple[Model, ...], default_model: str, url: str) -> Finding:
    names = [model.name for model in models]
    if not names:
        return Finding("models", "fail", f"{url} has no model that can chat.", "For example: ollama pull qwen3:4b")
    if default_model and default_model not in (*names, *(name.removesuffix(":latest") for name in names)):
        return Finding(
            "models", "fail", f"{url} does not have the default model {default_model}.",
            f"Pull it, or set AIChatApp.default_model to one of {', '.join(names[:5])}.",
        )  # fmt: skip
    return Finding("models", "ok", f"{len(names)} at {url}: {', '.join(names[:5])}{', …' if len(names) > 5 else ''}.")


def _is_near(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def workers(found: Desk) -> Finding:
    """Listen for those that ask the models, in whose place this process never does."""
    if await found.has_worker():
        return Finding("workers", "ok", "There is one that asks the models.")
    return Finding(
        "workers", "fail", "None says anything over Redis: questions wait.",
        "Start one: `jupyter aichat serve --roles=worker` with the same store, Redis and secret.",
    )  # fmt: skip
