"""Run the real Ollama with the tests' models until standard input ends: `python -m tests.ollama.serve`.

Prints its address as one line. Ends with 69 where no Ollama is built.
"""

from __future__ import annotations

import signal
import sys
import tempfile
from pathlib import Path

from tests.ollama.server import binary, running

UNAVAILABLE = 69


def main() -> int:
    """Serve, and return the exit code."""
    program = binary()
    if program is None:
        print("no Ollama is built: `make ollama`", file=sys.stderr)
        return UNAVAILABLE
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # the server is in a session of its own, and would stay
    with tempfile.TemporaryDirectory(prefix="aichat-ollama-") as home, running(program, Path(home)) as server:
        print(server.url, flush=True)
        sys.stdin.read()
    return 0


if __name__ == "__main__":
    sys.exit(main())
