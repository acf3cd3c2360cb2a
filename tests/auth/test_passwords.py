"""Passwords: what may be one, what matches, and what it costs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest

from jupyter_aichat.auth.passwords import Passwords
from jupyter_aichat.errors import InvalidRequest, NotReady, QueueFull


@pytest.fixture
def passwords(jp_asyncio_loop: asyncio.AbstractEventLoop) -> Iterator[Passwords]:
    passwords = Passwords(cost=4)
    passwords.open()
    yield passwords
    jp_asyncio_loop.run_until_complete(passwords.close())


async def test_the_right_one_matches_and_no_other(passwords: Passwords) -> None:
    made = await passwords.hash("correct horse")
    assert "correct" not in made
    assert await passwords.matches("correct horse", made)
    for wrong in ("", "correct hors", "correct horse ", "Correct horse", "correct horse\0", "x" * 500, "\ud800"):
        assert not await passwords.matches(wrong, made)


async def test_nobody_has_no_password(passwords: Passwords) -> None:
    for password in ("", "x", "x" * 100, "a\0b"):
        assert not await passwords.matches(password, None)


@pytest.mark.parametrize(
    "password", ["x" * 73, "é" * 37, "🦄" * 19, "long enough\0", "\ud800 and more", "short", "", "x" * 10**6]
)
async def test_what_bcrypt_would_cut_or_misread_is_refused(passwords: Passwords, password: str) -> None:
    with pytest.raises(InvalidRequest):
        await passwords.hash(password)


async def test_two_long_passwords_that_begin_alike_never_match(passwords: Passwords) -> None:
    made = await passwords.hash("x" * 72)
    assert await passwords.matches("x" * 72, made)
    for longer in ("x" * 73, "x" * 72 + "y", "x" * 72 + "\0"):
        assert not await passwords.matches(longer, made)


async def test_one_password_typed_in_two_ways_is_one(passwords: Passwords) -> None:
    assert await passwords.matches("cafe\u0301 au lait", await passwords.hash("caf\u00e9 au lait"))


def test_a_password_is_not_the_name() -> None:
    with pytest.raises(InvalidRequest):
        Passwords().check("Ada.Lovelace", "ada.lovelace")


async def test_a_hash_of_another_cost_is_outdated(passwords: Passwords) -> None:
    made = await passwords.hash("correct horse")
    assert not passwords.is_outdated(made)
    passwords.cost = 5
    assert passwords.is_outdated(made)
    assert await passwords.matches("correct horse", made)


async def test_only_so_many_wait(passwords: Passwords) -> None:
    passwords.waiting = 3
    room = passwords.at_once + 3
    tries = await asyncio.gather(*(passwords.matches("x", None) for _ in range(room + 5)), return_exceptions=True)
    assert [type(each) for each in tries] == [bool] * room + [QueueFull] * 5
    assert not await passwords.matches("x", None)


async def test_closed_it_says_so() -> None:
    with pytest.raises(NotReady):
        await Passwords(cost=4).matches("x", None)


async def test_an_unknown_name_costs_what_a_wrong_password_costs(passwords: Passwords) -> None:
    passwords.cost = 6
    made = await passwords.hash("correct horse")
    times: dict[str | None, list[float]] = {None: [], made: []}
    for _ in range(200):
        for known, seen in times.items():
            begun = time.perf_counter()
            await passwords.matches("wrong horse", known)
            seen.append(time.perf_counter() - begun)
    unknown, wrong = (min(seen) for seen in times.values())  # what else the machine does only adds to it
    assert unknown == pytest.approx(wrong, rel=0.1)
