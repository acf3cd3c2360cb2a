"""Values that go out and come back, and that nobody can read or make but we: sealed with a key of the secret."""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from collections.abc import Sequence
from typing import Any

from jupyter_aichat.auth.keys import Key
from jupyter_aichat.errors import NotReady

_NONCE_BYTES = 12
_FORM = re.compile(r"[\w-]{38,4096}", re.ASCII)


class Seal:
    """Seals values for one purpose: what was sealed for another is none of its (AES-256-GCM).

    The first key seals, all open. Raises `NotReady` where the cipher is not installed.
    """

    def __init__(self, keys: Sequence[Key], purpose: str) -> None:
        self._ciphers = [_cipher(key.derive(purpose)) for key in keys]

    def close(self, value: bytes, context: bytes = b"") -> str:
        """Return a sealed value, in the letters of base64url; it opens in the same context alone."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = nonce + self._ciphers[0].encrypt(nonce, value, context)
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def open(self, text: str, context: bytes = b"") -> bytes | None:
        """Return what was sealed; None for what we have not sealed so."""
        if not _FORM.fullmatch(text):
            return None
        try:
            sealed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except binascii.Error:
            return None
        for cipher in self._ciphers:
            try:
                return bytes(cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context))
            except _invalid():
                continue
        return None


def _cipher(material: bytes) -> Any:
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415
    except ImportError:
        raise NotReady(
            "The login by JupyterHub needs one more package: pip install 'jupyterlab-aichat[hub]'."
        ) from None
    return AESGCM(material)


def _invalid() -> type[Exception]:
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415

    return InvalidTag
