"""Counts the commands that a server of ours sends to MongoDB; a configuration file of that server puts it in."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from pathlib import Path

from pymongo import monitoring
from pymongo.monitoring import CommandFailedEvent, CommandStartedEvent, CommandSucceededEvent

_WRITTEN_EVERY_S = 0.25


class _Counting(monitoring.CommandListener):
    def __init__(self) -> None:
        self.counted: Counter[str] = Counter()

    def started(self, event: CommandStartedEvent) -> None:
        self.counted[event.command_name] += 1

    def succeeded(self, event: CommandSucceededEvent) -> None:
        pass

    def failed(self, event: CommandFailedEvent) -> None:
        pass


def install(path: str) -> None:
    """Count from now on; a thread writes what was counted into a file, four times a second."""
    listener = _Counting()
    monitoring.register(listener)
    threading.Thread(target=_write, args=(listener, Path(path)), daemon=True).start()


def _write(listener: _Counting, path: Path) -> None:
    beside = path.with_suffix(".new")
    while True:
        beside.write_text(json.dumps(dict(listener.counted)))
        beside.replace(path)
        time.sleep(_WRITTEN_EVERY_S)


def read(path: Path) -> Counter[str]:
    """What was counted so far."""
    return Counter(json.loads(path.read_text()))
