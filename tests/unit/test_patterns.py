"""How operators name models and people: a rule that keeps a model for some must not miss it by a spelling."""

from __future__ import annotations

import pytest

from jupyter_aichat.domain.ids import OwnerId
from jupyter_aichat.domain.model_rule import AllowedModels, ModelRule
from jupyter_aichat.domain.pattern import fits_model
from jupyter_aichat.domain.principal import Principal


@pytest.mark.parametrize(
    ("pattern", "model", "provider", "fits"),
    [
        ("llama3.3", "llama3.3:latest", "ollama", True),
        ("ollama/llama3.3", "llama3.3:latest", "ollama", True),
        ("llama3.3:latest", "llama3.3:latest", "ollama", True),
        ("llama3.3", "llama3.3:70b", "ollama", False),
        ("llama3.3:*", "llama3.3:70b", "ollama", True),
        ("other/llama3.3", "llama3.3:latest", "ollama", False),
        ("ada/tuned", "ada/tuned:latest", "ollama", True),
        ("ollama/ada/tuned", "ada/tuned:latest", "ollama", True),
        ("llama3.3", "llama3.3", None, True),
        ("ollama/llama3.3", "llama3.3:latest", None, True),
        ("ada/tuned", "ada/tuned", None, True),
        ("ollama/ada/*", "ada/tuned:latest", None, True),
        ("llama3.3", "llama3", None, False),
        ("llama3.3:*", "llama3.3", None, True),
        ("ollama/llama3.3:latest", "llama3.3", None, True),
        ("llama3.3:70b", "llama3.3", None, False),
        ("llama3.3:*", "Llama3.3:70B", "ollama", True),
        ("HF.co/Ada/*", "hf.co/ada/Tuned:Q4_K_M", "ollama", True),
        ("Ollama/*", "llama3.3:70b", "ollama", True),
        ("*", "anything", None, True),
    ],
)
def test_models_are_named_with_or_without_their_provider_and_latest(
    pattern: str, model: str, provider: str | None, fits: bool
) -> None:
    assert fits_model(pattern, model, provider) == fits


def test_a_model_that_is_not_there_yet_is_kept_too() -> None:
    rule = ModelRule(("ollama/ada/tuned",), role="admin")
    eve = Principal(OwnerId("eve"), "eve", "Eve")
    assert not rule.concerns(eve)
    assert not AllowedModels((rule,)).has_name("ada/tuned")
    assert AllowedModels((rule,)).has_name("tuned")


def test_people_and_groups_are_named_however_their_letters_are_composed() -> None:
    rule = ModelRule(("large",), user="Zoe\N{COMBINING DIAERESIS}", group="Ko\N{COMBINING DIAERESIS}ln")
    zoe = Principal(
        OwnerId("z"),
        "Zo\N{LATIN SMALL LETTER E WITH DIAERESIS}",
        "Z",
        groups=("k\N{LATIN SMALL LETTER O WITH DIAERESIS}ln",),
    )
    assert rule.concerns(zoe)
