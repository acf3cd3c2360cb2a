"""The file of keys."""

from __future__ import annotations

import stat
from pathlib import Path

from jupyter_aichat.auth.keys import read_keys
from tests.cli.conftest import Run


def test_it_is_for_its_owner_alone_and_never_overwritten(run: Run) -> None:
    assert run("secret", "s.key").code == 0
    before = Path("s.key").read_text()
    assert stat.S_IMODE(Path("s.key").stat().st_mode) == 0o600
    (key,) = read_keys(Path("s.key"))
    assert (key.algorithm, len(key.material)) == ("HS256", 32)
    refused = run("secret", "s.key")
    assert (refused.code, "not overwritten" in refused.err) == (1, True)
    assert Path("s.key").read_text() == before
    assert sorted(each.name for each in Path().iterdir()) == ["s.key"]


def test_nothing_secret_is_said(run: Run) -> None:
    said = run("secret", "s.key").out + run("secret", "--rotate", "s.key").out + run("secret", "--keys", "s.key").out
    for line in Path("s.key").read_text().splitlines():
        assert line.split()[2] not in said


def test_keys_are_changed_one_by_one(run: Run) -> None:
    def kids() -> list[str]:
        return [key.kid for key in read_keys(Path("s.key"))]

    run("secret", "--kid=one", "s.key")
    run("secret", "--rotate", "--kid=two", "--eddsa", "s.key")
    assert kids() == ["two", "one"]
    run("secret", "--add", "--kid=three", "s.key")
    assert kids() == ["two", "one", "three"]
    run("secret", "--promote=three", "s.key")
    assert kids() == ["three", "two", "one"]
    run("secret", "--drop=one", "s.key")
    assert kids() == ["three", "two"]
    assert [key.algorithm for key in read_keys(Path("s.key"))] == ["HS256", "EdDSA"]
    assert stat.S_IMODE(Path("s.key").stat().st_mode) == 0o600
    before = Path("s.key").read_text()
    for wrong in (("--promote=nix",), ("--drop=nix",), ("--add", "--kid=two"), ("--add", "--kid=a b"), ("--kid=é",)):
        assert run("secret", *wrong, "s.key").code == 1, wrong
    assert run("secret", "--rotate", "--add", "s.key").code == 2
    run("secret", "--drop=three", "s.key")
    assert run("secret", "--drop=two", "s.key").code == 1  # the last one
    assert before.splitlines()[1] == Path("s.key").read_text().strip()


def test_a_secret_of_one_word_gets_a_line(run: Run) -> None:
    Path("s.key").write_text("f3b1c09d5e7a42681c94e0d7ab35f68290c1d4e7f8a63b52\n")
    (before,) = read_keys(Path("s.key"))
    run("secret", "--rotate", "s.key")
    assert read_keys(Path("s.key"))[1] == before


def test_what_is_no_secret_is_left_alone(run: Run) -> None:
    assert run("secret", "--rotate", "nothing.key").code == 1
    Path("s.key").write_text("my shopping list\n")
    assert run("secret", "--rotate", "s.key").code == 1
    assert Path("s.key").read_text() == "my shopping list\n"
    assert run("secret", "no/such/folder/s.key").code == 1
