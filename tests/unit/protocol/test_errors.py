"""Each error has one status and one shape."""

from __future__ import annotations

import pytest

from jupyter_aichat import errors
from jupyter_aichat.errors import AIChatError, NotFound, NotReady, QueueFull, RunActive
from jupyter_aichat.protocol.errors import STATUSES, body_of, body_of_status, frame_of, status_of


def _all(kind: type[AIChatError]) -> list[type[AIChatError]]:
    return [kind, *(each for sub in kind.__subclasses__() for each in _all(sub))]


def test_every_error_that_may_fail_a_request_has_a_status() -> None:
    """Those of the tree: an error of the kernel's own never leaves it."""
    of_runs = {kind.code for kind in _all(errors.ProviderError)}
    of_tree = {kind.code for kind in _all(AIChatError) if kind.__module__ == errors.__name__}
    assert of_tree - of_runs <= STATUSES.keys()


@pytest.mark.parametrize(
    ("error", "status"),
    [(NotFound(), 404), (RunActive(run_id="r"), 409), (QueueFull(), 503), (AIChatError(), 500)],
)
def test_the_status_of_an_error(error: AIChatError, status: int) -> None:
    assert status_of(error) == status


def test_what_passes_says_when_to_come_back() -> None:
    assert body_of(NotReady()).details == {"retry_after": 2}
    assert body_of(QueueFull(retry_after=9)).details == {"retry_after": 9}
    assert body_of(NotFound()).details == {}


def test_a_body_never_lacks_a_sentence() -> None:
    assert body_of(NotFound()).message
    assert body_of_status(418, "", None).code == "invalid_request"
    assert body_of_status(599, "", None).code == "internal"
    assert body_of_status(599, "", None).message


def test_a_frame_carries_the_same() -> None:
    frame = frame_of(RunActive("Wait.", run_id="r1"), 7)
    assert (frame.id, frame.code, frame.message, frame.details) == (7, "run_active", "Wait.", {"run_id": "r1"})
