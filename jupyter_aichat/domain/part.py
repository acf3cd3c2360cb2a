"""The parts of a message."""

from __future__ import annotations

import msgspec


class TextPart(msgspec.Struct, frozen=True, gc=False, tag="text"):
    """Markdown."""

    text: str


class ThinkingPart(msgspec.Struct, frozen=True, gc=False, tag="thinking"):
    """What the model wrote before its answer."""

    text: str


class ToolCallPart(msgspec.Struct, frozen=True, tag="tool_call"):
    """A tool that the model asks to call; nothing is run without a person's word."""

    id: str
    name: str
    arguments: dict[str, object]


Part = TextPart | ThinkingPart | ToolCallPart


def text_of(parts: tuple[Part, ...]) -> str:
    """Return the text of a message without its thinking and tool calls."""
    return "".join(part.text for part in parts if isinstance(part, TextPart))
