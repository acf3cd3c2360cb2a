"""``%chat`` and ``%%chat``."""

from __future__ import annotations

import hashlib
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, line_cell_magic, magics_class, no_var_expand

from jupyter_aichat.errors import AIChatError
from jupyter_aichat.kernel.arguments import HELP, NEW, Arguments, parse
from jupyter_aichat.kernel.ask import Asking, Wish, show_until_end
from jupyter_aichat.kernel.display import open_view
from jupyter_aichat.kernel.export import export_in, read_export, write_new
from jupyter_aichat.kernel.session import Question, Session, current_session
from jupyter_aichat.kernel.status import describe
from jupyter_aichat.kernel.template import fill

_RED, _DIM, _PLAIN = "\x1b[31m", "\x1b[2m", "\x1b[0m"


class ChatFailed(Exception):
    """A cell that failed; shown as one line, because a traceback through our code helps nobody."""

    def _render_traceback_(self) -> list[str]:
        return [f"{_RED}{' '.join(str(self).split())}{_PLAIN}"]


class ChatInterrupted(KeyboardInterrupt):
    """An interrupted cell; an error, so that cells that wait behind it do not run."""

    def _render_traceback_(self) -> list[str]:
        return [f"{_DIM}Interrupted: the answer was stopped, its text is kept.{_PLAIN}"]


@magics_class
class ChatMagics(Magics):
    """Asks a language model; the answer streams into the cell and is part of a chat that the panel shows, too."""

    shell: InteractiveShell

    @no_var_expand  # values are put in by `fill` alone, which tells what it puts in
    @line_cell_magic
    def chat(self, line: str, cell: str | None = None) -> None:
        """Ask a language model: `%chat --help`."""
        try:
            self._chat(line, cell)
        except AIChatError as error:
            raise ChatFailed(error.message) from None

    def _chat(self, line: str, cell: str | None) -> None:
        if cell is None and (export := export_in(line)) is not None:
            session = current_session()
            print(write_new(export.file, session.loop.wait(read_export(session, export))))  # noqa: T201
            return
        arguments = parse(line)
        text = "\n\n".join(filter(None, (arguments.text, (cell or "").strip())))
        session = current_session()
        if arguments.help:
            print(HELP, end="")  # noqa: T201
        elif text:
            self._ask(session, arguments, text, f"{line}\n{cell}")
        elif cell is not None:
            raise ChatFailed("The cell is empty: write the question below %%chat.")
        else:
            print(session.loop.wait(describe(session, arguments)))  # noqa: T201

    def _ask(self, session: Session, arguments: Arguments, text: str, source: str) -> None:
        filled = (text, False) if arguments.raw else fill(text, self.shell.user_ns)
        cell, execution = self._place(source)
        earlier = session.cells.earlier(cell, execution)
        view = open_view(self.shell, filled[0] if filled[1] else None)
        asking = Asking(session, _wish(session, arguments, filled[0], earlier))
        try:
            show_until_end(session, asking, view)
        except KeyboardInterrupt:
            raise ChatInterrupted from None
        finally:
            self._remember(session, asking)
            view.finish(asking.answer)
        if failure := asking.answer.failure:
            raise ChatFailed(failure.message)

    def _remember(self, session: Session, asking: Asking) -> None:
        if asking.sent is not None:
            message = asking.sent.message
            session.cells.asked(Question(message.chat_id, message.id, message.parent_id))
            session.use(message.chat_id)

    def _place(self, source: str) -> tuple[str, str]:
        """Return which cell this is, by its id or else by its text, and which execution of it."""
        get_parent: Any = getattr(self.shell, "get_parent", dict)
        parent: dict[str, Any] = get_parent() or {}
        cell = (parent.get("metadata") or {}).get("cellId") or hashlib.sha256(source.encode()).hexdigest()
        execution = (parent.get("header") or {}).get("msg_id") or self.shell.execution_count
        return str(cell), str(execution)


def _wish(session: Session, arguments: Arguments, text: str, earlier: Question | None) -> Wish:
    chosen = arguments.chat is not None
    chat_id = arguments.chat if chosen else session.chat_id
    return Wish(
        text=text,
        chat_id=None if chat_id == NEW else chat_id,
        chosen=chosen,
        model=arguments.model or session.model,
        options=arguments.options,
        earlier=earlier,
    )


def load(shell: InteractiveShell) -> None:
    """Give a shell the magics."""
    shell.register_magics(ChatMagics)
