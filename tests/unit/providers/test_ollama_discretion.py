"""Ollama's faults in words for those who use a service."""

from __future__ import annotations

import logging

import pytest

from jupyter_aichat.errors import ProviderError
from jupyter_aichat.providers.exchange import Answer, Fault, FaultKind
from jupyter_aichat.providers.ollama_discretion import DiscreetWording
from jupyter_aichat.providers.ollama_errors import Wording

ADDRESS = "gpu7.internal:11434"
OPERATORS = (ADDRESS, "gpu7", "OLLAMA_HOST", "OllamaProvider", "ollama ")


def answers() -> list[Answer]:
    texts = ("dial tcp gpu7.internal:11434: refused", "does not support tools", "context length exceeded", "")
    bodies = [b'{"error": "%s"}' % text.encode() for text in texts] + [b"<html>gpu7.internal</html>"]
    return [Answer(status, "text/html", body) for status in (302, 400, 401, 403, 404, 413, 429, 500, 502, 503)
            for body in bodies]  # fmt: skip


def errors_of(wording: Wording) -> list[ProviderError]:
    return [
        *(wording.fault(Fault(kind)) for kind in FaultKind),
        *(wording.refusal(answer) for answer in answers()),
        *(wording.cut(begun=begun) for begun in (True, False)),
        wording.malformed(),
    ]


@pytest.mark.parametrize("model", ["", "llama3.2"])
def test_every_error_keeps_its_code_and_details_and_says_nothing_of_the_operator(model: str) -> None:
    plain, discreet = errors_of(Wording(ADDRESS, model)), errors_of(DiscreetWording(ADDRESS, model))
    for before, after in zip(plain, discreet, strict=True):
        assert (type(after), after.code, after.details) == (type(before), before.code, before.details)
        assert not any(word in after.message for word in OPERATORS), after.message


def test_the_operator_reads_the_whole_sentence_once(caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("tests.discretion")
    wording = DiscreetWording("other.internal:11434", log=log)
    with caplog.at_level(logging.WARNING, log.name):
        for _ in range(3):
            wording.fault(Fault(FaultKind.REFUSED))
    assert [record.message for record in caplog.records] == [
        "Ollama is not running at other.internal:11434. Start it with `ollama serve`."
    ]
