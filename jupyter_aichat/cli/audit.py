"""`jupyter aichat audit`: who did what, when and from where."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import get_args

from traitlets import Bool, Enum, Int, Unicode

from jupyter_aichat.auth.administration import COMMAND_LINE, Administration
from jupyter_aichat.auth.records import Wanted
from jupyter_aichat.cli.desk import DeskCommand, operator
from jupyter_aichat.domain.audit import Action, AuditRecord
from jupyter_aichat.domain.clock import now
from jupyter_aichat.domain.ids import OwnerId
from jupyter_aichat.errors import InvalidRequest, NotFound

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Audit(DeskCommand):
    """Show who did what, when and from where, oldest first. That somebody looked is written down as well.

    A time is `2026-11-25`, `2026-11-25T14:30` (UTC, or with an offset as in `+01:00`), or `30m`, `12h`, `7d` ago.
    """

    name = "jupyter aichat audit"
    examples = """
    jupyter aichat audit --since=24h --action=login_failed
    jupyter aichat audit --user=ada --limit=20
    jupyter aichat audit --follow --json
    """
    user = Unicode(
        help="Only what this account did, or what was done to it: a name, or the id of one that is gone."
    ).tag(config=True)
    action = Enum(
        get_args(Action), allow_none=True, default_value=None, help=f"Only this: {', '.join(get_args(Action))}."
    ).tag(config=True)
    since = Unicode(help="Only from this time on.").tag(config=True)
    until = Unicode(help="Only before this time.").tag(config=True)
    limit = Int(100, min=1, help="The newest so many.").tag(config=True)
    follow = Bool(False, help="Go on with what is written from now on, until interrupted.").tag(config=True)
    flags = {**DeskCommand.flags, "follow": ({"Audit": {"follow": True}}, follow.help)}
    aliases = {
        **DeskCommand.aliases,
        **{name: f"Audit.{name}" for name in ("user", "action", "since", "until", "limit")},
    }

    async def work(self, administration: Administration) -> None:
        """Write a line for each record."""
        account = await self._account(administration) if self.user else None
        wanted = Wanted(account, self.action, _time(self.since), _time(self.until))
        records = await administration.records(COMMAND_LINE, operator(), wanted, self.limit, follow=self.follow)
        names = _Names(administration)
        async for record in records:
            if self.json:
                self.row(record)
            else:
                self.say(await _line(record, names))

    async def _account(self, administration: Administration) -> OwnerId:
        try:
            return (await administration.named(self.user)).id
        except NotFound:
            return OwnerId(self.user)


class _Names:
    """What accounts are called, each asked for once."""

    def __init__(self, administration: Administration) -> None:
        self._administration = administration
        self._known: dict[OwnerId, str] = {COMMAND_LINE: COMMAND_LINE}

    async def of(self, owner: OwnerId | None) -> str:
        """Return the name of an account, its id where it is gone."""
        if owner is None:
            return "-"
        if owner not in self._known:
            self._known[owner] = await self._administration.name_of(owner)
        return self._known[owner]


async def _line(record: AuditRecord, names: _Names) -> str:
    who, whom = await names.of(record.actor), await names.of(record.subject)
    details = " ".join(f"{name}={value}" for name, value in record.details.items())
    return (
        f"{record.at:%Y-%m-%d %H:%M:%S}  {record.action:18} {who} > {whom}  {record.address or '-'}  {details}".rstrip()
    )


def _time(text: str) -> datetime | None:
    """Return what a time means, None for none; raises `InvalidRequest`."""
    if not text:
        return None
    try:
        if text[-1] in _UNITS and text[:-1].isdecimal():
            return now() - timedelta(**{_UNITS[text[-1]]: int(text[:-1])})
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise InvalidRequest(f"{text!r} is no time: try 2026-11-25, 2026-11-25T14:30 or 24h.") from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
