"""Makes a model's Markdown harmless for a cell's output.

The outputs of a cell that was just run are trusted: JupyterLab renders raw HTML, scripts included, and links of any
scheme. What a model writes, or what it read somewhere, must not become that. So HTML is shown as text, images become
links (a picture's address can carry data away), and links that run something are broken.

Code keeps its characters, but only where every reader of Markdown agrees that it is code. Where they may not agree, code
is treated as text: an entity shown in full is ugly, and no more.
"""

from __future__ import annotations

import re
from itertools import groupby
from typing import Literal, NamedTuple

_FENCE = re.compile(r"(?P<indent> {0,3})(?:(?P<ticks>`{3,})(?P<info>[^`]*)|(?P<tildes>~{3,})(?P<word>.*))")
_LANGUAGE = re.compile(r"[\w+#.-]{0,40}")
_SPAN = re.compile(r"`[^`]+`")
_MATH = re.compile(r"\$|\\\\?[(\[]|\\begin\b")
_FORMULA = re.compile(r"\$\$[^$`]*\$\$|\$[^$`\n]+\$|(\\\\?)\([^$`()]*\1\)|(\\\\?)\[[^$`\[\]]*\2\]")
_SCHEME = re.compile(r"(javascript|vbscript|data)(?=\\?:)", re.IGNORECASE)
_ENTITY = re.compile(r"&(?=#?\w+;)")
_BREAK = "\u200b"


class Inert(NamedTuple):
    """Harmless Markdown, and the line that closes a block of code that is still open ("" if none is)."""

    text: str
    closing: str


class _Fence(NamedTuple):
    indent: int
    run: str


def inert(text: str) -> Inert:
    """Return the same text, harmless."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    blocks, fence = _blocks(lines)
    certain = _is_math_settled(blocks)
    done: list[str] = []
    for block in blocks:
        if block.kind == "doubtful" or not certain:
            done += map(_escape, block.lines)
        else:
            done += block.lines if block.kind == "code" else _with_spans(block.lines)
    return Inert("\n".join(done), f"{' ' * fence.indent}{fence.run}" if fence else "")


class _Block(NamedTuple):
    kind: Literal["code", "text", "doubtful"]
    lines: list[str]


def _blocks(lines: list[str]) -> tuple[list[_Block], _Fence | None]:
    """Return paragraphs and the insides of fences, and the fence that is open at the end."""
    blocks: list[_Block] = [_Block("text", [])]
    fence: _Fence | None = None
    for line in lines:
        last = blocks[-1]
        if last.kind == "doubtful" or (fence and _is_inside(line, fence)):
            last.lines.append(line)
        elif fence:
            blocks += (
                [_Block("code", [line]), _Block("text", [])] if _closes(line, fence) else [_Block("doubtful", [line])]
            )
            fence = None
        elif opened := _opened(line):
            fence, head = opened
            blocks.append(_Block("code", [head]))
        elif last.lines and not last.lines[-1].strip():
            blocks.append(_Block("text", [line]))
        else:
            last.lines.append(line)
    return blocks, fence


def _is_math_settled(blocks: list[_Block]) -> bool:
    """Whether no mathematics can reach from text into code, or back: to some readers a fence in it is none."""
    runs = [(kind, "\n".join(line for block in run for line in block.lines)) for kind, run in groupby(blocks, _is_code)]
    open_ended = any(_MATH.search(_FORMULA.sub("", text)) for is_code, text in runs if not is_code)
    both_sides = all(any(_MATH.search(text) for is_code, text in runs if is_code == side) for side in (True, False))
    return not open_ended and not both_sides


def _is_code(block: _Block) -> bool:
    return block.kind == "code"


def _opened(line: str) -> tuple[_Fence, str] | None:
    """Return the fence that a line opens, and the line with no more than a language after it."""
    found = _FENCE.fullmatch(line)
    if found is None:
        return None
    run, info = found["ticks"] or found["tildes"], (found["info"] or found["word"] or "").strip()
    language = _LANGUAGE.match(info)
    return _Fence(len(found["indent"]), run), f"{found['indent']}{run}{language[0] if language else ''}"


def _is_inside(line: str, fence: _Fence) -> bool:
    """Whether a line is code for all readers: it neither looks like an end, nor leaves the list that the fence may be in."""
    bare = line.lstrip(" ")
    return not bare or (not bare.startswith(fence.run) and len(line) - len(bare) >= fence.indent)


def _closes(line: str, fence: _Fence) -> bool:
    """Whether a line ends a fence for all readers."""
    indent = len(line) - len(line.lstrip(" "))
    return fence.indent <= indent <= 3 and not line.strip(" ").strip(fence.run[0])


def _with_spans(lines: list[str]) -> list[str]:
    """Return the lines of a paragraph, with spans of code kept while no backtick before them is left over."""
    done: list[str] = []
    sure = not any(map(_MATH.search, lines))
    for line in lines:
        sure = sure and _is_plain(line)
        done.append(_around_spans(line) if sure else _escape(line))
    return done


def _around_spans(line: str) -> str:
    pieces: list[str] = []
    place = 0
    for span in _SPAN.finditer(line):
        if "|" not in span[0]:  # in a table this ends a cell, also in code
            pieces += (_escape(line[place : span.start()]), span[0])
            place = span.end()
    return "".join((*pieces, _escape(line[place:])))


def _is_plain(line: str) -> bool:
    """Whether all backticks in a line are in pairs, and nothing is there that parsers are known to stumble over."""
    return line.count("`") % 2 == 0 and not any(trap in line for trap in ("``", "\\`", "~"))


def _escape(text: str) -> str:
    text = _ENTITY.sub("&amp;", text).replace("<", "&lt;").replace("![", "&#33;[")
    return _SCHEME.sub(rf"\1{_BREAK}", text)
