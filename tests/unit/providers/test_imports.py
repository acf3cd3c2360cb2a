"""What importing a provider costs."""

from __future__ import annotations

import subprocess
import sys


def test_the_http_libraries_are_not_imported_with_the_provider() -> None:
    """They take a quarter of a second; `HttpClient` imports them behind the server's start."""
    program = "import sys, jupyter_aichat.providers.ollama; print(sorted({'httpx', 'aiohttp'} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    assert found.stdout.strip() == "[]"
