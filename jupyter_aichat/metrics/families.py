"""What is counted, by its name: docs/operators/monitoring.md says what each means and when to worry."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.registry import CollectorRegistry

FAST_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
WAIT_S = (0.01, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 640.0)
ANSWER_S = (0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 3.0, 6.0, 12.0, 25.0, 50.0, 100.0, 300.0, 900.0)


class Families:
    """The counters and histograms of one server."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.build = Gauge(
            "aichat_build_info", "What runs here; always 1.", ["version", "mode"], registry=registry
        )  # fmt: skip

        self.ended = Counter(
            "aichat_runs_ended", "Answers that came to their end here.", ["state", "reason"], registry=registry
        )
        self.run_errors = Counter(
            "aichat_run_errors", "Answers that ended with an error, by its code.", ["code"], registry=registry
        )
        self.first_token = Histogram(
            "aichat_first_token_seconds", "From asking the model to its first word.", ["model"],
            buckets=ANSWER_S, registry=registry,
        )  # fmt: skip
        self.answer = Histogram(
            "aichat_answer_seconds", "From asking the model to the end of its answer.", ["model"],
            buckets=ANSWER_S, registry=registry,
        )  # fmt: skip
        self.tokens = Counter(
            "aichat_tokens", "Tokens that models read (prompt) and wrote (completion).", ["model", "kind"],
            registry=registry,
        )  # fmt: skip
        self.queue_wait = Histogram(
            "aichat_queue_wait_seconds", "How long answers waited in line before their model.",
            buckets=WAIT_S, registry=registry,
        )  # fmt: skip
        self.refused = Counter(
            "aichat_questions_refused", "Questions that were refused, by the error's code.", ["code"],
            registry=registry,
        )  # fmt: skip
        self.takeovers = Counter(
            "aichat_takeovers", "Answers taken over from a process that was gone: continued or ended.", ["result"],
            registry=registry,
        )  # fmt: skip
        self.lapses = Counter(
            "aichat_lease_lapses", "How often this process had to let go of its answers: the store was away too long.",
            registry=registry,
        )  # fmt: skip

        self.part = Histogram(
            "aichat_part_seconds", "How long store, bus, cache and queue took to answer.", ["part", "operation"],
            buckets=FAST_S, registry=registry,
        )  # fmt: skip
        self.part_failures = Counter(
            "aichat_part_failures", "Questions that store, bus, cache or queue could not answer: they were away.",
            ["part", "operation"], registry=registry,
        )  # fmt: skip
        self.account_events = Counter(
            "aichat_account_events", "What the audit notes: logins, failures, refusals, changes of accounts.",
            ["action"], registry=registry,
        )  # fmt: skip

        self.requests = Counter(
            "aichat_requests", "Requests that were answered.", ["route", "method", "status"], registry=registry
        )
        self.request = Histogram(
            "aichat_request_seconds", "How long requests took; not those that stream.", ["route", "method"],
            buckets=FAST_S, registry=registry,
        )  # fmt: skip
        self.loop_lag = Histogram(
            "aichat_loop_lag_seconds", "How late the event loop was, looked at twice a second.",
            buckets=FAST_S, registry=registry,
        )  # fmt: skip

    def begin(self, actions: Iterable[str]) -> None:
        """Let what is rare begin at zero: the first time would be no increase for one who has not seen it before."""
        for code in ("queue_full", "quota_exceeded", "too_many_runs"):
            self.refused.labels(code)
        for result in ("continued", "ended"):
            self.takeovers.labels(result)
        for action in actions:
            self.account_events.labels(action)
