"""What is wrong with a file, and where: the place is written as in JSONPath (``$.chats[2].messages[7].role``)."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from jupyter_aichat.errors import InvalidRequest

_PLACE = re.compile(r" - at `(?P<path>[^`]+)`$")
_QUOTED = re.compile(r"^(Invalid (?:enum )?value) '.*", re.DOTALL)
_SHOWN = 200


class Fault(InvalidRequest):
    """The file cannot be imported."""


def fault(sentence: str, place: str) -> Fault:
    """Return what is wrong; of the file itself at most the beginning is told."""
    return Fault(f"{_short(sentence)} - at `{_short(place)}`", path=_short(place))


def convert(value: bytes | msgspec.Raw, kind: Any, place: str) -> Any:
    """Return the value of a piece of JSON that stands at a place; raises `Fault`."""
    try:
        return msgspec.json.decode(value, type=kind)
    except msgspec.ValidationError as error:
        message = str(error)
        found = _PLACE.search(message)
        said = _QUOTED.sub(r"\1", message[: found.start()] if found else message)
        raise fault(said, place + (found["path"].removeprefix("$") if found else "")) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise fault(f"This is no JSON: {error}", place) from None
    except RecursionError:
        raise fault("The JSON is nested too deeply.", place) from None


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
