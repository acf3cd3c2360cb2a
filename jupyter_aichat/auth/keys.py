"""The keys that sign tokens: a file of one line for each.

``<kid> <algorithm> <secret>``, the secret in base64url. The first key signs; the others are still accepted, so that a new key
is put above the old one, and the old one taken away when what it signed is over. A file of one word alone (32 bytes or
more, as ``openssl rand -hex 32`` makes them) is one HS256 key.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import secrets
from pathlib import Path
from typing import Literal, cast

import msgspec

from jupyter_aichat.errors import InvalidRequest, NotReady

Algorithm = Literal["HS256", "EdDSA"]

LEAST_BYTES = 32
_ALGORITHMS = ("HS256", "EdDSA")
_KID = re.compile(r"[\w.-]{1,64}", re.ASCII)
_MOST_FILE_BYTES = 64 * 1024
_KNOWN = re.compile(
    r"secret|password|changeme|change.me|example|insecure|default|development|256.bit|letmein|qwerty|abcdefgh|12345678|jupyter",
    re.IGNORECASE,
)
_FIX = "Make one with `jupyter aichat secret`."


class Key(msgspec.Struct, frozen=True):
    """A key by its name; ``material`` is the secret of HS256, or the seed of Ed25519."""

    kid: str
    algorithm: Algorithm
    material: bytes

    def __repr__(self) -> str:
        return f"Key({self.kid!r}, {self.algorithm!r})"

    def derive(self, purpose: str) -> bytes:
        """Return another secret of this one, for one purpose alone."""
        return hashlib.blake2b(purpose.encode(), key=hashlib.sha512(self.material).digest(), digest_size=32).digest()


def new_key(algorithm: Algorithm = "HS256", kid: str = "") -> Key:
    """Return a new key; raises `InvalidRequest` for a name that cannot be one."""
    if kid and not _KID.fullmatch(kid):
        raise InvalidRequest("The name of a key (kid) has 1 to 64 letters, digits and . _ - only.")
    return Key(kid or secrets.token_hex(4), algorithm, secrets.token_bytes(LEAST_BYTES))


def line_of(key: Key) -> str:
    """Return a key as a line of the file."""
    return f"{key.kid} {key.algorithm} {base64.urlsafe_b64encode(key.material).decode().rstrip('=')}"


def new_secret(algorithm: Algorithm = "HS256") -> str:
    """Return a line for a new key."""
    return line_of(new_key(algorithm))


def read_keys(path: Path) -> tuple[Key, ...]:
    """Return the keys of a file, the one that signs first; raises `NotReady` for what is missing, known or short."""
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_FILE_BYTES).decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise NotReady(f"The secret file {path.name} cannot be read: {reason}. {_FIX}") from None
    return parse_keys(text)


def parse_keys(text: str) -> tuple[Key, ...]:
    """Return the keys that a text lists; comments begin with ``#``. Raises `NotReady`, never quoting a secret."""
    lines = [line.split() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if not lines:
        raise NotReady(f"There is no secret. {_FIX}")
    keys = tuple(_key(words, alone=len(lines) == 1) for words in lines)
    if len({key.kid for key in keys}) < len(keys):
        raise NotReady("Two keys of the secret file have the same name (kid).")
    return keys


def _key(words: list[str], *, alone: bool) -> Key:
    if len(words) == 1 and alone:
        material = words[0].encode()
        _check(words[0], material)
        return Key(hashlib.sha256(material).hexdigest()[:8], "HS256", material)
    if len(words) != 3 or words[1] not in _ALGORITHMS or not _KID.fullmatch(words[0]):
        raise NotReady(f"A line of the secret file is `<kid> HS256 <secret>` or `<kid> EdDSA <secret>`. {_FIX}")
    kid, algorithm = words[0], cast("Algorithm", words[1])
    try:
        material = base64.b64decode(words[2] + "=" * (-len(words[2]) % 4), b"-_", validate=True)
    except binascii.Error:
        raise NotReady(f"The secret of the key {kid} is not base64url. {_FIX}") from None
    _check(words[2], material)
    if algorithm == "EdDSA" and len(material) != LEAST_BYTES:
        raise NotReady(f"The secret of the EdDSA key {kid} has not {LEAST_BYTES} bytes. {_FIX}")
    return Key(kid, algorithm, material)


def _check(written: str, material: bytes) -> None:
    """Refuse what is short, and what was thought of by a person."""
    if len(material) < LEAST_BYTES:
        raise NotReady(f"The secret is too short: at least {LEAST_BYTES} bytes. {_FIX}")
    repeats = any(word in (word + word)[1:-1] for word in (written.encode(), material))
    few = len(set(written)) < 10 or len(set(material)) < 10
    if repeats or few or _KNOWN.search(written) or _KNOWN.search(material.decode("latin-1")):
        raise NotReady(f"The secret can be guessed. {_FIX}")
