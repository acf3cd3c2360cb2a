"""Which models are for some people only."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from jupyter_aichat.domain.folding import fold
from jupyter_aichat.domain.model import Model
from jupyter_aichat.domain.pattern import Pattern, fits_model, fits_person
from jupyter_aichat.domain.principal import Principal

Names = Annotated[tuple[Pattern, ...], Meta(min_length=1, max_length=1000)]


class ModelRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Models, and for whom they are: who has the role and the scope, and whose name and one of whose groups fit the patterns.

    A model is named by patterns of `provider/model` or of `model`: ``ollama/*``, ``llama3.3:70b``.
    """

    models: Names
    role: str = "*"
    scope: str = "*"
    user: Pattern = "*"
    group: Pattern = "*"

    def concerns(self, who: Principal) -> bool:
        """Whether its models are for this person."""
        return (self.scope == "*" or self.scope in who.scopes) and fits_person(
            fold(who.name), who.roles, who.groups, user=self.user, role=self.role, group=self.group
        )

    def names(self, model: str, provider: str | None) -> bool:
        """Whether it is about a model; without a provider, about one of any."""
        return any(fits_model(pattern, model, provider) for pattern in self.models)


class AllowedModels(msgspec.Struct, frozen=True):
    """What one person may ask: all models that no rule names, and those of the rules that are for this person."""

    rules: tuple[ModelRule, ...] = ()
    own: tuple[ModelRule, ...] = ()

    @property
    def all(self) -> bool:
        """Whether every model is allowed."""
        return len(self.own) == len(self.rules)

    def has(self, model: Model) -> bool:
        """Whether a model may be asked."""
        return self.has_name(model.name, model.provider)

    def has_name(self, model: str, provider: str | None = None) -> bool:
        """Whether a model of this name may be asked; where it is not known who provides it, one of any provider."""
        return self.all or (
            any(rule.names(model, provider) for rule in self.own)
            or not any(rule.names(model, provider) for rule in self.rules)
        )


EVERY_MODEL = AllowedModels()
