"""The metrics of one server: an observer of the engine that counts, and the text that Prometheus reads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import get_args

from prometheus_client import ProcessCollector

from jupyter_aichat.domain.audit import Action
from jupyter_aichat.engine.observer import EndedRun, Observer
from jupyter_aichat.metrics.families import Answers, Surroundings
from jupyter_aichat.metrics.labels import REASONS, Models, one_of
from jupyter_aichat.metrics.lag import LoopLag
from jupyter_aichat.metrics.registry import Registry
from jupyter_aichat.metrics.state import State, StateCollector


class Metrics(Observer):
    """Counts what happens in one server, whose ``mode`` is personal or service."""

    def __init__(self, version: str, mode: str) -> None:
        self._registry = Registry()
        self._models = Models()
        self._answers = Answers(self._registry)
        self._around = Surroundings(self._registry, get_args(Action) if mode == "service" else ())
        self._state = StateCollector(self._models)
        self._registry.register(self._state)
        ProcessCollector(registry=self._registry)
        self._around.build.labels(version, mode).set(1)
        self._took: dict[tuple[str, str], Callable[[float], None]] = {}
        self._lag = LoopLag(self._around.loop_lag.observe)

    def start(self) -> None:
        """Begin to look at the loop."""
        self._lag.start()

    def stop(self) -> None:
        """Look at it no more."""
        self._lag.stop()

    async def text(self, state: State) -> bytes:
        """Return what Prometheus reads."""
        self._state.state = state
        return await asyncio.to_thread(self._registry.text)

    # What the engine tells

    def admitted(self, waited_s: float) -> None:
        """See `Observer.admitted`."""
        self._answers.queue_wait.observe(waited_s)

    def taken(self, waited_s: float) -> None:
        """See `Observer.taken`."""
        self._answers.claim.observe(waited_s)

    def refused(self, code: str) -> None:
        """See `Observer.refused`."""
        self._answers.refused.labels(code).inc()

    def ended(self, run: EndedRun) -> None:
        """See `Observer.ended`."""
        count, model = self._answers, self._models.label(run.model)
        count.ended.labels(run.outcome, one_of(REASONS, run.reason)).inc()
        if run.error is not None:
            count.errors.labels(run.error).inc()
        if run.first_token_s is not None:
            count.first_token.labels(model).observe(run.first_token_s)
        if run.answer_s is not None:
            count.answer.labels(model).observe(run.answer_s)
        if run.usage is not None and not run.usage.cached:
            count.tokens.labels(model, "prompt").inc(run.usage.prompt_tokens or 0)
            count.tokens.labels(model, "completion").inc(run.usage.completion_tokens or 0)

    def taken_over(self, goes_on: bool) -> None:
        """See `Observer.taken_over`."""
        self._answers.takeovers.labels("continued" if goes_on else "ended").inc()

    def lapsed(self) -> None:
        """See `Observer.lapsed`."""
        self._answers.lapses.inc()

    def noted(self, action: Action) -> None:
        """See `Observer.noted`."""
        self._around.account_events.labels(action).inc()

    def asked(self, part: str, operation: str, seconds: float, failed: bool) -> None:
        """See `Observer.asked`."""
        took = self._took.get((part, operation))
        if took is None:  # a dozen a question: finding the series anew would cost most of it
            took = self._took[part, operation] = self._around.part.labels(part, operation).observe
        took(seconds)
        if failed:
            self._around.part_failures.labels(part, operation).inc()

    # What the server tells

    def answered(self, route: str, method: str, status: int, seconds: float | None) -> None:
        """A request to a route of the table was answered, after so many seconds; None where it was a stream."""
        self._around.requests.labels(route, method, str(status)).inc()
        if seconds is not None:
            self._around.request.labels(route, method).observe(seconds)
