"""Values in questions: what is put in, and all that is left alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_aichat.errors import InvalidRequest
from jupyter_aichat.kernel.template import MAX_VALUE, fill


class Frame:
    shape = (3, 2)

    @property
    def broken(self) -> int:
        raise RuntimeError("no\nsuch luck")

    def __str__(self) -> str:
        return "a frame"


NAMES: dict[str, Any] = {"df": Frame(), "rows": ["first", {"key": "value", -1: "minus"}], "n": 1.5, "path": Path("a/b")}


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("{{ n }}", "1.5"),
        ("{{n}} and {{  df  }}", "1.5 and a frame"),
        ("{{ df.shape }}", "(3, 2)"),
        ("{{ df.shape[0] }}", "3"),
        ("{{ rows[-1] }}", "{'key': 'value', -1: 'minus'}"),
        ("{{ rows[1]['key'] }}", "value"),
        ('{{ rows[1]["key"] }}', "value"),
        ("{{ rows[1][-1] }}", "minus"),
        ("{{ path.name }}", "b"),
        ("{{{ n }}}", "{1.5}"),
    ],
)
def test_values_are_put_in(text: str, filled: str) -> None:
    assert fill(text, NAMES) == (filled, True)


@pytest.mark.parametrize(
    "text",
    [
        "no braces",
        "{n}",
        "{ {n} }",
        "{{ nothing }}",
        "{{ nothing.of[0] }}",
        "{{ n + 1 }}",
        "{{ print(n) }}",
        "{{ df.method() }}",
        "{{ rows[n] }}",
        "{{ rows[0:1] }}",
        "{{ rows[print()] }}",
        "{{ (lambda: n)() }}",
        "{{ [r for r in rows] }}",
        "{{ n if n else n }}",
        "{{ n := 2 }}",
        "{{ await n }}",
        "{{ f'{n}' }}",
        "{{ n | upper }}",
        "{{\nn\n}}",
        "{% if n %}",
        "{{ }}",
        "{{}}",
        "{{ '\\d' }}",
        "{{ " + "(" * 500 + " }}",
    ],
)
def test_all_other_braces_stay(text: str) -> None:
    assert fill(text, NAMES) == (text, False)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{{ df.shapee }}", "{{ df.shapee }}: AttributeError: 'Frame' object has no attribute 'shapee'"),
        ("{{ rows[9] }}", "{{ rows[9] }}: IndexError: list index out of range"),
        ("{{ rows[1]['no'] }}", "{{ rows[1]['no'] }}: KeyError: 'no'"),
        ("{{ df.broken }}", "{{ df.broken }}: RuntimeError: no\nsuch luck"),
    ],
)
def test_what_cannot_be_had_is_named(text: str, said: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        fill(text, NAMES)
    assert raised.value.message == said


def test_a_long_value_is_cut_and_says_so() -> None:
    text, _ = fill("{{ long }}!", {"long": "x" * (MAX_VALUE + 1)})
    assert text == "x" * MAX_VALUE + "… (cut: 20,000 of 20,001 characters)!"
    assert fill("{{ long }}", {"long": "x" * MAX_VALUE}).text == "x" * MAX_VALUE


def test_what_is_put_in_is_not_read_again() -> None:
    assert fill("{{ a }}", {"a": "{{ b }}", "b": "secret"}).text == "{{ b }}"


class Watched(dict[str, Any]):
    """Fails the test if anything but a known name is looked up."""

    def __getitem__(self, name: str) -> Any:
        assert name == "x"
        return super().__getitem__(name)


@given(st.text(alphabet="{} x.[]0'\"()+,:\n\\lambda", max_size=40))
def test_nothing_runs_but_what_is_named(text: str) -> None:
    try:
        filled = fill(text, Watched(x=[["y"]]))
    except InvalidRequest:
        return
    assert filled.changed or filled.text == text
