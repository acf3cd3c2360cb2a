"""Counting itself: bounded labels, and what a run and an operation cost."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from jupyter_aichat.domain.usage import Usage
from jupyter_aichat.engine.observed import observed, operations
from jupyter_aichat.engine.observer import EndedRun, Observer
from jupyter_aichat.errors import NotFound, StoreUnavailable
from jupyter_aichat.metrics.labels import MOST_MODELS, OTHER
from jupyter_aichat.metrics.metrics import Metrics
from jupyter_aichat.metrics.state import State
from jupyter_aichat.stores.base import Store
from tests.metrics.scrape import Scrape


def scrape(metrics: Metrics, state: State | None = None) -> Scrape:
    return Scrape(asyncio.run(metrics.text(state or State())).decode())


def ended(model: str | None = "ollama/a", **fields: Any) -> EndedRun:
    usage = Usage(prompt_tokens=7, completion_tokens=3)
    return EndedRun(
        **{"model": model, "outcome": "completed", "reason": "stop", "answer_s": 2.0, "usage": usage, **fields}
    )


def test_two_hundred_models_are_few_series() -> None:
    metrics = Metrics("1", "service")
    for n in range(200):
        metrics.ended(ended(f"ollama/model-{n}", first_token_s=0.1))
    found = scrape(metrics, State(waiting={f"ollama/model-{n}": 1 for n in range(200)}))
    assert len(found.values_of("model")) == MOST_MODELS + 1
    assert found.value("aichat_tokens_total", kind="completion") == 600
    assert found.value("aichat_first_token_seconds_count", model=OTHER) == 200 - MOST_MODELS
    assert found.value("aichat_queue_length", model=OTHER) == 200 - MOST_MODELS


def test_a_reason_that_a_provider_makes_up_is_one_of_the_others() -> None:
    metrics = Metrics("1", "service")
    for n in range(20):
        metrics.ended(ended(reason=f"because {n}"))
    assert scrape(metrics).values_of("reason") == {OTHER}


def test_a_model_that_nobody_has_and_one_with_a_long_name_get_no_series() -> None:
    metrics = Metrics("1", "service")
    metrics.ended(ended(None))
    metrics.ended(ended("ollama/" + "x" * 200))
    assert scrape(metrics).values_of("model") == {"unknown", OTHER}


def test_an_answer_that_was_given_before_costs_no_tokens_and_no_time() -> None:
    metrics = Metrics("1", "service")
    metrics.ended(ended(answer_s=None, usage=Usage(prompt_tokens=7, completion_tokens=3, cached=True)))
    found = scrape(metrics)
    assert found.value("aichat_runs_ended_total") == 1
    assert found.value("aichat_tokens_total") == found.value("aichat_answer_seconds_count") == 0


def test_metrics_of_two_servers_are_apart() -> None:
    first, second = Metrics("1", "service"), Metrics("1", "service")
    first.refused("queue_full")
    assert scrape(first).value("aichat_questions_refused_total", code="queue_full") == 1
    assert scrape(second).value("aichat_questions_refused_total") == 0


def test_names_follow_the_rules_of_prometheus() -> None:
    """Every family has help and a prefix; counters are not kept twice, with the time at which they began."""
    found = scrape(Metrics("1", "service"))
    for name, family in found.families.items():
        assert name.startswith(("aichat_", "process_")), name
        assert family.documentation, name
    assert [sample.name for sample in found.samples if sample.name.endswith("_created")] == []


class _Part:
    takes_over = True

    async def ping(self) -> None:
        raise StoreUnavailable

    async def get_run(self, _owner: str, run_id: str) -> str:
        if not run_id:
            raise NotFound
        return run_id


class _Told(Observer):
    def __init__(self) -> None:
        self.asked_for: list[tuple[str, str, bool]] = []

    def asked(self, part: str, operation: str, seconds: float, failed: bool) -> None:
        assert 0 <= seconds < 5
        self.asked_for.append((part, operation, failed))


async def test_a_part_that_is_watched_answers_as_ever() -> None:
    told = _Told()
    part = observed(_Part(), Store, "store", told)
    assert await part.get_run("ada", "r") == "r"
    assert part.takes_over
    with pytest.raises(NotFound):
        await part.get_run("ada", "")
    with pytest.raises(StoreUnavailable):
        await part.ping()
    assert told.asked_for == [("store", "get_run", False), ("store", "get_run", False), ("store", "ping", True)]


def test_every_operation_of_a_port_is_watched() -> None:
    assert {"commit", "checkpoint", "end_run", "beat"} < set(operations(Store))
    assert not {"open", "close"} & set(operations(Store))
