"""`jupyter aichat users group`: who is in which group. Groups mean what the settings say of them (docs/operators/limits.md)."""

from __future__ import annotations

from jupyter_aichat.auth.administration import COMMAND_LINE, Administration
from jupyter_aichat.cli.command import Group
from jupyter_aichat.cli.desk import DeskCommand, operator
from jupyter_aichat.domain.account import Account


class UserGroups(Group):
    """Put accounts into groups, and take them out. A group is there as long as somebody is in it.

    Where people come from a JupyterHub, their groups are the Hub's: what is changed here lasts until they come again.
    """

    name = "jupyter aichat users group"
    subcommands = {
        "add": ("jupyter_aichat.cli.groups.JoinGroups", "Put somebody into groups."),
        "remove": ("jupyter_aichat.cli.groups.LeaveGroups", "Take somebody out of groups."),
        "list": ("jupyter_aichat.cli.groups.ListGroups", "All groups, or those of somebody."),
    }
    examples = """
    jupyter aichat users group add ada class-1
    jupyter aichat users group remove ada class-1
    jupyter aichat users group list
    """


class JoinGroups(DeskCommand):
    """Put somebody into groups. Their names are folded: `Class-1` and `class-1` are one."""

    name = "jupyter aichat users group add"
    takes = ("NAME", "GROUPS")
    examples = "jupyter aichat users group add ada class-1,class-2"

    async def work(self, administration: Administration) -> None:
        """Change it, and say what is so now."""
        account = await self.account(administration)
        self._tell(await self.change(administration, account, (self.argument(1) or "").split(",")))

    async def change(self, administration: Administration, account: Account, groups: list[str]) -> Account:
        """Change the account, and return it."""
        return await administration.join(COMMAND_LINE, operator(), account.id, groups)

    def _tell(self, account: Account) -> None:
        if self.json:
            self.row({"id": account.id, "name": account.name, "groups": account.groups})
        else:
            self.say(f"{account.name} is in {', '.join(account.groups) or 'no group'}.")


class LeaveGroups(JoinGroups):
    """Take somebody out of groups; those that nobody is in any more are gone."""

    name = "jupyter aichat users group remove"
    examples = "jupyter aichat users group remove ada class-1"

    async def change(self, administration: Administration, account: Account, groups: list[str]) -> Account:
        """Change the account, and return it."""
        return await administration.leave(COMMAND_LINE, operator(), account.id, groups)


class ListGroups(DeskCommand):
    """List all groups with how many are in them, or those of somebody. `users list --group=` says who is in one."""

    name = "jupyter aichat users group list"
    takes = ("NAME?",)
    examples = """
    jupyter aichat users group list
    jupyter aichat users group list ada
    jupyter aichat users list --group=class-1
    """

    async def work(self, administration: Administration) -> None:
        """Write a line for each."""
        if self.argument() is not None:
            for group in (await self.account(administration)).groups:
                self._show(group, None)
            return
        for group, members in await administration.groups(COMMAND_LINE, operator()):
            self._show(group, members)

    def _show(self, group: str, members: int | None) -> None:
        if self.json:
            self.row({"group": group} if members is None else {"group": group, "members": members})
        else:
            self.say(group if members is None else f"{group}  {members}")
