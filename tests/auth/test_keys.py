"""The secret file: several keys, none that can be guessed."""

from __future__ import annotations

import base64
import random
import secrets
from pathlib import Path

import pytest

from jupyter_aichat.auth.keys import new_secret, parse_keys, read_keys
from jupyter_aichat.errors import NotReady


def b64(material: bytes) -> str:
    return base64.urlsafe_b64encode(material).decode()


_random = random.Random(8).randbytes
"""The same in each process that collects these tests."""


def test_a_new_secret_can_be_used() -> None:
    one, other = parse_keys(f"# the new one first\n{new_secret('EdDSA')}\n\n  {new_secret()}\n")
    assert (one.algorithm, other.algorithm) == ("EdDSA", "HS256")
    assert len(one.material) == len(other.material) == 32
    assert one.kid != other.kid


def test_no_two_secrets_are_alike() -> None:
    assert len({new_secret() for _ in range(100)}) == 100


def test_one_word_is_one_key() -> None:
    (key,) = parse_keys(f"{secrets.token_hex(32)}\n")
    assert (key.algorithm, len(key.material)) == ("HS256", 64)


def test_a_key_does_not_show_its_secret() -> None:
    line = new_secret()
    (key,) = parse_keys(line)
    assert line.split()[2] not in repr(key)
    assert repr(key.material) not in repr(key)
    assert key.derive("a") != key.derive("b")
    assert key.material not in key.derive("a")


@pytest.mark.parametrize(
    "text",
    [
        "", "\n# nothing\n", "short", "a" * 64, "ab" * 32, "0123456789abcdef" * 4, "your-256-bit-secret-your-256-bit!",
        "a-string-secret-at-least-256-bits-long", "changeme-changeme-changeme-changeme!", "correcthorsebatterystaple-example",
        "jupyter_aichat-development-only-0000", f"k HS256 {b64(b'short')}", f"k HS256 {b64(bytes(32))}",
        f"k HS256 {b64(b'my very secret password for this')}", f"k RS256 {b64(_random(32))}",
        f"k none {b64(_random(32))}", "k HS256", "k HS256 !!!!", f"k/ HS256 {b64(_random(32))}",
        f"k EdDSA {b64(_random(33))}", f"k HS256 {b64(_random(16))}",
    ],
)  # fmt: skip
def test_what_is_missing_short_known_or_misspelt_is_refused(text: str) -> None:
    with pytest.raises(NotReady) as refused:
        parse_keys(text)
    for word in text.split():
        assert len(word) < 20 or word not in str(refused.value)


def test_two_keys_of_one_name_are_refused() -> None:
    with pytest.raises(NotReady):
        parse_keys("\n".join(f"k HS256 {b64(secrets.token_bytes(32))}" for _ in range(2)))


def test_two_words_alone_are_two_many() -> None:
    with pytest.raises(NotReady):
        parse_keys(f"{secrets.token_hex(32)}\n{secrets.token_hex(32)}")


def test_a_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(new_secret())
    assert read_keys(file) == parse_keys(file.read_text())
    file.write_bytes(b"\xff\xfe" * 40)
    for path in (tmp_path / "none", tmp_path, file):
        with pytest.raises(NotReady):
            read_keys(path)
