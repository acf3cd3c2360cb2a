"""What is published is what the code says, and what clients may lean on."""

from __future__ import annotations

import importlib
import json
import pkgutil
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator
from traitlets.config import Configurable

import jupyter_aichat
from jupyter_aichat.app import AIChatApp
from jupyter_aichat.protocol.frames import ClientFrame
from jupyter_aichat.server.routes import ROUTES
from scripts.generate import ROOT, generated, settings
from tests.server import documents


@pytest.mark.parametrize("path", generated(), ids=lambda path: path.name)
def test_what_is_generated_is_current(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == generated()[path], "run `make docs`"


def test_every_class_that_can_be_configured_is_on_the_page_of_settings() -> None:
    for module in pkgutil.walk_packages(jupyter_aichat.__path__, "jupyter_aichat."):
        importlib.import_module(module.name)
    ours = {each for each in _subclasses(Configurable) if each.__module__.startswith("jupyter_aichat.")}
    same = {each for each in ours if issubclass(each, AIChatApp) and each is not AIChatApp}
    commands = {each for each in ours if each.__module__.startswith("jupyter_aichat.cli.")}  # they say so themselves
    assert {each for each in ours - same - commands if list(settings.settings(each))} == set(settings.CLASSES)


def _subclasses(base: type[Any]) -> set[type[Any]]:
    own: set[type[Any]] = {base}
    return own.union(*(_subclasses(each) for each in base.__subclasses__()))


def test_the_api_document_has_every_route_and_verb() -> None:
    described = {path: set(item) - {"parameters"} for path, item in documents.openapi()["paths"].items()}
    assert described == {route.path: set(route.verbs) for route in ROUTES}


def _references(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*(_references(item) for item in value.values()))
    return set().union(*(_references(item) for item in value)) if isinstance(value, list) else set()


def test_the_api_document_is_whole() -> None:
    schemas = documents.openapi()["components"]["schemas"]
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)
    assert _references(documents.openapi()) == {f"#/components/schemas/{name}" for name in schemas}
    operations = [
        verb for item in documents.openapi()["paths"].values() for name, verb in item.items() if name != "parameters"
    ]
    ids = [operation["operationId"] for operation in operations]
    assert len(ids) == len(set(ids))


def test_what_the_server_sends_is_always_whole_and_what_it_takes_is_closed() -> None:
    schemas = documents.openapi()["components"]["schemas"]
    assert set(schemas["Chat"]["required"]) == set(schemas["Chat"]["properties"])
    assert schemas["SendBody"]["additionalProperties"] is False
    assert "owner_id" not in schemas["Chat"]["properties"]


FRAMES = [
    {"type": "send", "text": "a"},
    {"type": "send", "id": 1, "chat_id": "c", "parent_id": None, "parts": [{"type": "text", "text": "a"}]},
    {"type": "subscribe", "run_id": "r", "after": 5},
    {"type": "ping", "id": "p"},
]


@pytest.mark.parametrize("frame", FRAMES, ids=lambda frame: frame["type"])
def test_frames_that_the_server_takes_fit_the_schema(frame: dict[str, Any]) -> None:
    schema = json.loads((ROOT / "docs" / "frames.schema.json").read_text(encoding="utf-8"))
    validator = Draft202012Validator({**schema, "anyOf": [{"$ref": "#/$defs/ClientFrame"}]})
    validator.validate(frame)
    msgspec.json.decode(json.dumps(frame), type=ClientFrame)
    assert not validator.is_valid({**frame, "owner_id": "mallory"})
