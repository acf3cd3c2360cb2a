"""What a server, a kernel and a build pay for having the package."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {"aiohttp", "httpx", "motor", "pymongo", "redis", "IPython", "anywidget", "ipywidgets", "bcrypt", "jwt"}


def _loaded(code: str) -> set[str]:
    program = f"import sys; {code}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(found.stdout.split())


def test_the_package_itself_imports_next_to_nothing() -> None:
    assert not _loaded("import jupyter_aichat") & (
        HEAVY | {"tornado", "jupyter_server", "msgspec", "traitlets", "asyncio"}
    )


@pytest.mark.parametrize("module", ["jupyter_aichat.app", "jupyter_aichat.wiring"])
def test_a_server_with_the_extension_imports_no_client_and_no_database(module: str) -> None:
    assert not _loaded(f"import {module}") & HEAVY


def test_wiring_and_engine_know_no_web_server() -> None:
    assert not _loaded("import jupyter_aichat.wiring") & {"tornado", "jupyter_server"}


def test_the_entry_points() -> None:
    code = (
        "import jupyter_aichat as a; (point,) = a._jupyter_server_extension_points(); "
        "assert point['app'].__name__ == 'AIChatApp' and point['module'] == 'jupyter_aichat.app'; "
        "assert a._jupyter_labextension_paths() == [{'src': 'labextension', 'dest': 'jupyterlab-aichat'}]"
    )
    assert "tornado" in _loaded(code)
