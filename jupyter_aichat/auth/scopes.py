"""What roles allow, as scopes."""

from __future__ import annotations

from collections.abc import Iterable

from jupyter_aichat.domain.account import ROLES
from jupyter_aichat.errors import InvalidRequest

READ, WRITE, ACCOUNT, ADMIN = "chats:read", "chats:write", "account", "admin"

_OF_ROLES = {"user": (READ, WRITE, ACCOUNT), "admin": (READ, WRITE, ACCOUNT, ADMIN)}

OF_TOKENS = (READ, WRITE, ADMIN)
"""What a personal token may have: never the account, so that a script that leaks cannot make tokens or take it over."""


def scopes_of(roles: Iterable[str]) -> tuple[str, ...]:
    """Return what these roles allow, each once."""
    return tuple(dict.fromkeys(scope for role in roles for scope in _OF_ROLES.get(role, ())))


def check_roles(roles: Iterable[str]) -> tuple[str, ...]:
    """Return roles, each once; raises `InvalidRequest` for none and for unknown ones."""
    found = tuple(dict.fromkeys(roles))
    if not found or not set(found) <= set(ROLES):
        raise InvalidRequest(f"The roles are {', '.join(ROLES)}.")
    return found


def check_scopes(scopes: Iterable[str], roles: Iterable[str]) -> tuple[str, ...]:
    """Return the scopes of a new token; raises `InvalidRequest` for what a token or its owner may not have."""
    found, allowed = tuple(dict.fromkeys(scopes)), set(OF_TOKENS) & set(scopes_of(roles))
    if not found or not set(found) <= allowed:
        raise InvalidRequest(f"A token of yours may have these scopes: {', '.join(sorted(allowed))}.")
    return found
