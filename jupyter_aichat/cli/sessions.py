"""`jupyter aichat sessions`: who is logged in where."""

from __future__ import annotations

from jupyter_aichat.auth.administration import COMMAND_LINE, Administration
from jupyter_aichat.cli.command import Group
from jupyter_aichat.cli.desk import DeskCommand, operator
from jupyter_aichat.domain.ids import SessionId


class Sessions(Group):
    """List and end the sessions of an account."""

    name = "jupyter aichat sessions"
    subcommands = {
        "list": ("jupyter_aichat.cli.sessions.ListSessions", "The sessions of an account, newest first."),
        "end": ("jupyter_aichat.cli.sessions.EndSessions", "End one session of an account, or all."),
    }
    examples = """
    jupyter aichat sessions list ada
    jupyter aichat sessions end ada
    """


class ListSessions(DeskCommand):
    """List the sessions of an account, newest first."""

    name = "jupyter aichat sessions list"
    takes = ("NAME",)
    examples = """
    jupyter aichat sessions list ada
    jupyter aichat sessions list ada --json
    """

    async def work(self, administration: Administration) -> None:
        """Write a line for each."""
        account = await self.account(administration)
        found = await administration.sessions(COMMAND_LINE, operator(), account.id)
        names = ("id", "created_at", "rotated_at", "expires_at", "address", "agent")
        if self.json:
            for each in found:
                self.row({name: getattr(each, name) for name in names})
        else:
            rows = [
                (
                    each.id,
                    f"{each.created_at:%Y-%m-%d %H:%M}",
                    f"{each.rotated_at:%Y-%m-%d %H:%M}",
                    each.address,
                    each.agent,
                )
                for each in found
            ]
            self.table(("ID", "BEGAN (UTC)", "LAST USED", "FROM", "CLIENT"), rows)


class EndSessions(DeskCommand):
    """End one session of an account, or all; whoever is logged in there has to log in anew. Personal tokens stay."""

    name = "jupyter aichat sessions end"
    takes = ("NAME", "SESSION?")
    examples = """
    jupyter aichat sessions end ada
    jupyter aichat sessions end ada 6925b1c4e0a94d0f
    """

    async def work(self, administration: Administration) -> None:
        """End them."""
        account = await self.account(administration)
        if (session := self.argument(1)) is not None:
            await administration.end_session(COMMAND_LINE, operator(), account.id, SessionId(session))
        else:
            await administration.end_sessions(COMMAND_LINE, operator(), account.id)
        self.say_of(account, f"{account.name} is logged out {'there' if session else 'everywhere'}.")
