"""How pieces of a stream become the parts of a message: a piece extends the last part if that is of its kind."""

from __future__ import annotations

from collections.abc import Iterable

from jupyter_aichat.domain.message import Message
from jupyter_aichat.domain.part import Part, TextPart, ThinkingPart, ToolCallPart
from jupyter_aichat.engine.log import Piece

_PARTS: dict[str, type[TextPart] | type[ThinkingPart]] = {"text": TextPart, "thinking": ThinkingPart}


def fold(base: tuple[Part, ...], pieces: Iterable[Piece]) -> tuple[Part, ...]:
    """Return the parts after the pieces; costs the length of the whole text, once."""
    parts = list(base)
    kind: str | None = None
    texts: list[str] = []

    def close() -> None:
        if kind is not None and texts:
            parts.append(_PARTS[kind]("".join(texts)))
        texts.clear()

    if parts and not isinstance(last := parts[-1], ToolCallPart):
        parts.pop()
        kind = "text" if isinstance(last, TextPart) else "thinking"
        texts.append(last.text)
    for piece in pieces:
        if piece.call is not None:
            close()
            kind = None
            parts.append(ToolCallPart(piece.call.id, piece.call.name, piece.call.arguments))
            continue
        if piece.kind != kind:
            close()
            kind = piece.kind
        texts.append(piece.text)
    close()
    return tuple(parts)


def said_by_run(reply: Message) -> str:
    """Return what the message's run has said: all, or what came after a person let the answer be continued."""
    marks = [mark for mark in reply.continuations if mark.cause == "user"]
    part, offset = (marks[-1].part, marks[-1].offset) if marks else (0, 0)
    texts = [each.text for each in reply.parts[part:] if isinstance(each, TextPart)]
    return "".join(texts)[offset:]
