"""What those who watch the engine are told: a few calls in a run's life, none for its tokens."""

from __future__ import annotations

import msgspec

from jupyter_aichat.domain.audit import Action
from jupyter_aichat.domain.model import Model
from jupyter_aichat.domain.run import Generation, Outcome, RunRecord
from jupyter_aichat.domain.usage import Usage
from jupyter_aichat.engine.live import LiveRun


class EndedRun(msgspec.Struct, frozen=True):
    """How a run ended in this process, without anything that names a person or says what was said.

    ``model`` is provider and name; None where the run never came to have one. Durations are in seconds, None where the
    model was not asked here: until its first word, and until its last.
    """

    model: str | None
    outcome: Outcome
    reason: str | None = None
    error: str | None = None
    first_token_s: float | None = None
    answer_s: float | None = None
    usage: Usage | None = None


class Observer:
    """Is told what happens; this one does nothing with it. Methods are called on the loop, return at once and never raise."""

    def began(self, record: RunRecord) -> None:
        """A run is this process's from now on; told in the run's own task, as all that follows up to `ended` or `left`."""

    def admitted(self, waited_s: float) -> None:
        """A run may ask its model, after so many seconds in line."""

    def offered(self, record: RunRecord) -> None:
        """A run is offered to the workers; told in the run's own task, as what follows: `taken`, or `ended` without them."""

    def taken(self, waited_s: float) -> None:
        """A run that was offered to the workers was taken by one of them, after so many seconds."""

    def refused(self, code: str) -> None:
        """A question was refused: the line is full, or its owner has too many answers under way or has used too much."""

    def asking(self, model: Model, record: RunRecord) -> None:
        """A model is asked for a run's answer."""

    def first_token(self) -> None:
        """Its first word has come."""

    def heard(self, first_token_s: float | None, usage: Usage | None, reason: str | None) -> None:
        """It says nothing more: it has ended as it says, None where it was cut off; a fault is being raised meanwhile."""

    def ended(self, run: EndedRun) -> None:
        """A run has ended, and the store has its end."""

    def left(self) -> None:
        """A run is not this process's any more; where no end was told, it goes on in another, or its end was another's."""

    def taken_over(self, goes_on: bool) -> None:
        """A run that nobody wrote any more was taken here: it goes on, or ends."""

    def lapsed(self) -> None:
        """This process cannot be sure of its runs any more, and lets go of them."""

    def noted(self, action: Action) -> None:
        """An action was written into the audit."""

    def asked(self, part: str, operation: str, seconds: float, failed: bool) -> None:
        """A part was asked: the store, the bus, the cache or the queue; ``failed`` where it was away."""


def ended_run(live: LiveRun, outcome: Outcome, reason: str | None, error: str | None, now: float) -> EndedRun:
    """Return how a live run ended, by the loop's clock."""
    finished, asked = live.finished_chunk, live.asked
    usage = finished.usage if finished else None
    if asked is None or (usage is not None and usage.cached):
        return EndedRun(model_of(live.record.generation), outcome, reason, error, usage=usage)
    model, answer_s = model_of(live.record.generation), now - asked.at
    return EndedRun(model, outcome, reason, error, asked.first_token_s, answer_s, usage)


def unwritten_run(record: RunRecord, outcome: Outcome, reason: str | None) -> EndedRun:
    """Return the end of a run that no process wrote any more."""
    return EndedRun(model_of(record.generation), outcome, reason)


def model_of(generation: Generation) -> str | None:
    """Return the model's name and its provider's; a name that no provider knows is only what somebody typed."""
    return f"{generation.provider}/{generation.model}" if generation.provider else None
