"""Titles as names of files."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_aichat.transfer.names import disposition, file_name


@given(st.text(max_size=200))
def test_any_title_is_a_safe_name(title: str) -> None:
    name = file_name(title, ".md")
    assert not set(name) & set("/\\:*?\"<>|\0\n\r\u202e %;'")
    assert name[0] not in ".-"
    assert len(name) <= 90
    value = disposition(name)
    assert value.isascii()
    assert value.isprintable()
    assert re.fullmatch(r"attachment; filename=\"[\w.-]+\"(; filename\*=UTF-8''[\w.%~-]+)?", value)
    assert ("filename*" in value) is not name.isascii()


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("", "chat.md"),
        ("...", "chat.md"),
        ("../../etc/passwd", "etc-passwd.md"),
        ("CON", "chat-CON.md"),
        ("nul.txt", "chat-nul.txt.md"),
        (".bashrc", "bashrc.md"),
        ("a\r\nSet-Cookie: x", "a-Set-Cookie-x.md"),
        ("Größe 数", "Größe-数.md"),
        ("x" * 300, "x" * 80 + ".md"),
    ],
)
def test_these_titles(title: str, name: str) -> None:
    assert file_name(title, ".md") == name
