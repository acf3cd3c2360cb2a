"""The doctor's look at the store: whether it can be used, by whom it is administered, and what its clock says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from jupyter_aichat.auth.administration import COMMAND_LINE, Administration
from jupyter_aichat.cli.checks.finding import Finding
from jupyter_aichat.cli.desk import opened, operator
from jupyter_aichat.domain.account import AccountQuery
from jupyter_aichat.domain.store_state import StoreState
from jupyter_aichat.errors import AIChatError, StoreUnavailable
from jupyter_aichat.wiring import Desk

MIB = 1024 * 1024
SCARCE_BYTES, LITTLE_BYTES = 100 * MIB, 1024 * MIB
SLOW_S = 0.1
MOST_AHEAD_S = 2.0
"""By how much clocks may differ: access tokens are dated, and other replicas judge them by their own clock."""


async def store(found: Desk, *, people: bool = True) -> AsyncIterator[Finding]:
    """Yield how the database is, its disk, its clock, and who administers the accounts in it, if `people` have some."""
    try:
        state = await found.store.examine()
    except StoreUnavailable as error:
        yield Finding(
            "store", "fail", error.message, "Set AIChatApp.store_url (AICHAT_STORE_URL), or start the database."
        )
        return
    for finding in (*_tables(state), *_disk(state)):
        yield finding
    if people and state.version == state.newest:
        yield await _people(found)
    yield _clock(state)


def _tables(state: StoreState) -> Iterator[Finding]:
    what = f"{state.place}{f' ({state.kind})' if state.kind else ''}"
    where = f"{what}, schema {state.version} of {state.newest}"
    if state.version == 0:
        yield Finding("store", "warn", f"{what} has nothing yet.", "It is made at the first start.")
    elif state.version < state.newest:
        yield Finding("store", "warn", f"{where}.", "The next start of this version brings it to the newest.")
    else:
        yield Finding("store", "ok", f"{where}.")
    if state.missing:
        yield Finding(
            "store", "fail", f"Indexes are missing: {', '.join(state.missing)}.",
            "Was it restored without them? The next start makes none that a step before has made: create them by hand.",
        )  # fmt: skip
    for trap in state.traps:
        yield Finding("store", "warn", trap)
    if state.took_s is not None and state.took_s > SLOW_S:
        yield Finding("store", "warn", f"A question took it {state.took_s * 1000:.0f} ms.", "Is it busy, or far away?")


def _disk(state: StoreState) -> Iterator[Finding]:
    if state.free_bytes is None:
        return
    free = f"{state.free_bytes / MIB:,.0f} MiB are free."
    if state.free_bytes < LITTLE_BYTES:
        yield Finding("disk", "fail" if state.free_bytes < SCARCE_BYTES else "warn", free, "Make room.")
    else:
        yield Finding("disk", "ok", free)


async def _people(found: Desk) -> Finding:
    try:
        async with opened(found):
            admins, people = await _count(found.service.administration)
    except AIChatError as error:
        return Finding("accounts", "fail", error.message, "The log of the database says more.")
    if admins:
        return Finding("accounts", "ok", f"{people} accounts, {admins} of them administrators.")
    return Finding(
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
