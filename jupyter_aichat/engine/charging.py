"""What a run cost its owner: as the provider counted it, else estimated from what was sent and said."""

from __future__ import annotations

import asyncio

from jupyter_aichat.domain.clock import now
from jupyter_aichat.domain.message import Message
from jupyter_aichat.domain.run import FIRST_EPOCH, Outcome, RunRecord
from jupyter_aichat.domain.usage import Charge, day_of
from jupyter_aichat.engine.live import LiveRun
from jupyter_aichat.engine.parts import said_by_run
from jupyter_aichat.engine.window import Estimator
from jupyter_aichat.limits.quotas import model_of


def charge_of(live: LiveRun, outcome: Outcome, estimator: Estimator) -> Charge | None:
    """Return the charge of a run that ends; None where no model was asked.

    An answer that was given before costs nothing, and nor does one that failed before its first word. What another process
    had said before this one took over was sent as a part of the prompt, and counts as that; where it goes on no more, it
    counts as it stands.
    """
    asked, model, day = live.asked, model_of(live.record), day_of(now())
    if asked is None:
        taken_up = live.record.epoch > FIRST_EPOCH
        return charge_of_left(live.record, live.message(), estimator) if taken_up else None
    said = live.size - live.began_with
    usage = live.finished_chunk.usage if live.finished_chunk else None
    if (usage is not None and usage.cached) or (outcome == "failed" and not said):
        return Charge(day, model)
    prompt = asked.prompt_tokens if usage is None or usage.prompt_tokens is None else usage.prompt_tokens
    counted = None if usage is None else usage.completion_tokens
    completion = estimator.tokens_of(model, said) if counted is None else counted
    return Charge(day, model, prompt, completion, _ms(live, usage.load_ms if usage else None))


def charge_of_left(record: RunRecord, reply: Message, estimator: Estimator) -> Charge | None:
    """Return the charge of a run whose process died and that nobody goes on with: what it had said, as far as that was kept."""
    model, said = model_of(record), said_by_run(reply)
    return Charge(day_of(now()), model, completion_tokens=estimator.tokens_of(model, len(said))) if said else None


def _ms(live: LiveRun, load_ms: int | None) -> int:
    """For how long the model worked: not while it was loaded, and of an answer that was cut off from its first word on."""
    asked, end = live.asked, asyncio.get_running_loop().time()
    assert asked is not None
    if live.finished_chunk is None:
        return 0 if asked.first_at is None else round((end - asked.first_at) * 1000)
    return max(round((end - asked.at) * 1000) - (load_ms or 0), 0)
