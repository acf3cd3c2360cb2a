"""Ollama's faults in words for people who use a service: no address, nothing that only its operator can do.

The operator finds the whole sentence in the log, once a minute for each.
"""

from __future__ import annotations

import logging
import time

from jupyter_aichat.errors import (
    ModelNotFound,
    ProviderBusy,
    ProviderError,
    ProviderTimeout,
    ProviderUnreachable,
    StreamInterrupted,
)
from jupyter_aichat.providers.exchange import Answer, Fault
from jupyter_aichat.providers.ollama_errors import Wording

AGAIN_S = 60.0
_MOST_KEPT = 100
_WORDS: dict[type[ProviderError], str] = {
    ProviderUnreachable: "The model server does not answer. Try again in a moment; if it stays so, tell an administrator.",
    ProviderTimeout: "The model server does not go on: the model may be loading. Try again in a moment.",
    ProviderBusy: "The model server has too many requests waiting. Try again in a moment.",
    StreamInterrupted: "The model server closed the connection before the answer was complete. Continue it, or try again.",
    ModelNotFound: "This model is not there. Choose another one, or ask an administrator for it.",
    ProviderError: "The model server answered with an error. Try again; if it stays so, tell an administrator.",
}
_told: dict[str, float] = {}


class DiscreetWording(Wording):
    """The same errors, of which only those about the question or the model keep their words."""

    def __init__(self, address: str, model: str = "", log: logging.Logger | None = None) -> None:
        super().__init__(address, model)
        self._log = log or logging.getLogger("jupyter_aichat")

    def fault(self, fault: Fault) -> ProviderError:
        """See `Wording.fault`."""
        return self._discreet(super().fault(fault))

    def refusal(self, answer: Answer) -> ProviderError:
        """See `Wording.refusal`."""
        return self._discreet(super().refusal(answer))

    def line(self, text: str) -> ProviderError:
        """See `Wording.line`."""
        return self._discreet(super().line(text))

    def cut(self, *, begun: bool) -> StreamInterrupted:
        """See `Wording.cut`."""
        error = super().cut(begun=begun)
        self._note(error.message)
        return StreamInterrupted(_WORDS[StreamInterrupted])

    def malformed(self) -> ProviderError:
        """See `Wording.malformed`."""
        return self._discreet(super().malformed())

    def _discreet(self, error: ProviderError) -> ProviderError:
        words = _WORDS.get(type(error))
        if words is None and self._address in error.message:
            words = "The message is larger than the model server takes. Shorten it."
        if words is None or error.message in _WORDS.values():
            return error
        self._note(error.message)
        return type(error)(words, **error.details)

    def _note(self, message: str) -> None:
        """Tell the operator, who would not want it again with each question."""
        now = time.monotonic()
        if now - _told.get(message, float("-inf")) >= AGAIN_S:
            if len(_told) >= _MOST_KEPT:
                _told.clear()
            _told[message] = now
            self._log.warning("%s", message)
