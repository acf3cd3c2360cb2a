"""A registry of our own, so that several servers in one process, and Jupyter's own metrics, do not meet."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

CONTENT_TYPE = CONTENT_TYPE_LATEST


class Registry(CollectorRegistry):
    """Without the times at which counters began, which double what is kept and which nobody asks about."""

    def collect(self) -> Iterator[Metric]:
        """Yield each family with its samples."""
        for family in super().collect():
            family.samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
            yield family

    def text(self) -> bytes:
        """Return all families as Prometheus reads them; takes some milliseconds, and reads files: not for the loop."""
        return generate_latest(self)
