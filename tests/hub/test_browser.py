"""Two people in real browsers, with their own JupyterLab beside the page: `labextension/tests/hub`, by Playwright."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import _need
from tests.hub.process import Hub

LABEXTENSION = Path(__file__).parents[2] / "labextension"


@pytest.mark.slow
def test_in_browsers(hub: Hub) -> None:
    _need(shutil.which(os.environ.get("CHROMIUM", "chromium")), "no Chromium here: scripts/install-debian.sh test")
    _need((LABEXTENSION / "node_modules" / ".bin" / "playwright").exists(), "no Playwright here: make build")
    hub.start_server("ada")
    command = ["npx", "playwright", "test", "--config", "playwright.hub.config.ts"]
    environment = {**os.environ, "HUB_URL": hub.url}
    done = subprocess.run(
        command, check=False, cwd=LABEXTENSION, env=environment, capture_output=True, text=True, timeout=90
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:] + hub.log()[-3000:]
