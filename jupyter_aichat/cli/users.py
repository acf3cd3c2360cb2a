"""`jupyter aichat users`: accounts and invitations."""

from __future__ import annotations

from datetime import timedelta

from traitlets import Bool, Float, List, Unicode

from jupyter_aichat.auth.administration import COMMAND_LINE, Administration
from jupyter_aichat.cli.command import Group
from jupyter_aichat.cli.desk import DeskCommand, operator
from jupyter_aichat.cli.passwords import new_password
from jupyter_aichat.domain.account import ROLES, Account, AccountQuery
from jupyter_aichat.domain.ids import InvitationId

_PAGE = 200


class Users(Group):
    """List, create and change accounts; invite people. What is done here holds in a running service within two seconds."""

    name = "jupyter aichat users"
    subcommands = {
        "list": ("jupyter_aichat.cli.users.ListUsers", "All accounts, by name."),
        "create": ("jupyter_aichat.cli.users.CreateUser", "Make an account, or the first administrator."),
        "disable": ("jupyter_aichat.cli.users.DisableUser", "Let somebody in no more; nothing is deleted."),
        "enable": ("jupyter_aichat.cli.users.EnableUser", "Let somebody in again."),
        "roles": ("jupyter_aichat.cli.users.SetRoles", "Change what somebody may do."),
        "group": ("jupyter_aichat.cli.groups.UserGroups", "Show or change who is in which group."),
        "quota": ("jupyter_aichat.cli.quotas.UserQuota", "Show or change what somebody may use of the models."),
        "password": ("jupyter_aichat.cli.users.SetPassword", "Give somebody another password."),
        "delete": ("jupyter_aichat.cli.users.DeleteUser", "Delete an account with all its data."),
        "invite": ("jupyter_aichat.cli.users.Invite", "Make an invitation, with which one person can register."),
        "invitations": (
            "jupyter_aichat.cli.users.Invitations",
            "List the invitations that can be used, or take one back.",
        ),
    }
    examples = """
    jupyter aichat users create ada --first-admin
    jupyter aichat users invite --days=3
    jupyter aichat users disable eve
    """


class ListUsers(DeskCommand):
    """List all accounts, by name; or those whose name begins so, or of one group."""

    name = "jupyter aichat users list"
    takes = ("BEGINNING?",)
    examples = """
    jupyter aichat users list
    jupyter aichat users list gra
    jupyter aichat users list --group=class-1 --json
    """
    group = Unicode(help="Only who is in this group.").tag(config=True)
    aliases = {**DeskCommand.aliases, "group": "ListUsers.group"}

    async def work(self, administration: Administration) -> None:
        """Write a line for each."""
        found: list[Account] = []
        cursor: str | None = None
        while True:
            page = await administration.list(COMMAND_LINE, operator(), self._query(cursor))
            found += page.items
            cursor = page.next
            if cursor is None:
                break
        if self.json:
            for each in found:
                self.row(_shown(each))
        else:
            rows = [
                (
                    each.name,
                    ",".join(each.roles),
                    ",".join(each.groups) or "-",
                    _state(each),
                    f"{each.created_at:%Y-%m-%d}",
                )
                for each in found
            ]
            self.table(("NAME", "ROLES", "GROUPS", "STATE", "CREATED"), rows)

    def _query(self, cursor: str | None) -> AccountQuery:
        return AccountQuery(self.argument() or "", self.group or None, cursor, _PAGE)


class CreateUser(DeskCommand):
    """Make an account. The password is asked for, or read from standard input; it is never an argument.

    With `--first-admin` it is the administrator of a new service. There is one such account, whoever else tries at the same
    time; make further administrators with `--role=admin`.
    """

    name = "jupyter aichat users create"
    takes = ("NAME",)
    makes_store = True
    examples = """
    jupyter aichat users create ada --first-admin
    jupyter aichat users create grace --role=user --role=admin
    pwgen -s 20 1 | tee grace.txt | jupyter aichat users create grace --password-stdin
    """
    first_admin = Bool(False, help="Make the first administrator of a new service.").tag(config=True)
    role = List(
        Unicode(), ["user"], help=f"What the person may do: {', '.join(ROLES)}; may be said several times."
    ).tag(config=True)
    password_stdin = Bool(False, help="Read the password from standard input, its first line.").tag(config=True)
    flags = {
        **DeskCommand.flags,
        "first-admin": ({"CreateUser": {"first_admin": True}}, first_admin.help),
        "password-stdin": ({"CreateUser": {"password_stdin": True}}, password_stdin.help),
    }
    aliases = {**DeskCommand.aliases, "role": "CreateUser.role"}

    async def work(self, administration: Administration) -> None:
        """Make it."""
        account = await administration.create(
            COMMAND_LINE,
            operator(),
            self.argument() or "",
            await new_password(stdin=self.password_stdin),
            roles=tuple(self.role),
            first_admin=self.first_admin,
        )
        self.say_of(account, f"{account.name} can log in as {' and '.join(account.roles)}.")


class DisableUser(DeskCommand):
    """Let somebody in no more: sessions end, tokens are refused, open connections close. Chats stay."""

    name = "jupyter aichat users disable"
    takes = ("NAME",)
    examples = "jupyter aichat users disable eve"
    disabled = True

    async def work(self, administration: Administration) -> None:
        """Change it."""
        account = await self.account(administration)
        account = await administration.disable(COMMAND_LINE, operator(), account.id, disabled=self.disabled)
        self.say_of(account, f"{account.name} is {_state(account)}.")


class EnableUser(DisableUser):
    """Let somebody in again, who has to log in anew."""

    name = "jupyter aichat users enable"
    examples = "jupyter aichat users enable eve"
    disabled = False


class SetRoles(DeskCommand):
    """Change what somebody may do. It holds for open connections too."""

    name = "jupyter aichat users roles"
    takes = ("NAME", "ROLES")
    examples = """
    jupyter aichat users roles grace user,admin
    jupyter aichat users roles grace user
    """

    async def work(self, administration: Administration) -> None:
        """Change it."""
        roles = tuple((self.argument(1) or "").split(","))
        account = await self.account(administration)
        account = await administration.set_roles(COMMAND_LINE, operator(), account.id, roles)
        self.say_of(account, f"{account.name} is {' and '.join(account.roles)}.")


class SetPassword(DeskCommand):
    """Give somebody another password, which ends all sessions; personal tokens stay."""

    name = "jupyter aichat users password"
    takes = ("NAME",)
    examples = "jupyter aichat users password ada"
    password_stdin = Bool(False, help="Read the password from standard input, its first line.").tag(config=True)
    flags = {**DeskCommand.flags, "password-stdin": ({"SetPassword": {"password_stdin": True}}, password_stdin.help)}

    async def work(self, administration: Administration) -> None:
        """Change it."""
        account = await self.account(administration)
        password = await new_password(stdin=self.password_stdin)
        await administration.set_password(COMMAND_LINE, operator(), account.id, password)
        self.say_of(account, f"{account.name} has a new password, and is logged out everywhere.")


class DeleteUser(DeskCommand):
    """Delete an account with its chats, sessions and tokens. The audit stays."""

    name = "jupyter aichat users delete"
    takes = ("NAME",)
    examples = """
    jupyter aichat users delete eve
    jupyter aichat users delete eve -y
    """
    flags = {**DeskCommand.flags, "y": ({"JupyterApp": {"answer_yes": True}}, "Do not ask whether that is meant.")}

    async def work(self, administration: Administration) -> None:
        """Delete it, if that is meant."""
        account = await self.account(administration)
        await self.confirm(f"Delete {account.name} with all chats?")
        await administration.delete(COMMAND_LINE, operator(), account.id)
        self.say_of(account, f"{account.name} is gone.")


class Invite(DeskCommand):
    """Make an invitation: a code with which one person can register, where `AIChatApp.registration` allows that."""

    name = "jupyter aichat users invite"
    makes_store = True
    examples = """
    jupyter aichat users invite
    jupyter aichat users invite --days=3 --role=user --role=admin
    """
    days = Float(7, help="Days until it can be used no more.").tag(config=True)
    role = List(
        Unicode(), ["user"], help=f"What the person may do: {', '.join(ROLES)}; may be said several times."
    ).tag(config=True)
    aliases = {**DeskCommand.aliases, "days": "Invite.days", "role": "Invite.role"}

    async def work(self, administration: Administration) -> None:
        """Make it, and show its code, once."""
        lives = timedelta(days=self.days)
        invitation, code = await administration.invite(COMMAND_LINE, operator(), lives, tuple(self.role))
        if self.json:
            self.row(
                {"id": invitation.id, "code": code, "expires_at": invitation.expires_at, "roles": invitation.roles}
            )
        else:
            self.say(f"Invitation: {code}")
            self.say(f"It can be used once until {invitation.expires_at:%Y-%m-%d %H:%M} UTC, and is shown only now.")
            self.say(f"As a link: the address of the service's page, then register#invitation={code}")


class Invitations(DeskCommand):
    """List the invitations that can be used, or take one back."""

    name = "jupyter aichat users invitations"
    examples = """
    jupyter aichat users invitations
    jupyter aichat users invitations --delete=6925b1c4e0a94d0f
    """
    delete = Unicode(help="The id of the one to take back.").tag(config=True)
    aliases = {**DeskCommand.aliases, "delete": "Invitations.delete"}

    async def work(self, administration: Administration) -> None:
        """Write a line for each, or take one back."""
        if self.delete:
            await administration.take_back(COMMAND_LINE, operator(), InvitationId(self.delete))
            return
        found = await administration.invitations(COMMAND_LINE, operator())
        if self.json:
            for each in found:
                self.row(
                    {"id": each.id, "roles": each.roles, "created_at": each.created_at, "expires_at": each.expires_at}
                )
        else:
            rows = [(each.id, ",".join(each.roles), f"{each.expires_at:%Y-%m-%d %H:%M}") for each in found]
            self.table(("ID", "ROLES", "UNTIL (UTC)"), rows)


def _state(account: Account) -> str:
    return "disabled" if account.disabled else "active"


def _shown(account: Account) -> dict[str, object]:
    names = ("id", "name", "display_name", "roles", "groups", "disabled", "created_at")
    return {name: getattr(account, name) for name in names}
