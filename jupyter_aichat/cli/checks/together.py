"""Checks at once, each within its time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import aclosing
from typing import cast

from jupyter_aichat.cli.checks.finding import Finding
from jupyter_aichat.errors import AIChatError

CHECK_S = 3.0
"""How long one may take."""

Check = Callable[[], AsyncIterator[Finding]]


def of_files(look: Callable[[], Iterable[Finding]]) -> Check:
    """Return a check that looks at files, in a thread: those of a network may take long."""

    async def check() -> AsyncIterator[Finding]:
        for finding in await asyncio.to_thread(lambda: list(look())):
            yield finding

    return check


async def together(checks: Mapping[str, Check]) -> AsyncIterator[Finding]:
    """Yield what the checks find, in their order; they are named by the part that they are about."""
    tasks = [asyncio.create_task(_bounded(part, check), name=f"aichat-check-{part}") for part, check in checks.items()]
    try:
        for task in tasks:
            for finding in await task:
                yield finding
    finally:
        for task in tasks:
            task.cancel()


async def _bounded(part: str, check: Check) -> list[Finding]:
    found: list[Finding] = []
    try:
        async with asyncio.timeout(CHECK_S), aclosing(_closable(check())) as findings:
            async for finding in findings:
                found.append(finding)  # noqa: PERF401 (what was found before the time is up is told)
    except TimeoutError:
        found.append(Finding(part, "fail", f"It did not answer within {CHECK_S:g} s.", "Is it busy, or far away?"))
    except AIChatError as error:
        found.append(Finding(part, "fail", error.message))
    except Exception as error:  # noqa: BLE001 (one check that fails must not hide the others; the text may hold a password)
        found.append(Finding(part, "fail", f"It could not be looked at ({type(error).__name__})."))
    return found


class _Closable:
    def __init__(self, findings: AsyncIterator[Finding]) -> None:
        self._findings = findings

    def __aiter__(self) -> AsyncIterator[Finding]:
        return self._findings

    async def aclose(self) -> None:
        await cast("_Closable", self._findings).aclose()


def _closable(findings: AsyncIterator[Finding]) -> _Closable:
    """The checks are generators, which their type does not say."""
    return _Closable(findings)
