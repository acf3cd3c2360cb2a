"""The end of the service does not wait for a thread that waits: for a name, or for a database that has gone."""

from __future__ import annotations

import time
from pathlib import Path

from tests.service_app.process import running

ENDS_S = 12.0
_STUCK = "import threading, time\nthreading.Thread(target=time.sleep, args=(90,)).start()\n"


def test_a_thread_that_waits_does_not_keep_the_process(tmp_path: Path) -> None:
    stuck = tmp_path / "stuck.py"
    stuck.write_text(_STUCK)
    with running(tmp_path / "service", f"--config={stuck}") as service:
        begun = time.monotonic()
        assert service.terminate() == 0
        assert time.monotonic() - begun < ENDS_S
