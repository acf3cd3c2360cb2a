"""How many packages we bring, counted in what is installed."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

NAMED_BY_USERS = {
    "anywidget",
    "bcrypt",
    "httpx",
    "ipywidgets",
    "jupyter-server",
    "motor",
    "pyjwt",
    "redis",
    "tornado",
    "traitlets",
}


def requirements(name: str, extras: Iterable[str] = ()) -> list[Requirement]:
    """Return what a distribution requires here, with the extras that are asked for."""
    parsed = [Requirement(line) for line in importlib.metadata.requires(name) or []]
    return [r for r in parsed if r.marker is None or any(r.marker.evaluate({"extra": e}) for e in ("", *extras))]


def closure(name: str) -> set[str]:
    """Return the names of a distribution's dependencies, and theirs, without its own."""
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = [(canonicalize_name(name), frozenset[str]())]
    while waiting:
        item = waiting.pop()
        if item not in seen:
            seen.add(item)
            waiting += [(canonicalize_name(r.name), frozenset(r.extras)) for r in requirements(*item)]
    return {found for found, _ in seen} - {canonicalize_name(name)}


@pytest.mark.parametrize(
    ("beside", "most"),
    [pytest.param("jupyterlab", 25, id="jupyterlab"), pytest.param("jupyter-server", 40, id="jupyter-server")],
)
def test_packages_beyond_jupyters_are_few(beside: str, most: int) -> None:
    ours = closure("jupyterlab-aichat") - closure(beside) - {beside}

    assert NAMED_BY_USERS - {beside} - closure(beside) <= ours
    assert len(ours) <= most, sorted(ours)


def test_packages_that_users_named_are_plain_dependencies() -> None:
    plain = {canonicalize_name(r.name) for r in requirements("jupyterlab-aichat")}

    assert plain >= NAMED_BY_USERS
