"""Shows an answer while it grows: as Markdown in a cell, as plain text in a terminal."""

from __future__ import annotations

import re
import sys
import time
from typing import Any, Protocol

from IPython.core.interactiveshell import InteractiveShell
from IPython.display import display

from jupyter_aichat.kernel.answer import Answer, summary
from jupyter_aichat.kernel.markdown import inert

GAP_S = 0.1
"""The shortest time between two updates of a cell: each is rendered anew."""
_CHARACTERS_PER_S = 200_000
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class View(Protocol):
    """Where an answer is shown."""

    def show(self, answer: Answer) -> float:
        """Show the answer as it is; return the seconds until the next update is welcome."""
        ...

    def finish(self, answer: Answer) -> None:
        """Show the whole answer, and what is to know of it."""
        ...


def open_view(shell: InteractiveShell, sent: str | None) -> View:
    """Return a view for this cell; `sent` is the question where it is not what stands in the cell."""
    return CellView(sent) if hasattr(shell, "kernel") else TerminalView(sent)


class _Text:
    """Markdown for those who render it, and the text as it came for all others."""

    def __init__(self, markdown: str, plain: str) -> None:
        self._bundle = {"text/markdown": markdown, "text/plain": plain}

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return self._bundle


class CellView:
    """One output that is updated in place; a saved notebook has the last one, which is text."""

    def __init__(self, sent: str | None) -> None:
        self._head = "" if sent is None else f"{_quoted(sent)}\n\n"
        self._begun = time.monotonic()
        self._handle = display(self._render("*…*", ""), display_id=True)  # type: ignore[no-untyped-call]

    def _render(self, markdown: str, foot: str) -> _Text:
        safe = inert(self._head + markdown)
        ending = f"\n{safe.closing}" if safe.closing and foot else ""
        return _Text(f"{safe.text}{ending}{foot}", f"{markdown}{foot}")

    def _update(self, markdown: str, foot: str = "") -> None:
        if self._handle is not None:
            self._handle.update(self._render(markdown, foot))

    def show(self, answer: Answer) -> float:
        """Update the output."""
        self._update(answer.text or meanwhile(answer))
        return GAP_S + len(answer.text) / _CHARACTERS_PER_S

    def finish(self, answer: Answer) -> None:
        """Update the output a last time, with the quiet line."""
        if answer.end is None and not answer.text:
            self._update("")
            return
        quiet = inert(summary(answer, time.monotonic() - self._begun)).text
        self._update(answer.text, f"\n\n<small>{quiet}</small>" if answer.text else f"<small>{quiet}</small>")


class TerminalView:
    """Text that is printed as it comes."""

    def __init__(self, sent: str | None) -> None:
        self._shown = ""
        self._begun = time.monotonic()
        if sent is not None:
            self._write("".join(f"> {line}\n" for line in sent.splitlines()))

    def _write(self, text: str) -> None:
        sys.stdout.write(_CONTROLS.sub("", text))  # what a model writes may not command the terminal
        sys.stdout.flush()

    def show(self, answer: Answer) -> float:
        """Print what is new; a text that was replaced is printed anew."""
        new = answer.text.removeprefix(self._shown) if answer.text.startswith(self._shown) else f"\n{answer.text}"
        self._shown = answer.text
        self._write(new)
        return GAP_S

    def finish(self, answer: Answer) -> None:
        """Print the rest and the quiet line."""
        self.show(answer)
        if answer.end is not None or answer.text:
            self._write(f"\n({summary(answer, time.monotonic() - self._begun)})\n")


def meanwhile(answer: Answer) -> str:
    """What stands there before the first text."""
    if answer.position:
        return f"*number {answer.position} in line …*"
    return "*thinking …*" if answer.thinking else "*…*"


def _quoted(text: str) -> str:
    """The question with its values in place, as a block that nothing in it can end."""
    longest = max(map(len, re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text}\n{fence}"
