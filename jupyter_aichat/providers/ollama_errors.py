"""Every way in which Ollama can fail us, as one of our errors: what happened and the next step, in one sentence.

No message holds a header, a prompt or a path of the server's disk.
"""

from __future__ import annotations

import re

import msgspec

from jupyter_aichat.errors import (
    ContextTooLong,
    ModelNotFound,
    ModelUnsupported,
    ProviderBusy,
    ProviderError,
    ProviderTimeout,
    ProviderUnreachable,
    StreamInterrupted,
)
from jupyter_aichat.providers.exchange import Answer, Fault, FaultKind
from jupyter_aichat.providers.ollama_wire import ErrorBody

_MAX_QUOTE = 300
_DISK_PATH = re.compile(r"(?<![\w/:.])(?:~|[A-Za-z]:)?(?:[/\\][^\s/\\:\"'<>]+){2,}")
_TOO_LONG = ("context length", "context size", "prompt is longer", "prompt too long")
_DIED = ("model runner has unexpectedly stopped", "an error was encountered while running the model")
_FAULTS: dict[FaultKind, tuple[type[ProviderError], str]] = {
    FaultKind.REFUSED: (ProviderUnreachable, "Ollama is not running at {address}. Start it with `ollama serve`."),
    FaultKind.NAME: (ProviderUnreachable, "The host of {address} is not known. Check the address in OLLAMA_HOST."),
    FaultKind.TLS: (
        ProviderUnreachable,
        "No trusted TLS connection to {address}. Check its certificate, or use http:// in OLLAMA_HOST.",
    ),
    FaultKind.CONNECT_TIMEOUT: (
        ProviderUnreachable,
        "{address} does not answer. Check the address in OLLAMA_HOST and the network.",
    ),
    FaultKind.UNANSWERED: (
        ProviderUnreachable,
        "Ollama at {address} closed the connection without an answer. Try again.",
    ),
    FaultKind.FIRST_BYTE_TIMEOUT: (
        ProviderTimeout,
        "Ollama at {address} did not begin to answer in time: the model may still be loading. Try again later.",
    ),
    FaultKind.STALLED: (
        ProviderTimeout,
        "Ollama at {address} stopped in the middle of its answer. Continue it, or try again.",
    ),
}
_PHASES: dict[FaultKind, dict[str, str]] = {
    FaultKind.FIRST_BYTE_TIMEOUT: {"phase": "first_byte"},
    FaultKind.STALLED: {"phase": "stall"},
}
_error_decoder = msgspec.json.Decoder(ErrorBody)


class Wording:
    """The errors of one server and, where there is one, one model."""

    def __init__(self, address: str, model: str = "") -> None:
        self._address, self._model = address, model

    def fault(self, fault: Fault) -> ProviderError:
        """Return the error for an exchange that broke."""
        if fault.kind is FaultKind.CUT:
            return self.cut(begun=True)
        if fault.kind not in _FAULTS:
            return self.malformed()
        kind, sentence = _FAULTS[fault.kind]
        return kind(sentence.format(address=self._address), **_PHASES.get(fault.kind, {}))

    def refusal(self, answer: Answer) -> ProviderError:
        """Return the error for an answer that is not 200."""
        text = _error_text(answer)
        if text is None:
            return self._stranger(answer)
        match answer.status:
            case 401 | 403:
                return self._locked(answer.status)
            case 404:
                return self._missing()
            case 429 | 503:
                return ProviderBusy(f"Ollama at {self._address} has too many requests waiting. Try again in a moment.")
            case 502 | 504:
                return self._gateway(answer.status)
            case _:
                return self.line(text)

    def line(self, text: str) -> ProviderError:
        """Return the error for what Ollama itself said, in a refusal or in the middle of a stream."""
        lower = text.lower()
        if any(words in lower for words in _TOO_LONG):
            return ContextTooLong(
                f"The message is longer than {self._name} can read. Shorten it, or choose a model with a larger context."
            )
        if "does not support" in lower:
            return self._unsupported(_quoted(text).rpartition("does not support")[2].strip(" ."))
        if any(words in lower for words in _DIED):
            return ProviderError(
                f"Ollama's process for {self._name} has died, often for want of memory. Try again, or choose a smaller model."
            )
        return ProviderError(f"Ollama at {self._address} says: {_quoted(text)}")

    def cut(self, *, begun: bool) -> StreamInterrupted:
        """Return the error for a stream without Ollama's own end."""
        if begun:
            return StreamInterrupted(f"Ollama at {self._address} closed the connection before the answer was complete.")
        return StreamInterrupted(f"Ollama at {self._address} closed the connection before the answer began. Try again.")

    def malformed(self) -> ProviderError:
        """Return the error for an answer that Ollama would not give."""
        return ProviderError(
            f"What answers at {self._address} does not speak as Ollama does. Check the address in OLLAMA_HOST."
        )

    def cloud(self) -> ProviderError:
        """Return the error for a model that would send prompts to others."""
        return ModelUnsupported(
            f"{self._name_first} runs in the cloud and would send your messages there. Choose another one, or let the "
            "operator set OllamaProvider.allow_cloud."
        )

    @property
    def _name(self) -> str:
        return f"the model {self._model}" if self._model else "the model"

    @property
    def _name_first(self) -> str:
        return f"The model {self._model}" if self._model else "The model"

    def _missing(self) -> ProviderError:
        if not self._model:
            return self.malformed()
        return ModelNotFound(
            f"The model {self._model} is not there. Get it with `ollama pull {self._model}`.", model=self._model
        )

    def _unsupported(self, what: str) -> ProviderError:
        if what in ("", "chat", "generate"):
            return ModelUnsupported(f"{self._name_first} cannot chat. Choose another model.")
        return ModelUnsupported(f"{self._name_first} does not support {what}. Turn it off, or choose another model.")

    def _locked(self, status: int) -> ProviderError:
        if status == 401:
            return ProviderError(f"{self._address} asks for credentials (401). Set OllamaProvider.headers.")
        return ProviderError(
            f"{self._address} refuses us (403). Ollama answers only to local host names: let the proxy before it send "
            "`Host: localhost:11434`, or set OllamaProvider.headers."
        )

    def _gateway(self, status: int) -> ProviderError:
        return ProviderUnreachable(
            f"The proxy at {self._address} does not reach Ollama ({status}). Start Ollama behind it."
        )

    def _stranger(self, answer: Answer) -> ProviderError:
        """The error for an answer that is not in Ollama's form: a proxy's page, another server."""
        match answer.status:
            case 401 | 403:
                return self._locked(answer.status)
            case 429 | 503:
                return ProviderBusy(f"{self._address} is busy ({answer.status}). Try again in a moment.")
            case 502 | 504:
                return self._gateway(answer.status)
            case 413:
                return ContextTooLong(f"The message is larger than {self._address} accepts (413). Shorten it.")
            case status if 300 <= status < 400:
                return ProviderError(
                    f"{self._address} redirects us elsewhere ({status}). Put the final address into OLLAMA_HOST."
                )
            case status:
                return ProviderError(
                    f"What answers at {self._address} is not Ollama ({status}, {answer.content_type}). "
                    "Check the address in OLLAMA_HOST."
                )


def _error_text(answer: Answer) -> str | None:
    """Return Ollama's own words; None where the body is not in its form."""
    try:
        return _error_decoder.decode(answer.body).error or None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _quoted(text: str) -> str:
    """Return the server's words as far as they may be shown: one line, short, without its paths."""
    line = " ".join(text.replace("\0", "\ufffd").split())
    line = _DISK_PATH.sub("…", line)
    return line if len(line) <= _MAX_QUOTE else line[:_MAX_QUOTE] + "…"
