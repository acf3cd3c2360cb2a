"""User names: what is one name, and what is none."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_aichat.auth.names import MOST_CHARACTERS, check_display_name, check_name
from jupyter_aichat.domain.folding import fold
from jupyter_aichat.errors import InvalidRequest

ANY = st.text(st.characters(exclude_categories=()), max_size=80)


@given(ANY)
def test_folding_twice_is_folding_once(name: str) -> None:
    assert fold(fold(name)) == fold(name)


@given(ANY)
def test_ways_to_type_one_name_are_one_name(name: str) -> None:
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        typed = unicodedata.normalize(form, name)
        if len(typed) <= 256:
            assert fold(typed) == fold(name)


@given(ANY)
def test_a_name_is_refused_or_visible_bounded_and_kept_by_its_fold(name: str) -> None:
    try:
        shown = check_name(name)
    except InvalidRequest:
        return
    for each in (shown, fold(shown)):
        assert 0 < len(each) <= MOST_CHARACTERS
        assert not any(unicodedata.category(character)[0] in "CZ" for character in each.replace(" ", ""))
        each.encode()
    assert fold(shown) == fold(name)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ada", "ADA"), ("Straße", "STRASSE"), ("Å", "A\u030a"), ("ﬁne", "FINE"), ("\uff41\uff44\uff41", "ada"), ("ΣΊΣΥΦΟΣ", "σίσυφος"),
        ("①", "1"), ("ada", "  ada "), ("K", "k"), ("İstanbul", "i\u0307stanbul"),
    ],
)  # fmt: skip
def test_what_reads_as_one_is_one(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@pytest.mark.parametrize("name", ["ada", "Ada Lovelace", "a.b_c-d+e@f.org", "Ωmega", "李", "नमस्ते", "7of9", "x" * 64])
def test_these_are_names(name: str) -> None:
    assert check_name(name) == unicodedata.normalize("NFC", name)


@pytest.mark.parametrize(
    "name",
    [
        "", " ", "\t", "x" * 65, "x" * 10_000, "a\0b", "a\nb", "a\u200bb", "\u202eadmin", "a  b", "-a", ".a", "@a", "$where", "a$b",
        "a/b", "a\\b", "<b>", "a'b", 'a"b', "a\ud800", "\ufdfa" * 10, "\u0301a", "a\u00a0\u00a0b", "\ue000", "🦄", "a;b", "a%b",
        "\u3164", "\u115f", "\uffa0", "Ada\ufe0f", "Ada\u034f", "Ada\U000e0100", "\u2800",
    ],
)  # fmt: skip
def test_these_are_none(name: str) -> None:
    with pytest.raises(InvalidRequest):
        check_name(name)


def test_a_name_to_show_is_one_visible_line() -> None:
    assert check_display_name("  Ada \n Lovelace 🦄 ") == "Ada Lovelace 🦄"
    for name in ("", " ", "x" * 300, "a\0", "a\u202eb", "\ud800", "\u3164", "\u2800 \u2800", "\u200d"):
        with pytest.raises(InvalidRequest):
            check_display_name(name)
