"""The service's secret: one for all who share it, and nobody else's to read."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from jupyter_aichat import secret_file
from jupyter_aichat.errors import NotReady


def test_it_is_made_once_and_only_for_its_user(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "secret"
    made = secret_file.read_or_make(file)
    assert len(made) >= 32
    assert secret_file.read_or_make(file) == secret_file.read(file) == made
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [each.name for each in file.parent.iterdir()] == ["secret"]


def test_two_are_not_the_same(tmp_path: Path) -> None:
    assert secret_file.read_or_make(tmp_path / "a") != secret_file.read_or_make(tmp_path / "b")


def test_of_many_that_make_it_at_once_all_have_the_same(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        made = set(pool.map(secret_file.read_or_make, [tmp_path / "secret"] * 64))
    assert len(made) == 1


@pytest.mark.parametrize("content", [b"", b"short\n"])
def test_one_that_is_short_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "secret").write_bytes(content)
    with pytest.raises(NotReady):
        secret_file.read_or_make(tmp_path / "secret")


def test_one_that_is_missing_or_a_folder_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(NotReady):
            secret_file.read(path)
