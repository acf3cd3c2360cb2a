"""What the source distribution and the wheel hold."""

from __future__ import annotations

import json
import tarfile
import zipfile
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

SHARED = "share/jupyter/labextensions/jupyterlab-aichat"
MAX_WHEEL_BYTES = 4_000_000


@pytest.fixture
def sdist_names(sdist: Path) -> set[str]:
    with tarfile.open(sdist) as archive:
        return {name.partition("/")[2] for name in archive.getnames()}


@pytest.fixture
def wheel_names(wheel: Path) -> set[str]:
    return set(zipfile.ZipFile(wheel).namelist())


@pytest.mark.parametrize(
    "name",
    [
        "LICENSE",
        "README.md",
        "pyproject.toml",
        "labextension/package.json",
        "labextension/package-lock.json",
        "jupyter_aichat/__init__.py",
        "jupyter_aichat/labextension/package.json",
        "jupyter_aichat/static/widget.js",
        "jupyter_aichat/static/page/index.html",
        "tests/conftest.py",
    ],
)
def test_sdist_holds(sdist_names: set[str], name: str) -> None:
    assert name in sdist_names


def test_sdist_leaves_out_what_others_made(sdist_names: set[str]) -> None:
    folders = {part for name in sdist_names for part in Path(name).parts}

    assert not folders & {"node_modules", ".venv", ".make", "__pycache__", "test-results", ".mypy_cache"}
    assert len(sdist_names) < 2000


@pytest.mark.parametrize(
    "name",
    [
        "jupyter_aichat/py.typed",
        "jupyter_aichat/labextension/package.json",
        "jupyter_aichat/static/widget.js",
        "jupyter_aichat/static/page/index.html",
        "jupyter_aichat/_version.py",
    ],
)
def test_wheel_holds(wheel_names: set[str], name: str) -> None:
    assert name in wheel_names


def test_wheel_shares_the_lab_extension(wheel: Path, wheel_names: set[str]) -> None:
    data = next(name for name in wheel_names if name.endswith(f"{SHARED}/install.json")).partition(".data/")[0]
    root = f"{data}.data/data/{SHARED}"
    entry = json.loads(zipfile.ZipFile(wheel).read(f"{root}/package.json"))["jupyterlab"]["_build"]["load"]

    assert f"{root}/{entry}" in wheel_names
    assert f"{data}.data/data/etc/jupyter/jupyter_server_config.d/jupyterlab_aichat.json" in wheel_names


def test_wheel_holds_the_package_alone(wheel: Path, wheel_names: set[str]) -> None:
    tops = {name.partition("/")[0] for name in wheel_names}

    assert {top for top in tops if not top.startswith("jupyterlab_aichat-")} == {"jupyter_aichat"}
    assert not [name for name in wheel_names if name.endswith((".map", ".ts", ".tsx"))]
    assert wheel.stat().st_size < MAX_WHEEL_BYTES
