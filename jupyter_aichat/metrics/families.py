"""What is counted, by its name: docs/operators/monitoring.md says what each means and when to worry."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.registry import CollectorRegistry

FAST_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
WAIT_S = (0.01, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 640.0)
ANSWER_S = (0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 3.0, 6.0, 12.0, 25.0, 50.0, 100.0, 300.0, 900.0)


class Answers:
    """What becomes of answers."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, labels, registry=registry)

        def histogram(name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            return Histogram(name, text, labels, buckets=buckets, registry=registry)

        self.ended = counter("aichat_runs_ended", "Answers that came to their end here.", "state", "reason")
        self.errors = counter("aichat_run_errors", "Answers that ended with an error, by its code.", "code")
        asked = "From asking the model to "
        self.first_token = histogram("aichat_first_token_seconds", f"{asked}its first word.", ANSWER_S, "model")
        self.answer = histogram("aichat_answer_seconds", f"{asked}the end of its answer.", ANSWER_S, "model")
        read = "Tokens that models read (prompt) and wrote (completion)."
        self.tokens = counter("aichat_tokens", read, "model", "kind")
        waited = "How long answers waited in line before their model."
        self.queue_wait = histogram("aichat_queue_wait_seconds", waited, WAIT_S)
        left = "How long answers waited until a worker took them, where the process that was asked is none itself."
        self.claim = histogram("aichat_claim_seconds", left, FAST_S)
        self.refused = counter("aichat_questions_refused", "Questions refused, by the error's code.", "code")
        taken = "Answers taken over from a process that was gone: continued or ended."
        self.takeovers = counter("aichat_takeovers", taken, "result")
        lapsed = "How often this process had to let go of its answers: the store was away too long."
        self.lapses = counter("aichat_lease_lapses", lapsed)
        for code in ("queue_full", "quota_exceeded", "too_many_runs"):
            self.refused.labels(code)  # what is rare begins at 0: the first time would be no increase
        for result in ("continued", "ended"):
            self.takeovers.labels(result)


class Surroundings:
    """How the server itself does, and the parts that it stands on."""

    def __init__(self, registry: CollectorRegistry, actions: Iterable[str]) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, labels, registry=registry)

        def histogram(name: str, text: str, *labels: str) -> Histogram:
            return Histogram(name, text, labels, buckets=FAST_S, registry=registry)

        self.build = Gauge("aichat_build_info", "What runs here; always 1.", ["version", "mode"], registry=registry)
        asked = "How long store, bus, cache and queue took to answer."
        self.part = histogram("aichat_part_seconds", asked, "part", "operation")
        away = "Questions that store, bus, cache or queue could not answer: they were away."
        self.part_failures = counter("aichat_part_failures", away, "part", "operation")
        noted = "What the audit notes: logins, failures, refusals, changes of accounts."
        self.account_events = counter("aichat_account_events", noted, "action")
        self.requests = counter("aichat_requests", "Requests that were answered.", "route", "method", "status")
        took = "How long requests took; not those that stream."
        self.request = histogram("aichat_request_seconds", took, "route", "method")
        late = "How late the event loop was, looked at twice a second."
        self.loop_lag = histogram("aichat_loop_lag_seconds", late)
        for action in actions:
            self.account_events.labels(action)
