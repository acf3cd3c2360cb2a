"""Label values that people can make up, kept few: each value is a series that Prometheus keeps for weeks."""

from __future__ import annotations

from collections.abc import Collection

MOST_MODELS = 50
LONGEST = 100
OTHER = "other"

REASONS = frozenset(
    {
        "deleted", "disconnected", "length", "load", "server_restarted", "server_stopping", "stop", "store_unavailable",
        "too_long", "unload", "upstream_closed", "user",
    }
)  # fmt: skip
"""Why runs end. What a provider makes up beside them is `OTHER`."""


class Models:
    """The first models that are seen get a label of their own, at most `most`; the others share one."""

    def __init__(self, most: int = MOST_MODELS) -> None:
        self._most = most
        self._seen: set[str] = set()

    def label(self, model: str | None) -> str:
        """Return the label of a model; ``unknown`` where there is none."""
        if model is None:
            return "unknown"
        if model not in self._seen:
            if len(self._seen) >= self._most or len(model) > LONGEST:
                return OTHER
            self._seen.add(model)
        return model


def one_of(known: Collection[str], value: str | None) -> str:
    """Return a value that is known, "" for none."""
    return "" if value is None else value if value in known else OTHER
