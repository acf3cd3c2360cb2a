"""What a process of the service does: it answers requests, it asks the models, or both."""

from __future__ import annotations

from typing import Literal, get_args

ProcessRole = Literal["api", "worker"]
Roles = frozenset[ProcessRole]

BOTH: Roles = frozenset(get_args(ProcessRole))


def parse_roles(text: str) -> Roles:
    """Return the roles that a text names, with commas between them. Raises ValueError."""
    names = {name.strip() for name in text.split(",")}
    roles: Roles = frozenset(role for role in BOTH if role in names)
    if not roles or len(roles) < len(names):
        raise ValueError("the roles are api, worker, or api,worker")
    return roles
