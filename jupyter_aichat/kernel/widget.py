"""`ChatPanel`: the chat in a notebook's output, the same front end as the side panel's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anywidget
from traitlets import Bool, Unicode, observe

from jupyter_aichat.kernel.frames import Frames
from jupyter_aichat.kernel.session import current_session

_MODULE = Path(__file__).parent.parent / "static" / "widget.js"
_NOT_BUILT = "export default { render({ el }) { el.textContent = 'The front end is not built: run `make build`.' } }"


class ChatPanel(anywidget.AnyWidget):
    """A chat with language models, in a notebook.

    Without a ``chat_id`` it shows the kernel's current chat, also when that changes: what ``%%chat`` asks appears here,
    and a chat that is opened here is the one that ``%%chat`` goes on with.

    Parameters
    ----------
    chat_id
        The chat to show; None begins a new one.
    height
        A CSS length.
    compact
        Without the list of chats.
    """

    _esm = _MODULE if _MODULE.exists() else _NOT_BUILT

    chat_id = Unicode(None, allow_none=True, help="The chat that is shown; None begins a new one.").tag(sync=True)
    height = Unicode("420px", help="The height of the panel, a CSS length.").tag(sync=True)
    compact = Bool(False, help="Leave out the list of chats.").tag(sync=True)

    def __init__(self, **kwargs: Any) -> None:
        session = current_session()
        follows = kwargs.get("chat_id") is None
        kwargs.setdefault("chat_id", session.chat_id)
        super().__init__(**kwargs)
        self._session = session
        self._frames = Frames(session, self.send, self.log)
        self._forget = session.watch(self._show) if follows else None
        self.on_msg(self._on_message)
        _let_messages_come_on_any_thread(self.comm)
        if self.chat_id is not None:
            session.use(self.chat_id)

    def _on_message(self, _: object, content: object, __: object) -> None:
        """Hand a view's message over: this may be the main thread or a subshell's, while a cell runs."""
        self._frames.receive(content)

    def _show(self, chat_id: str | None) -> None:
        self.chat_id = chat_id

    @observe("chat_id")
    def _on_chat_id(self, change: Any) -> None:
        if hasattr(self, "_session"):
            self._session.use(change["new"])

    def close(self) -> None:
        """Take the panel away; the chat stays."""
        if self._forget is not None:
            self._forget()
        self._frames.close()
        super().close()


def _let_messages_come_on_any_thread(comm: Any) -> None:
    """Have a view's messages handled where the front end sent them: on a subshell, while a cell runs.

    ipykernel 7.4 sends a comm's messages to the shell that last sent one out, here the main one, which is busy then. Its
    reason are callbacks that are bound to a loop; ours may run anywhere.
    """
    if hasattr(comm, "_reply_subshell_for"):
        comm._reply_subshell_for = lambda _, subshell_id: subshell_id  # noqa: SLF001
