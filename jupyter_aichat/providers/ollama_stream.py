"""From the bytes of a chat's stream to chunks: whole lines decoded in one go, neighbours of a kind joined.

This is the hot path. A read with one token and a read with a thousand both cost one call of the JSON library.
"""

from __future__ import annotations

import re

import msgspec

from jupyter_aichat.domain.ids import new_id
from jupyter_aichat.domain.usage import Usage
from jupyter_aichat.errors import ProviderError
from jupyter_aichat.providers.base import Chunk, FinishedChunk, TextChunk, ThinkingChunk, ToolCallChunk
from jupyter_aichat.providers.ollama_errors import Wording
from jupyter_aichat.providers.ollama_wire import Line, ToolCall

MAX_LINE = 8_000_000
_REPLACEMENT = "\ufffd"
_decoder = msgspec.json.Decoder(Line)
_arguments_decoder = msgspec.json.Decoder()
_ESCAPE = re.compile(
    r"\\u(?:(?P<high>[dD][89abAB][0-9a-fA-F]{2})(?P<low>\\u[dD][c-fC-F][0-9a-fA-F]{2})?"
    r"|(?P<alone>[dD][c-fC-F][0-9a-fA-F]{2})|(?P<nul>0000))|\\."
)


class ChatStream:
    """Decodes one answer. ``over`` is set by its end, ``error`` by an end that is none of the model's.

    What stood before an error in the same read is still returned: text is kept, whatever comes after it.
    """

    def __init__(self, wording: Wording) -> None:
        self.over = False
        self.error: ProviderError | None = None
        self._wording = wording
        self._rest: list[bytes] = []
        self._rest_size = 0
        self._begun = False

    def feed(self, data: bytes) -> tuple[Chunk, ...]:
        """Return the chunks of the lines that `data` completes; b"" means that the server has closed the stream."""
        if not data:
            return self._close()
        end = data.rfind(b"\n") + 1
        if not end:
            self._keep(data)
            return ()
        lines, rest = (data, b"") if end == len(data) else (data[:end], data[end:])
        if self._rest:
            lines = self._join(lines)
        if rest:
            self._keep(rest)
        return self._chunks(lines)

    def _keep(self, piece: bytes) -> None:
        self._rest.append(piece)
        self._rest_size += len(piece)
        if self._rest_size > MAX_LINE:
            self._fail(self._wording.malformed())

    def _join(self, lines: bytes) -> bytes:
        if self._rest_size + lines.find(b"\n") > MAX_LINE:
            self._fail(self._wording.malformed())
            return b""
        self._rest.append(lines)
        joined = b"".join(self._rest)
        self._rest, self._rest_size = [], 0
        return joined

    def _close(self) -> tuple[Chunk, ...]:
        rest, self._rest = b"".join(self._rest), []
        chunks = self._chunks(rest) if rest else ()
        if not self.over:
            self._fail(self._wording.cut(begun=self._begun))
        return chunks

    def _fail(self, error: ProviderError) -> None:
        self.over, self.error = True, error

    def _chunks(self, data: bytes) -> tuple[Chunk, ...]:
        try:
            lines = _decoder.decode_lines(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            lines = self._one_by_one(data)
        joined = _Joined()
        for line in lines:
            message = line.message
            if message is not None:
                if message.thinking:
                    joined.add(ThinkingChunk, message.thinking)
                if message.content:
                    joined.add(TextChunk, message.content)
                if message.tool_calls:
                    joined.extend([_tool_call(call) for call in message.tool_calls])
            if line.error:
                self._fail(self._wording.line(line.error))
                break
            if line.done:
                self.over, self.error = True, None
                joined.extend([FinishedChunk(line.done_reason or "stop", _usage(line))])
                break
        chunks = joined.take()
        self._begun = self._begun or bool(chunks)
        return chunks

    def _one_by_one(self, data: bytes) -> list[Line]:
        """Decode what is not whole, valid JSON as far as it goes."""
        lines: list[Line] = []
        for line in data.splitlines():
            try:
                lines += _decoder.decode_lines(_repaired(line))
            except (msgspec.DecodeError, RecursionError):
                self._fail(self._wording.malformed())
                break
        return lines


class _Joined:
    """Chunks in the making: pieces of one kind are gathered until another comes."""

    __slots__ = ("_chunks", "_kind", "_pieces")

    def __init__(self) -> None:
        self._chunks: list[Chunk] = []
        self._pieces: list[str] = []
        self._kind: type[TextChunk] | type[ThinkingChunk] = TextChunk

    def add(self, kind: type[TextChunk] | type[ThinkingChunk], text: str) -> None:
        if kind is not self._kind:
            self._flush()
            self._kind = kind
        self._pieces.append(text)

    def extend(self, chunks: list[Chunk]) -> None:
        self._flush()
        self._chunks += chunks

    def take(self) -> tuple[Chunk, ...]:
        self._flush()
        return tuple(self._chunks)

    def _flush(self) -> None:
        if self._pieces:
            text = "".join(self._pieces)
            self._chunks.append(self._kind(text.replace("\0", _REPLACEMENT) if "\0" in text else text))
            self._pieces.clear()


def _usage(line: Line) -> Usage:
    rate = line.eval_count / line.eval_duration * 1e9 if line.eval_count and line.eval_duration else None
    return Usage(
        prompt_tokens=line.prompt_eval_count,
        completion_tokens=line.eval_count,
        total_ms=_ms(line.total_duration),
        load_ms=_ms(line.load_duration),
        tokens_per_second=None if rate is None else round(rate, 2),
    )


def _ms(nanoseconds: float | None) -> int | None:
    return None if nanoseconds is None else round(nanoseconds / 1e6)


def _tool_call(call: ToolCall) -> ToolCallChunk:
    name = call.function.name.replace("\0", _REPLACEMENT)
    return ToolCallChunk(call.id or f"call_{new_id()}", name, _arguments(bytes(call.function.arguments)))


def _arguments(raw: bytes) -> dict[str, object]:
    """Return the arguments as an object; what cannot be one is kept under ``unparsed``, for a person to judge."""
    try:
        value = _arguments_decoder.decode(_repaired(raw))
        if isinstance(value, str) and value.lstrip().startswith("{"):
            value = _arguments_decoder.decode(_repaired(value.encode()))
    except (msgspec.DecodeError, RecursionError):
        return {"unparsed": raw.decode("utf-8", "replace")}
    if isinstance(value, dict):
        return value
    return {} if value is None else {"unparsed": value}


def _repaired(line: bytes) -> bytes:
    """Return JSON in which bytes that are no UTF-8, lone surrogates and NUL have become U+FFFD."""
    return _ESCAPE.sub(_valid, line.decode("utf-8", "replace")).encode()


def _valid(escape: re.Match[str]) -> str:
    if escape["nul"] or escape["alone"] or (escape["high"] and not escape["low"]):
        return "\\ufffd"
    return escape[0]
