"""`jupyter aichat retention`: which chats are kept no longer, by the service's settings (docs/operators/retention.md)."""

from __future__ import annotations

from collections import Counter

from traitlets import Bool

from jupyter_aichat.auth.administration import Administration
from jupyter_aichat.cli.desk import DeskCommand


class ApplyRetention(DeskCommand):
    """Delete the chats that are kept no longer, and say how many of whom. The service does so by itself once an hour.

    For how long that is stands in the settings of the service: `Retention.days` and `Retention.days_by_group`.
    """

    name = "jupyter aichat retention"
    examples = """
    jupyter aichat retention --dry-run
    jupyter aichat retention --dry-run --Retention.days=365
    jupyter aichat retention -y
    """
    dry_run = Bool(False, help="Delete nothing: say what would be deleted now.").tag(config=True)
    flags = {
        **DeskCommand.flags,
        "dry-run": ({"ApplyRetention": {"dry_run": True}}, dry_run.help),
        "y": ({"JupyterApp": {"answer_yes": True}}, "Do not ask whether that is meant."),
    }

    async def work(self, administration: Administration) -> None:  # noqa: ARG002 (all commands are given it)
        """Write a line for each account that has such chats, and then for each group."""
        rules = self.desk.retention.rules
        if not rules.any:
            self.fail("All chats are kept: no Retention.days and no Retention.days_by_group are set.")
        if not self.dry_run:
            await self.confirm("Delete all chats that are kept no longer? `--dry-run` says which.")
        rows, by_group, chats = list[tuple[str, ...]](), Counter[str](), 0
        async for expired in self.desk.expiring.sweep(rules, dry=self.dry_run):
            account, count = expired.account, expired.chats
            if self.json:
                fields = {"id": account.id, "name": account.name, "groups": account.groups}
                self.row({**fields, "days": expired.days, "chats": count})
            rows.append((account.name, ",".join(account.groups) or "-", str(expired.days), str(count)))
            by_group.update(dict.fromkeys(account.groups, count))
            chats += count
        if not self.json:
            self._tell(rows, by_group, chats)

    def _tell(self, rows: list[tuple[str, ...]], by_group: Counter[str], chats: int) -> None:
        if rows:
            self.table(("NAME", "GROUPS", "DAYS", "CHATS"), rows)
        if by_group:
            self.table(("GROUP", "CHATS"), [(group, str(count)) for group, count in sorted(by_group.items())])
        self.say(f"{chats} chats would be deleted." if self.dry_run else f"{chats} chats were deleted.")
