"""The same engine in the kernel's own process, on the same SQLite file, for kernels without a server."""

from jupyter_aichat.kernel.inprocess.engine import InProcess

__all__ = ["InProcess"]
