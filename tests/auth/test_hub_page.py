"""What a browser carries that has logged in at a Hub: sealed, for one purpose, for a while."""

from __future__ import annotations

import base64
import hashlib

import msgspec
import pytest

from jupyter_aichat.auth.hub_page import ACCESS_S, LOGIN_S, HubPage
from jupyter_aichat.auth.keys import Key, new_key
from jupyter_aichat.auth.seals import Seal
from jupyter_aichat.domain.ids import OwnerId
from jupyter_aichat.errors import Unauthenticated

ADA = OwnerId("ada")


class Clock:
    """A clock that is set by hand."""

    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def key() -> Key:
    return new_key()


@pytest.fixture
def page(key: Key, clock: Clock) -> HubPage:
    return HubPage([key], clock)


def test_an_access_token_is_over_after_a_while_and_is_known_all_the_same(page: HubPage, clock: Clock) -> None:
    token = page.access("of-ada", ADA)
    assert page.is_access(token)
    assert page.read(token).hub_token == "of-ada"
    clock.now += ACCESS_S
    with pytest.raises(Unauthenticated):
        page.read(token)
    opened = page.opened(token)
    assert opened is not None
    assert opened.hub_token == "of-ada"


def test_it_says_in_the_open_whose_it_is_and_not_what_it_stands_for(page: HubPage) -> None:
    middle = page.access("of-ada", ADA).split(".")[1]
    said = base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4))
    assert msgspec.json.decode(said) == {"sub": "ada", "exp": 1_000_000 + ACCESS_S}
    assert "of-ada" not in page.access("of-ada", ADA)


def test_what_it_says_cannot_be_changed(page: HubPage) -> None:
    head, middle, sealed = page.access("of-ada", ADA).split(".")
    later = base64.urlsafe_b64encode(msgspec.json.encode({"sub": "ada", "exp": 2_000_000})).decode().rstrip("=")
    for token in (
        f"{head}.{later}.{sealed}",
        f"{head}.{middle}.{sealed[:-2]}",
        f"x.{middle}.{sealed}",
        f"{head}.{middle}",
    ):
        assert page.opened(token) is None
    for token in ("", "aichat-hub.", "aichat-hub..", "aichat-hub.\u00e9.x", "\ud800", "aichat-hub." + "A" * 9000):
        assert page.opened(token) is None


def test_each_is_good_for_its_own_purpose_alone(page: HubPage) -> None:
    sealed = page.access("of-ada", ADA).split(".")[2]
    assert page.hub_token_of(sealed) is None
    assert page.hub_token_of(page.kept("of-ada")) == "of-ada"
    assert page.returned(page.kept("of-ada"), "mark") is None


def test_a_login_comes_back_to_the_browser_that_began_it_and_soon(page: HubPage, clock: Clock) -> None:
    begun = page.begin("chats/1")
    returned = page.returned(begun.state, begun.mark)
    assert returned is not None
    assert returned.place == "chats/1"
    digest = hashlib.sha256(returned.verifier.encode()).digest()
    assert base64.urlsafe_b64encode(digest).decode().rstrip("=") == begun.challenge
    for mark in (None, "", "another", "\ud800"):
        assert page.returned(begun.state, mark) is None
    clock.now += LOGIN_S
    assert page.returned(begun.state, begun.mark) is None


def test_two_logins_of_one_browser_do_not_disturb_each_other(page: HubPage) -> None:
    first = page.begin("a")
    second = page.begin("b", first.mark)
    assert second.mark == first.mark
    assert second.state != first.state
    for begun, place in ((first, "a"), (second, "b")):
        returned = page.returned(begun.state, first.mark)
        assert returned is not None
        assert returned.place == place


def test_a_key_that_was_replaced_still_opens_and_another_does_not(key: Key, page: HubPage, clock: Clock) -> None:
    token, cookie = page.access("of-ada", ADA), page.kept("of-ada")
    rotated = HubPage([new_key(), key], clock)
    assert rotated.read(token).hub_token == "of-ada"
    assert rotated.hub_token_of(cookie) == "of-ada"
    assert HubPage([new_key()], clock).hub_token_of(cookie) is None


def test_a_seal_shows_nothing_and_is_never_the_same(key: Key) -> None:
    seal = Seal([key], "test")
    one, two = seal.close(b"secret"), seal.close(b"secret")
    assert one != two
    assert seal.open(one) == seal.open(two) == b"secret"
    assert seal.open(one, b"elsewhere") is None
    assert Seal([key], "another").open(one) is None
