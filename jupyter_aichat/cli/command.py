"""What all commands share: settings from files and arguments, words to people, exit codes.

0 is done, 1 is not done (a sentence on standard error says why), 2 is wrong usage, 130 is interrupted.
"""

from __future__ import annotations

import difflib
import inspect
import os
import sys
from collections.abc import Generator, Iterator, Sequence
from typing import Any, ClassVar, NoReturn

from jupyter_core.application import JupyterApp, base_aliases, base_flags
from traitlets.config import Application
from traitlets.config.loader import KVArgParseConfigLoader

from jupyter_aichat._version import __version__

FAILED, USAGE, INTERRUPTED = 1, 2, 130

_ELSEWHERE = (
    *("Application", "JupyterApp", "ServerApp", "AIChatService", "ServiceExtension", "AccountIdentity"),
    *("ModelAccess", "Quotas", "RequestLimits", "Shares", "RemoteMode"),
)
"""Sections that may stand among the arguments of any command, because the service reads them."""

_OWN_WORDS = {
    "debug": "Say more of what happens, on standard error.",
    "config": "A file of settings to read in place of jupyter_aichat_config.py on Jupyter's paths.",
    "log-level": "How much to say on standard error: 10 the most, 50 the least.",
}


class _Loader(KVArgParseConfigLoader):
    """Refuses options that do not exist; traitlets itself only warns, and goes on without them."""

    def _handle_unrecognized_alias(self, arg: str) -> None:
        self.parser.error(f"there is no option --{arg.replace('_', '-')}")


class Base(JupyterApp):
    """What a command and a group of commands share."""

    version = __version__
    flags = {"debug": base_flags["debug"]}
    aliases = {"config": base_aliases["config"], "log-level": base_aliases["log-level"]}

    def _config_file_name_default(self) -> str:
        return "jupyter_aichat_config"

    def migrate_config(self) -> None:
        """Leave Jupyter's folders as they are."""

    def _find_subcommand(self, _name: str) -> str:
        return ""  # commands are ours, not programs on the path

    @classmethod
    def usage(cls) -> str:
        """Return the first line of the help."""
        return f"{cls.name} COMMAND [options]"

    def emit_description(self) -> Generator[str, None, None]:
        """Yield the first lines of the help."""
        yield from (f"Usage: {self.usage()}", "", *(inspect.getdoc(type(self)) or "").splitlines(), "")

    def emit_subcommands_help(self) -> Generator[str, None, None]:
        """Yield what the commands are, one a line."""
        if self.subcommands:
            width = max(map(len, self.subcommands))
            yield from ("Commands", "")
            yield from (f"  {name:{width}}  {what}" for name, (_, what) in self.subcommands.items())
            yield ""

    def emit_options_help(self) -> Generator[str, None, None]:
        """Yield what the options are, each with its sentence."""
        yield from ("Options", "")
        for name, sentence in sorted(self._options(), key=lambda option: option[0].rstrip("=…") in _OWN_WORDS):
            yield from (f"  -{name}" if len(name) == 1 else f"  --{name}", f"      {' '.join(sentence.split())}")
        yield ""

    def _options(self) -> Iterator[tuple[str, str]]:
        for name, (_, sentence) in self.flags.items():
            yield name, _OWN_WORDS.get(name, sentence)
        classes = {each.__name__: each for each in self._classes_inc_parents()}
        for name, target in self.aliases.items():
            section, _, trait = target.partition(".")
            known = classes[section].class_traits()[trait].help if section in classes else ""
            yield f"{name}=…", _OWN_WORDS.get(name) or known or f"{target}, as the service has it."

    def emit_examples(self) -> Generator[str, None, None]:
        """Yield the examples, as one types them."""
        if self.examples:
            yield from ("Examples", "", *(f"  {line.strip()}" for line in self.examples.strip().splitlines()), "")

    def emit_help_epilogue(self, classes: bool) -> Generator[str, None, None]:
        """Yield the last lines of the help."""
        if not classes:
            yield "`--help-all` lists every setting."
            yield ""

    def parse_command_line(self, argv: Any = None) -> None:
        """Take the arguments; refuse those that mean nothing."""
        super().parse_command_line(argv)
        known = {each.__name__ for each in self._classes_inc_parents()}.union(_ELSEWHERE)
        for section in self.cli_config:
            if section not in known:
                self.refuse_usage(f"there are no settings of {section}")

    def refuse_usage(self, sentence: str) -> NoReturn:
        """Say what is wrong with the arguments, and exit."""
        _tell(f"{self.name}: {sentence}\nTry `{self.name} --help`.")
        raise SystemExit(USAGE)

    def _create_loader(self, argv: Any, aliases: Any, flags: Any, classes: Any) -> KVArgParseConfigLoader:
        return _Loader(argv, aliases, flags, classes=classes, log=self.log, prog=self.name, usage=self.usage())


class Group(Base):
    """Commands that belong together."""

    def run(self, argv: Sequence[str] | None) -> NoReturn:
        """Run the command that the arguments name, and exit."""
        deepest: Application = self
        try:
            self.initialize(sys.argv[1:] if argv is None else list(argv))
            self.start()
        except KeyboardInterrupt:
            raise SystemExit(INTERRUPTED) from None
        except BrokenPipeError:  # whoever read on has read enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise SystemExit(FAILED) from None
        finally:
            while deepest.subapp is not None:
                deepest = deepest.subapp
            if isinstance(deepest, Base):
                type(deepest).clear_instance()
        raise SystemExit(0)

    def start(self) -> None:
        """Start the command, or say which there are."""
        if self.subapp is not None:
            self.subapp.start()
        elif self.extra_args:
            near = difflib.get_close_matches(self.extra_args[0], self.subcommands, 1)
            meant = f"; did you mean {near[0]!r}?" if near else f": {', '.join(self.subcommands)}"
            self.refuse_usage(f"there is no command {self.extra_args[0]!r}{meant}")
        else:
            self.print_help()
            raise SystemExit(USAGE)


class Command(Base):
    """One command; ``takes`` names its arguments, the last of which may be left out if it ends with "?"."""

    takes: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def usage(cls) -> str:
        """Return the first line of the help."""
        arguments = "".join(f" [{name[:-1]}]" if name.endswith("?") else f" {name}" for name in cls.takes)
        return f"{cls.name}{arguments} [options]"

    def parse_command_line(self, argv: Any = None) -> None:
        """Take the arguments; refuse a wrong number of them."""
        super().parse_command_line(argv)
        least = sum(not name.endswith("?") for name in self.takes)
        if not least <= len(self.extra_args) <= len(self.takes):
            self.refuse_usage(f"it takes {' '.join(self.takes) or 'no arguments'}")

    def argument(self, place: int = 0) -> str | None:
        """Return one of the arguments, None where it was left out."""
        return self.extra_args[place] if place < len(self.extra_args) else None

    def say(self, line: str) -> None:
        """Write a line; what could steer a terminal is made visible first."""
        sys.stdout.write(_harmless(line) + "\n")
        sys.stdout.flush()

    def fail(self, sentence: str) -> NoReturn:
        """Say why it could not be done, and exit."""
        _tell(f"{self.name}: {sentence}")
        raise SystemExit(FAILED)

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Write rows under each other, columns aligned."""
        cells = [[_harmless(cell) for cell in row] for row in (head, *rows)]
        widths = [max(len(row[n]) for row in cells) for n in range(len(head))]
        for row in cells:
            self.say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _harmless(text: str) -> str:
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)


def _tell(text: str) -> None:
    sys.stderr.write("\n".join(map(_harmless, text.split("\n"))) + "\n")
