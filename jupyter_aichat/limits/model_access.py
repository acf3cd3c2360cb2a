"""Models that an operator keeps for some: a large one for a course, one with a licence for those whom it covers."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from traitlets import Dict, List, TraitError, validate
from traitlets.config import LoggingConfigurable

from jupyter_aichat.domain.model_rule import EVERY_MODEL, AllowedModels, ModelRule
from jupyter_aichat.domain.principal import Principal


class ModelAccess(LoggingConfigurable):
    """Who may ask which models of a service."""

    rules = List(
        Dict(),
        help="Models that are not for everybody, such as [{'models': ['llama3.3:*', 'qwen3:32b'], 'group': 'staff'}, {'models': "
        "['llama3.3:*'], 'role': 'admin'}]. A rule has `models` (patterns of `provider/model` or `model`) and says for whom they are "
        "by any of `group`, `user` (patterns), `role`, and `scope` (of a JupyterHub, such as custom:aichat:models:large). A model "
        "that some rule names is for those alone for whom one of these rules is; every other model is for all.",
    ).tag(config=True)  # fmt: skip

    @validate("rules")
    def _check_rules(self, proposal: Mapping[str, object]) -> object:
        try:
            msgspec.convert(proposal["value"], list[ModelRule])
        except msgspec.ValidationError as error:
            raise TraitError(f"ModelAccess.rules cannot be used: {error}") from None
        return proposal["value"]

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self._rules = tuple(msgspec.convert(self.rules, list[ModelRule]))

    @property
    def scopes(self) -> frozenset[str]:
        """The scopes that mean something in the rules."""
        return frozenset(rule.scope for rule in self._rules) - {"*"}

    def of(self, who: Principal) -> AllowedModels:
        """Return what somebody may ask."""
        if not self._rules:
            return EVERY_MODEL
        return AllowedModels(self._rules, tuple(rule for rule in self._rules if rule.concerns(who)))
