"""What the URL table is made of: routes, their verbs, and what each verb needs."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from tornado import web

from jupyter_aichat.limits.requests import Counter

BASE = "/api/aichat/v1"
EVENT_STREAM = "text/event-stream"
PLAIN_TEXT = "text/plain"
LOGIN = "login"
"""What a verb needs that is for everybody who is logged in, whatever the credential may do."""


@dataclass(frozen=True)
class Verb:
    """What a verb takes and gives. ``reply`` None is an answer without a body; a string is a media type, such as `EVENT_STREAM`,
    and several are those of a file. An ``upload`` takes a file in place of a body.

    ``needs`` is the scope that a credential must have, or `LOGIN`. An ``open`` verb asks for no login; with ``needs`` it
    takes one all the same, and refuses it where it is not valid or has not the scope. ``counts`` are the counters of the
    requests of somebody who is logged in; without one, nobody's request is counted. Verbs ``of_logins`` are about passwords,
    sessions and tokens, and are not there where people log in elsewhere.
    """

    summary: str
    statuses: tuple[int, ...] = (200,)
    reply: type | str | tuple[str, ...] | None = None
    body: type | None = None
    query: type | None = None
    errors: tuple[int, ...] = ()
    open: bool = False
    needs: str = ""
    counts: tuple[Counter, ...] = ("default",)
    of_logins: bool = False
    upload: bool = False

    def __post_init__(self) -> None:
        if not self.open and not self.needs:
            raise ValueError(f"The verb {self.summary!r} says neither what it needs nor that it is open.")


@dataclass(frozen=True)
class Route:
    """One path, with names in braces for its segments.

    Without accounts, those of ``accounts_only`` are not there. Those ``of_process`` tell how the process is, whatever it does.
    """

    path: str
    handler: type[web.RequestHandler]
    verbs: dict[str, Verb] = field(default_factory=dict)
    accounts_only: bool = False
    of_process: bool = False

    @property
    def pattern(self) -> str:
        """The path as tornado matches it; a segment may be anything, so that a wrong id gets our 404."""
        return BASE + re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.path)


NOWHERE = Route("", web.ErrorHandler)
"""No route of the table."""
