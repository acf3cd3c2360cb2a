"""`OLLAMA_HOST` in all its spellings."""

from __future__ import annotations

import pytest
from traitlets import TraitError

from jupyter_aichat.providers.ollama import OllamaProvider
from jupyter_aichat.providers.ollama_url import address_of, parse_host


@pytest.mark.parametrize(
    ("spelling", "url"),
    [
        ("", "http://127.0.0.1:11434"),
        ("  ", "http://127.0.0.1:11434"),
        ("1.2.3.4", "http://1.2.3.4:11434"),
        (":1234", "http://127.0.0.1:1234"),
        ("1.2.3.4:1234", "http://1.2.3.4:1234"),
        ("example.org", "http://example.org:11434"),
        ("example.org:1234", "http://example.org:1234"),
        ("http://1.2.3.4", "http://1.2.3.4:80"),
        ("https://1.2.3.4", "https://1.2.3.4:443"),
        ("HTTPS://Example.org", "https://Example.org:443"),
        ("https://1.2.3.4:8443", "https://1.2.3.4:8443"),
        ("https://example.org/ollama", "https://example.org:443/ollama"),
        ("https://example.org/ollama/", "https://example.org:443/ollama"),
        ("example.org/a/b?x#y", "http://example.org:11434/a/b"),
        ("example.org:1234/", "http://example.org:1234"),
        ("ollama.com", "https://ollama.com:443"),
        ("[::1]", "http://[::1]:11434"),
        ("::1", "http://[::1]:11434"),
        ("[::1]:1234", "http://[::1]:1234"),
        ("http://[::1]", "http://[::1]:80"),
        ("2001:db8::1", "http://[2001:db8::1]:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:1234", "http://127.0.0.1:1234"),
        ("[::]:1234", "http://[::1]:1234"),
        ("http://0.0.0.0:1234", "http://127.0.0.1:1234"),
        ('"1.2.3.4"', "http://1.2.3.4:11434"),
        ("'1.2.3.4:1'", "http://1.2.3.4:1"),
        (' " 1.2.3.4:1 " ', "http://1.2.3.4:1"),
        ("example.org:66000", "http://example.org:11434"),
        ("example.org:-1", "http://example.org:11434"),
        ("example.org:x", "http://example.org:11434"),
        ("https://example.org:x", "https://example.org:443"),
        ("example.org:0", "http://example.org:0"),
        (":", "http://127.0.0.1:11434"),
    ],
)
def test_every_spelling(spelling: str, url: str) -> None:
    assert parse_host(spelling) == url
    assert parse_host(url) == url


@pytest.mark.parametrize("spelling", ["ftp://example.org", "unix:///run/ollama", "http://ann:secret@example.org"])
def test_what_cannot_be_an_address(spelling: str) -> None:
    with pytest.raises(ValueError, match=r"Ollama is reached|put them into headers") as caught:
        parse_host(spelling)
    assert "secret" not in str(caught.value)


def test_the_address_for_people() -> None:
    assert address_of("http://[::1]:1234/x") == "[::1]:1234"


def test_the_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_HOST", "gpu.local")
    assert OllamaProvider().url == "http://gpu.local:11434"
    assert OllamaProvider(url="https://other").url == "https://other:443"
    monkeypatch.setenv("OLLAMA_HOST", "ftp://gpu.local")
    assert OllamaProvider().url == "http://127.0.0.1:11434"
    monkeypatch.delenv("OLLAMA_HOST")
    assert OllamaProvider().url == "http://127.0.0.1:11434"


def test_a_configured_address_that_is_none() -> None:
    with pytest.raises(TraitError, match="not ftp"):
        OllamaProvider(url="ftp://x")
