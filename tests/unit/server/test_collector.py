"""What the garbage collector does not walk while the server runs."""

from __future__ import annotations

import asyncio
import gc
import weakref

from jupyter_aichat.server.collector import Collector


class Knot:
    """Refers to itself, so that only the collector can free it."""

    def __init__(self) -> None:
        self.itself = self


async def test_what_is_there_after_the_start_is_not_walked_until_the_end() -> None:
    collector = Collector()
    before = gc.get_freeze_count()
    early = Knot()
    collector.spare_what_is_there(after_s=0.01)
    await asyncio.sleep(0.05)
    assert gc.get_freeze_count() > before + 1000
    late = Knot()
    of_early, of_late = weakref.ref(early), weakref.ref(late)
    del early, late
    gc.collect()
    assert of_late() is None
    assert of_early() is not None
    collector.release()
    assert gc.get_freeze_count() == 0
    gc.collect()
    assert of_early() is None


async def test_a_server_that_stops_at_once_freezes_nothing() -> None:
    collector = Collector()
    before = gc.get_freeze_count()
    collector.release()
    collector.spare_what_is_there(after_s=0.01)
    collector.release()
    collector.release()
    await asyncio.sleep(0.05)
    assert gc.get_freeze_count() <= before
