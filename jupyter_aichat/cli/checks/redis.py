"""The doctor's look at Redis."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from time import perf_counter
from urllib.parse import urlsplit

from jupyter_aichat.cli.checks.finding import Finding
from jupyter_aichat.cli.desk import AIChatApp
from jupyter_aichat.errors import AIChatError, CacheUnavailable
from jupyter_aichat.wiring import Desk

OLDEST = (6, 2)
SLOW_MS = 20.0


async def redis(app: AIChatApp, found: Desk) -> AsyncIterator[Finding]:
    """Yield whether there is one, where one is needed; which, and how it is set up."""
    if not app.redis_url:
        yield _without(app)
        return
    await found.cache.open()
    try:
        await found.cache.ping()  # connects
        begun = perf_counter()
        await found.cache.ping()
        took_ms = (perf_counter() - begun) * 1000
        info = {} if found.redis is None else await found.redis.info(CacheUnavailable)
    except AIChatError as error:
        cause = f" ({error.__cause__})" if error.__cause__ is not None else ""
        yield Finding("redis", "fail", f"{error.message}{cause}", "Start it, or mend AIChatApp.redis_url.")
        return
    finally:
        await found.cache.close()
    for finding in _set_up(info):
        yield finding
    what = f"{info.get('redis_version', 'It')} takes writes, in {took_ms:.1f} ms."
    slow = took_ms > SLOW_MS
    todo = "It should be near the service, and have a core of its own." if slow else ""
    yield Finding("redis", "warn" if slow else "ok", what, todo)


def _without(app: AIChatApp) -> Finding:
    if urlsplit(app.store_url).scheme.startswith("mongodb"):
        return Finding(
            "redis", "warn", "None: events, limits and quotas stay in each process.",
            "Several replicas need one: set AIChatApp.redis_url (AICHAT_REDIS_URL).",
        )  # fmt: skip
    return Finding("redis", "ok", "None, and one process needs none.")


def _set_up(info: Mapping[str, object]) -> list[Finding]:
    """What a Redis says of itself; of a cluster nothing is known."""
    findings = []
    version = str(info.get("redis_version", ""))
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
    if numbers and numbers < OLDEST:
        findings.append(Finding("redis", "fail", f"It is {version}.", "6.2 or newer is needed."))
    policy = str(info.get("maxmemory_policy", "noeviction"))
    if info.get("maxmemory") and policy != "noeviction":
        findings.append(
            Finding(
                "redis",
                "warn",
                f"When it is full it throws away what it likes ({policy}): lines, limits and quotas too.",
                "maxmemory-policy noeviction; or a Redis for nothing else.",
            )
        )
    if info.get("aof_enabled") and info.get("aof_last_write_status", "ok") != "ok":
        findings.append(Finding("redis", "fail", "It cannot write its file.", "Make room, or `appendonly no`."))
    if info.get("rdb_last_bgsave_status", "ok") != "ok":
        findings.append(
            Finding(
                "redis",
                "warn",
                "Its last snapshot failed: it may refuse writes (stop-writes-on-bgsave-error).",
                "Make room, or `save ''`: the chats need no persistence of it.",
            )
        )
    return findings
