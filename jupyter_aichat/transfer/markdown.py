"""A chat as Markdown that people read: its active branch, one heading a message.

No message can swallow the next one. A block of code that a message leaves open is closed at its end. Where it is not
certain how a text ends, because it may be read in more than one way, the message is quoted: a quotation ends by itself.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

import msgspec

from jupyter_aichat.domain.chat import Chat
from jupyter_aichat.domain.message import Message
from jupyter_aichat.domain.part import Part, TextPart, ThinkingPart

_FENCE = re.compile(r"(?P<indent> *)(?P<run>`{3,}(?=[^`]*\Z)|~{3,})(?P<info>.*)")
_DOUBTFUL = re.compile(r" *(<(?![A-Za-z][A-Za-z0-9+.-]*:)[A-Za-z/!?]|([-*+]|\d{1,9}[.)])\s+(`{3,}|~{3,})|\t)")
"""HTML, which goes on as long as it likes; a block of code that begins beside a list's mark; tabs."""
_WIDEST = 1
"""Columns before a fence that is certainly of the document itself: those further in may belong to a list."""
_MOST_INDENTS = 1024 * 1024
"""Spaces before the lines of one tool call's arguments."""
_PLAIN_TITLE = re.compile(r"([\\`*_{}\[\]<>()#+!|~&$])")
_ENDS = {
    "pending": "has not begun", "streaming": "is being written", "stopped": "was stopped",
    "interrupted": "was interrupted", "failed": "failed",
}  # fmt: skip


class Block(NamedTuple):
    """A block of code that is certainly one: its language, and the numbers of the lines of its fences."""

    language: str
    first: int
    last: int


class Reading(NamedTuple):
    """How a text is read: ``closing`` is the line that closes its last block of code, "" for none, None if that is not certain."""

    closing: str | None
    blocks: tuple[Block, ...] = ()


class _Open(NamedTuple):
    indent: int
    run: str
    language: str
    first: int


def head(chat: Chat) -> str:
    """Return what the document begins with."""
    said = [f"{chat.created_at:%Y-%m-%d}", *([f"`{_word(chat.model)}`"] if chat.model else [])]
    return f"# {_heading(chat.title) or 'Chat'}\n\n{' · '.join(said)}\n"


def section(message: Message) -> str:
    """Return a message under its heading, beginning with an empty line."""
    who = "You" if message.role == "user" else "Assistant"
    model = f" · `{_word(message.model)}`" if message.model else ""
    parts = [text for part in message.parts if (text := part_text(part))]
    if (state := _ENDS.get(message.status)) is not None:
        parts.append(f"*This answer {state}{_why(message)}.*")
    return "\n\n".join((f"\n---\n\n## {who}{model} · {message.created_at:%Y-%m-%d %H:%M} UTC", *parts)) + "\n"


def part_text(part: Part) -> str:
    """Return a part as Markdown that ends where it ends."""
    if isinstance(part, TextPart):
        return bounded(part.text)
    if isinstance(part, ThinkingPart):
        return quoted(f"*Thinking*\n\n{lines_of(part.text)}") if part.text.strip() else ""
    return f"Tool `{_word(part.name)}`:\n\n{fenced(_laid_out(msgspec.json.encode(part.arguments)), 'json')}"


def _laid_out(arguments: bytes) -> str:
    """Return JSON over many lines; on one where the indents would be many times what they are about."""
    depth = arguments.count(b"{") + arguments.count(b"[")  # at most
    lines = depth + arguments.count(b",")
    indent = 2 if 2 * depth * lines <= _MOST_INDENTS else 0
    return msgspec.json.format(arguments, indent=indent).decode()


def bounded(text: str) -> str:
    """Return the text so that whatever follows it is read as it stands."""
    text = lines_of(text).strip("\n")
    closing = read(text).closing
    if closing is None:
        return quoted(text)
    return f"{text}\n{closing}" if closing else text


def quoted(text: str) -> str:
    """Return the text as a quotation."""
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))


def fenced(code: str, language: str = "") -> str:
    """Return a block of code, whatever stands in it."""
    longest = max((len(run) for run in re.findall(r"`+", code)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{code}\n{fence}"


def lines_of(text: str) -> str:
    """Return the text with one kind of line end, and without what no document may hold."""
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\N{REPLACEMENT CHARACTER}")


def read(text: str) -> Reading:
    """Return how a text is read."""
    fence: _Open | None = None
    blocks: list[Block] = []
    for number, line in enumerate(text.split("\n")):
        if fence is None:
            if (found := _FENCE.fullmatch(line)) is not None:
                language = (found["info"].split() or [""])[0].lower()
                fence = _Open(len(found["indent"]), found["run"], language, number)
            elif _DOUBTFUL.match(line):
                return Reading(None)
            continue
        state = _inside(line, fence)
        if state == "doubtful":
            return Reading(None)
        if state == "closed":
            if fence.indent == 0:
                blocks.append(Block(fence.language, fence.first, number))
            fence = None
    return Reading("" if fence is None else " " * fence.indent + fence.run, tuple(blocks))


def _inside(line: str, fence: _Open) -> Literal["open", "closed", "doubtful"]:
    """What a line does to the block of code that it stands in."""
    if not line.strip():
        return "open"
    indent = len(line) - len(line.lstrip(" "))
    certain = fence.indent <= _WIDEST
    if not certain and (indent < fence.indent or line[indent] == "\t"):
        return "doubtful"  # it ends the list that the block may belong to, or it is code
    run = line.lstrip(" ").rstrip(" \t")
    if set(run) != {fence.run[0]} or len(run) < len(fence.run):
        return "open"
    if certain:
        return "closed" if indent <= 3 else "open"
    return "closed" if indent == fence.indent else "doubtful"


def _heading(title: str) -> str:
    return _PLAIN_TITLE.sub(r"\\\1", " ".join(title.split()))


def _word(word: str) -> str:
    return " ".join(word.replace("`", "'").split())


def _why(message: Message) -> str:
    return f": {_heading(message.error.message).rstrip('.')}" if message.error else ""
