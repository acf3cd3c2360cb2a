"""The words after ``%chat`` and ``%%chat``: options first, then free text, in which quotes need no partner."""

from __future__ import annotations

import re
from typing import NamedTuple

import msgspec

from jupyter_aichat.domain.options import Options
from jupyter_aichat.errors import InvalidRequest

NEW = "new"
HELP = """\
%chat TEXT          ask, in one line
%%chat              ask what stands in the cell
%chat               say which chat and model are in use
%chat export FILE   write the chat into a new file: .md, .ipynb or .json
%chat export CHAT FILE   the same of another chat, by its id or "its title"

  -m, --model NAME        ask this model; without a text: from now on
  -c, --chat ID|new       ask in this chat, or begin one; without a text: from now on
      --system TEXT       the system prompt
      --temperature X     0 (always the same) to 2
      --num-ctx N         the model's window, in tokens
      --raw               put no values in for {{ name }}
  -h, --help              this text
"""

_OPTION = re.compile(r"\s*(?P<name>--?[A-Za-z][\w-]*)(?:=|\s+|$)")
_VALUE = re.compile(r"\"(?P<double>[^\"]*)\"(?=\s|$)|'(?P<single>[^']*)'(?=\s|$)|(?P<bare>\S+)")
_VALUES = {
    "-m": "model",
    "--model": "model",
    "-c": "chat",
    "--chat": "chat",
    "--system": "system",
    "--temperature": "temperature",
    "--num-ctx": "num_ctx",
}
_FLAGS = {"--raw": "raw", "-h": "help", "--help": "help"}
_SENT = ("system", "temperature", "num_ctx")


class Arguments(NamedTuple):
    """What a line says; ``text`` is what is left of it."""

    text: str = ""
    model: str | None = None
    chat: str | None = None
    options: Options = Options()
    raw: bool = False
    help: bool = False


def parse(line: str) -> Arguments:
    """Return what a line says; raises `InvalidRequest` for an option that is unknown or has no sound value."""
    values: dict[str, str] = {}
    flags: set[str] = set()
    while found := _OPTION.match(line):
        name = found["name"]
        rest = line[found.end() :]
        if name in _FLAGS:
            flags.add(_FLAGS[name])
        elif name in _VALUES:
            values[_VALUES[name]], rest = _value(name, rest)
        else:
            raise InvalidRequest(f"There is no option {name}; `%chat --help` lists them.")
        line = rest
    text = line.strip().removeprefix("-- ").strip()
    options = _options({name: values[name] for name in _SENT if name in values})
    return Arguments(text, values.get("model"), values.get("chat"), options, "raw" in flags, "help" in flags)


def _value(name: str, rest: str) -> tuple[str, str]:
    found = _VALUE.match(rest)
    if found is None:
        raise InvalidRequest(f"{name} needs a value; `%chat --help` lists the options.")
    return found["double"] or found["single"] or found["bare"] or "", rest[found.end() :]


def _options(values: dict[str, str]) -> Options:
    try:
        return msgspec.convert(values, Options, strict=False)
    except msgspec.ValidationError as error:
        what, _, where = str(error).replace(" | null", "").partition(" - at `$.")
        raise InvalidRequest(f"--{where.rstrip('`').replace('_', '-')}: {what}.") from None
