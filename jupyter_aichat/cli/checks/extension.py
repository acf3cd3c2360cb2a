"""The doctor's look at what belongs into a Jupyter server, a JupyterLab and a kernel, and at the service's page."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jupyter_core.paths import jupyter_config_path, jupyter_path

from jupyter_aichat._version import __version__
from jupyter_aichat.cli.checks.finding import Finding
from jupyter_aichat.service.page_files import FOLDER

_NAME, _LAB = "jupyter_aichat", "jupyterlab-aichat"
_OF_KERNELS = ("ipython", "ipywidgets", "anywidget")
_INSTALL = "pip install --force-reinstall jupyterlab-aichat"


def page() -> Iterator[Finding]:
    """Yield whether the service's page is there."""
    if (FOLDER / "index.html").is_file():
        yield Finding("page", "ok", "It was built.")
    else:
        yield Finding("page", "fail", "It was not built.", f"{_INSTALL}; in a checkout: make build")


def in_jupyter() -> Iterator[Finding]:
    """Yield whether server, lab and kernels find us."""
    enabled = _settings("jupyter_server_config").get("ServerApp", {}).get("jpserver_extensions", {}).get(_NAME)
    if enabled:
        yield Finding("extension", "ok", "The Jupyter server loads it.")
    elif enabled is None:
        yield Finding("extension", "fail", "The Jupyter server does not know it.", _INSTALL)
    else:
        yield Finding(
            "extension", "fail", "It is disabled in the Jupyter server.", f"jupyter server extension enable {_NAME}"
        )
    yield _lab()
    yield _kernel()


def _lab() -> Finding:
    found = next((path for folder in jupyter_path("labextensions") if (path := Path(folder, _LAB)).is_dir()), None)
    if found is None:
        return Finding("lab", "fail", "JupyterLab does not find the panel.", _INSTALL)
    disabled = _settings("labconfig/page_config").get("disabledExtensions", {})
    names = disabled if isinstance(disabled, list) else [name for name, on in disabled.items() if on]
    if any(name == _LAB or name.startswith(f"{_LAB}:") for name in names):
        return Finding("lab", "fail", "The panel is disabled in JupyterLab.", f"jupyter labextension enable {_LAB}")
    version = _read(found / "package.json").get("version")
    if version != __version__:
        return Finding("lab", "fail", f"The panel is of version {version}, this is {__version__}.", _INSTALL)
    return Finding("lab", "ok", f"JupyterLab finds the panel in {found}.")


def _kernel() -> Finding:
    found, missing = [], []
    for name in _OF_KERNELS:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        return Finding("kernel", "fail", f"Not here: {', '.join(missing)}.", "pip install jupyterlab-aichat")
    what = f"{', '.join(found)}. Kernels of other environments need jupyterlab-aichat in theirs."
    return Finding("kernel", "ok", what)


def _settings(name: str) -> dict[str, Any]:
    """Return what the files of a name say together, in the order in which Jupyter reads them."""
    merged: dict[str, Any] = {}
    for folder in reversed(jupyter_config_path()):
        file = Path(folder, f"{name}.json")
        for each in (*sorted(file.with_suffix(".d").glob("*.json")), file):
            _over(merged, _read(each))
    return merged


def _over(below: dict[str, Any], above: dict[str, Any]) -> None:
    for name, value in above.items():
        if isinstance(value, dict) and isinstance(below.get(name), dict):
            _over(below[name], value)
        else:
            below[name] = value


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
