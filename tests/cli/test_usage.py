"""What the command line says of itself, and how it refuses."""

from __future__ import annotations

import resource
import subprocess
import sys
from typing import Any

import pytest

from jupyter_aichat.cli.command import Command, Group
from jupyter_aichat.cli.main import AIChat
from tests.cli.conftest import Run

MOST_CPU_S = 0.5


def _commands(group: type[Group], path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    from traitlets.utils.importstring import import_item

    found: list[tuple[str, ...]] = [path]
    subcommands: Any = group.subcommands
    for name, (target, _) in subcommands.items():
        kind = import_item(target)
        if isinstance(kind, type) and issubclass(kind, Group):
            found += _commands(kind, (*path, name))
        elif isinstance(kind, type) and issubclass(kind, Command):
            found.append((*path, name))
    return found


@pytest.mark.parametrize("path", _commands(AIChat), ids=" ".join)
def test_each_has_help_with_examples(run: Run, path: tuple[str, ...]) -> None:
    done = run(*path, "--help")
    name = " ".join(("jupyter aichat", *path))
    assert done.code == 0
    assert done.out.startswith(f"Usage: {name} ")
    assert done.out.partition("Examples\n\n")[2].startswith(("  " + name, "  AICHAT"))
    assert "A Jupyter Application" not in done.out


@pytest.mark.parametrize("path", [path for path in _commands(AIChat) if path], ids=" ".join)
def test_each_refuses_what_it_does_not_know(run: Run, path: tuple[str, ...]) -> None:
    for wrong in ("--no-such-option", "--NoSuchClass.name=1"):
        done = run(*path, wrong)
        assert (done.code, done.out) == (2, ""), done


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Usage: jupyter aichat COMMAND"),
        (("user",), "did you mean 'users'?"),
        (("users", "lists"), "did you mean 'list'?"),
        (("users", "xyzzy"), "create"),
        (("users", "disable"), "NAME"),
        (("users", "disable", "a", "b"), "NAME"),
        (("users", "invitations", "a"), "no arguments"),
        (("serve", "--certfle=chain.pem"), "no option --certfle"),  # it would be a service without TLS
        (("serve", "8790"), "no arguments"),
    ],
)
def test_wrong_usage_is_two(run: Run, arguments: tuple[str, ...], said: str) -> None:
    done = run(*arguments)
    assert done.code == 2
    assert said in done.out + done.err


def test_a_setting_that_cannot_be_is_refused_in_a_sentence(run: Run) -> None:
    done = run("audit", "--action=dance")
    assert done.code == 1


def test_help_costs_little() -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "jupyter_aichat", "--help"], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < MOST_CPU_S


def test_whoever_reads_no_further_gets_no_traceback() -> None:
    command = f"{sys.executable} -m jupyter_aichat audit --help | head -n 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr == ""
