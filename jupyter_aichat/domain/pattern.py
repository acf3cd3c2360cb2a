"""Patterns by which operators name models and people, with ``*``, ``?`` and ``[…]`` as in a shell."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Annotated

from msgspec import Meta

from jupyter_aichat.domain.folding import fold

Pattern = Annotated[str, Meta(min_length=1, max_length=200)]

_LATEST = ":latest"


def fits_model(pattern: str, model: str, provider: str | None) -> bool:
    """Whether a pattern of `provider/model` or of `model` is about a model; ``:latest`` need not be said.

    Capitals make no difference, as they make none to Ollama. Without a provider, whether it is about a model of this name of any;
    then the model need not say ``:latest`` either.
    """
    if pattern == "*":
        return True
    pattern, model = pattern.casefold(), model.casefold()
    names = _names(model, whole=provider is not None)
    if any(fnmatchcase(name, pattern) for name in names):
        return True
    if provider is None:
        rest = pattern.partition("/")[2]
        return bool(rest) and any(fnmatchcase(name, rest) for name in names)
    return any(fnmatchcase(f"{provider.casefold()}/{name}", pattern) for name in names)


def _names(model: str, *, whole: bool) -> tuple[str, ...]:
    """The names of a model; one that is not told as a `whole` may lack its tag."""
    if model.endswith(_LATEST):
        return model, model.removesuffix(_LATEST)
    return (model,) if whole or ":" in model.rpartition("/")[2] else (model, model + _LATEST)


def fits_person(
    name: str, roles: tuple[str, ...], groups: tuple[str, ...], *, user: str, role: str, group: str
) -> bool:
    """Whether somebody's name fits `user` and one of their groups fits `group`, and they have the role; ``*`` is all.

    Names and groups come folded, as accounts have them.
    """
    return (
        (user == "*" or fnmatchcase(name, fold(user)))
        and (role == "*" or role in roles)
        and (group == "*" or any(fnmatchcase(each, fold(group)) for each in groups))
    )
