"""The one codec of the wire: every body, query and frame goes through it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from jupyter_aichat.errors import InvalidOption, InvalidRequest
from jupyter_aichat.protocol.frames import ClientFrame, FrameId

T = TypeVar("T")

_SHOWN = 200
_PATH = re.compile(r" - at `(?P<path>[^`]+)`$")
_QUOTED = re.compile(r"^(Invalid (?:enum )?value) '.*", re.DOTALL)
_ESCAPED_NUL = b"\\u0000"

encode = msgspec.json.Encoder().encode
_frames: msgspec.json.Decoder[ClientFrame] = msgspec.json.Decoder(ClientFrame)


class _FrameHead(msgspec.Struct):
    id: FrameId = None


_heads = msgspec.json.Decoder(_FrameHead)


def decode(data: bytes | bytearray, decoder: msgspec.json.Decoder[T]) -> T:
    """Return the value of a JSON text.

    Raises `InvalidRequest` for what is not JSON, does not fit, or holds NUL or half of a surrogate pair in text.
    """
    try:
        value = decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _invalid(error) from None
    if _ESCAPED_NUL in data:
        _refuse_nul(msgspec.json.decode(data))
    return value


def decode_frame(line: bytes) -> ClientFrame:
    """Return a client's frame, or raise `InvalidRequest`."""
    return decode(line, _frames)


def frame_id(line: bytes) -> FrameId:
    """Return the ``id`` of a frame that could not be decoded, as far as it can be found."""
    try:
        return _heads.decode(line).id
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def decode_query(arguments: Mapping[str, list[bytes]], kind: type[T]) -> T:
    """Return the parameters of a query, or raise `InvalidRequest`; unknown ones are not ours and ignored."""
    fields: dict[str, str] = {}
    for field in msgspec.structs.fields(kind):  # type: ignore[arg-type]
        if values := arguments.get(field.encode_name):
            fields[field.encode_name] = _text(values[-1])
    value: T = convert(fields, kind)
    return value


def convert(value: object, kind: Any) -> Any:
    """Return a value that came as text (header, query) as `kind`, or raise `InvalidRequest`."""
    _refuse_nul(value)
    try:
        return msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError as error:
        raise _invalid(error) from None


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise _invalid(error) from None


def _invalid(error: Exception) -> InvalidRequest:
    """Say what does not fit and where; of what was sent at most the beginning of a field's name."""
    if isinstance(error, RecursionError):
        return InvalidRequest("The JSON is nested too deeply.")
    if isinstance(error, UnicodeDecodeError):
        return InvalidRequest("The text is not UTF-8.")
    message = str(error)
    found = _PATH.search(message)
    if found is None:
        return InvalidRequest(_short(message))
    path = found["path"]
    kind = InvalidOption if path.startswith("$.options") else InvalidRequest
    said = _QUOTED.sub(r"\1", message[: found.start()])
    return kind(f"{_short(said)} - at `{_short(path)}`", path=_short(path))


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _refuse_nul(value: object) -> None:
    for path, text in _texts(value, "$"):
        if "\0" in text:
            raise InvalidRequest(f"Text may not hold NUL - at `{path}`", path=path)


def _texts(value: object, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(item, f"{path}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, f"{path}[{index}]")
