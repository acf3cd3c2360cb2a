"""What is not counted but looked at when somebody asks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from jupyter_aichat.domain.model import ServerState
from jupyter_aichat.metrics.labels import Models

STATES = ("queued", "loading", "streaming")


class State(msgspec.Struct, frozen=True):
    """How a server stands at one moment.

    ``waiting`` counts those in line by model; ``answers`` are the hits, misses and joined of the answer cache, and
    ``parts`` says of each whether it works. ``workers`` is None where that is not known; ``unclaimed``
    counts the answers that no worker has taken yet. ``servers`` are those of models, where there are several.
    """

    runs: Mapping[str, int] = {}
    waiting: Mapping[str, int] = {}
    lines_alone: int = 0
    answers: Mapping[str, int] = {}
    connections: Mapping[str, int] = {}
    parts: Mapping[str, bool] = {}
    workers: int | None = None
    unclaimed: int = 0
    servers: tuple[ServerState, ...] = ()


class StateCollector(Collector):
    """Shows the last state that it was given; it is given one on the loop, and asked in a thread."""

    def __init__(self, models: Models) -> None:
        self._models = models
        self.state = State()

    def collect(self) -> Iterator[Metric]:
        """Yield the families."""
        state = self.state
        runs = [(name, state.runs.get(name, 0)) for name in STATES]
        yield _gauge("aichat_runs", "Answers of this process that have not ended.", "state", runs)
        yield _gauge("aichat_queue_length", "Answers of this process that wait in line.", "model", self._waiting(state))
        alone = "Lines that this process counts alone, because the shared queue is away."
        yield GaugeMetricFamily("aichat_queues_alone", alone, value=state.lines_alone)
        if state.workers is not None:
            known = "Processes that ask the models, as far as this one hears of them over the bus."
            yield GaugeMetricFamily("aichat_workers", known, value=state.workers)
        unclaimed = "Answers of this process that no worker has taken yet."
        yield GaugeMetricFamily("aichat_runs_unclaimed", unclaimed, value=state.unclaimed)
        up = "Whether each model server could be asked the last time, where there are several."
        yield _gauge("aichat_model_server_up", up, "server", [(each.address, int(each.up)) for each in state.servers])
        writes = "Answers that each model server writes for this process, where there are several."
        yield _gauge(
            "aichat_model_server_runs", writes, "server", [(each.address, each.streams) for each in state.servers]
        )
        cache = CounterMetricFamily("aichat_answer_cache", "What the cache of answers found.", labels=["result"])
        for result, count in state.answers.items():
            cache.add_metric([result], count)
        yield cache
        yield _gauge("aichat_connections", "Connections that are open.", "kind", state.connections.items())
        parts = [(name, int(works)) for name, works in state.parts.items()]
        yield _gauge("aichat_ready", 'Whether each part works, and the whole (part="service").', "part", parts)

    def _waiting(self, state: State) -> Iterable[tuple[str, int]]:
        sums: dict[str, int] = {}
        for model, count in state.waiting.items():
            label = self._models.label(model)
            sums[label] = sums.get(label, 0) + count
        return sums.items()


def _gauge(name: str, text: str, label: str, values: Iterable[tuple[str, int]]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=[label])
    for value, count in values:
        family.add_metric([value], count)
    return family
