"""Chat with language models on your own machines: in JupyterLab, in a notebook cell, in a widget.

Imports nothing but its version: the entry points below are called in servers, kernels and builds alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_aichat._version import __version__

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from jupyter_aichat.app import AIChatApp
    from jupyter_aichat.kernel.widget import ChatPanel

__all__ = ["ChatPanel", "__version__", "load_ipython_extension"]


def __getattr__(name: str) -> object:
    if name == "ChatPanel":
        from jupyter_aichat.kernel.widget import ChatPanel  # noqa: PLC0415 (widgets only for those who want one)

        return ChatPanel
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _jupyter_server_extension_points() -> list[dict[str, str | type[AIChatApp]]]:
    from jupyter_aichat.app import AIChatApp  # noqa: PLC0415

    return [{"module": "jupyter_aichat.app", "app": AIChatApp}]


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    return [{"src": "labextension", "dest": "jupyterlab-aichat"}]


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Give a kernel ``%chat`` and ``%%chat``: called by ``%load_ext jupyter_aichat``."""
    from jupyter_aichat.kernel.magics import load  # noqa: PLC0415

    load(shell)
