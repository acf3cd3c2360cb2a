"""Random tokens that say nothing: 256 random bits, of which only the SHA-256 hash is kept."""

from __future__ import annotations

import hashlib
import secrets

PERSONAL = "aichat_"
INVITATION = "aichat-invitation_"
SHARE = "aichat-share_"


def new_token(prefix: str) -> str:
    """Return a fresh token, to be shown once; its prefix lets scanners and people recognise it."""
    return prefix + secrets.token_urlsafe(32)


def hash_of(token: str) -> str:
    """Return what is kept of a token; whatever the text is, it has one."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
