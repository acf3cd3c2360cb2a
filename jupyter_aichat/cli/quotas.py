"""`jupyter aichat users quota`: what one person may use of the models, beside what the rules say for everybody."""

from __future__ import annotations

import msgspec
from traitlets import Bool, Int, Unicode

from jupyter_aichat.auth.administration import COMMAND_LINE, Administration
from jupyter_aichat.cli.desk import DeskCommand, operator
from jupyter_aichat.domain.account import Account
from jupyter_aichat.domain.quota import Quota
from jupyter_aichat.errors import InvalidRequest

_BOUNDS = ("tokens_per_day", "tokens_per_month", "seconds_per_day", "seconds_per_month")


class UserQuota(DeskCommand):
    """Show or change the quotas of one person, which win over `Quotas.rules`.

    Without a bound it shows them. A bound sets the quota for the models that `--model` fits; another quota of theirs for the same
    pattern is replaced. Which rules hold for everybody stands in the settings of the service (docs/operators/limits.md).
    """

    name = "jupyter aichat users quota"
    takes = ("NAME",)
    examples = """
    jupyter aichat users quota ada
    jupyter aichat users quota ada --tokens-per-day=200000
    jupyter aichat users quota ada --model='llama3.3:70b' --seconds-per-month=36000
    jupyter aichat users quota ada --clear
    """
    model = Unicode("*", help="The models that it is for: `*`, `ollama/*`, `llama3.3:70b`.").tag(config=True)
    tokens_per_day = Int(allow_none=True, default_value=None, help="Tokens in a day (UTC).").tag(config=True)
    tokens_per_month = Int(allow_none=True, default_value=None, help="Tokens in a month (UTC).").tag(config=True)
    seconds_per_day = Int(allow_none=True, default_value=None, help="Seconds of generation in a day.").tag(config=True)
    seconds_per_month = Int(allow_none=True, default_value=None, help="Seconds of generation in a month.").tag(
        config=True
    )
    clear = Bool(False, help="Take all quotas of this person away; those of the rules hold again.").tag(config=True)
    flags = {**DeskCommand.flags, "clear": ({"UserQuota": {"clear": True}}, clear.help)}
    aliases = {
        **DeskCommand.aliases,
        **{name.replace("_", "-"): f"UserQuota.{name}" for name in ("model", *_BOUNDS)},
    }

    async def work(self, administration: Administration) -> None:
        """Show them, after they were changed if that is wanted."""
        account = await self.account(administration)
        wanted = self._wanted(account)
        if wanted != account.quotas:
            account = await administration.change(COMMAND_LINE, operator(), account.id, quotas=wanted)
        if self.json:
            for quota in account.quotas:
                self.row(quota)
        elif not account.quotas:
            self.say(f"{account.name} has no quotas of their own.")
        else:
            rows = [(each.model, *(_shown(getattr(each, name)) for name in _BOUNDS)) for each in account.quotas]
            self.table(("MODEL", "TOKENS/DAY", "TOKENS/MONTH", "SECONDS/DAY", "SECONDS/MONTH"), rows)

    def _wanted(self, account: Account) -> tuple[Quota, ...]:
        bounds = {name: bound for name in _BOUNDS if (bound := getattr(self, name)) is not None}
        kept = () if self.clear else account.quotas
        if not bounds:
            return kept
        try:
            quota = msgspec.convert({"model": self.model, **bounds}, Quota)
        except msgspec.ValidationError as error:
            raise InvalidRequest(f"This is no quota: {error}.") from None
        return (*(each for each in kept if each.model != quota.model), quota)


def _shown(bound: int | None) -> str:
    return "-" if bound is None else str(bound)
