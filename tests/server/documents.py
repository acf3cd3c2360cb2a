"""The published documents, as what live answers are held against."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

DOCS = Path(__file__).resolve().parents[2] / "docs"


@cache
def openapi() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((DOCS / "openapi.yaml").read_text(encoding="utf-8"))
    return document


@cache
def _frames(kind: str) -> Draft202012Validator:
    document = json.loads((DOCS / "frames.schema.json").read_text(encoding="utf-8"))
    return Draft202012Validator({**document, "anyOf": [{"$ref": f"#/$defs/{kind}"}]})


@cache
def _answers(method: str, template: str, status: int) -> Draft202012Validator | None:
    operation = openapi()["paths"][template][method.lower()]
    assert str(status) in operation["responses"], f"{method} {template} answers {status}, which is not documented"
    content = operation["responses"][str(status)].get("content", {})
    if "application/json" not in content:
        return None
    return Draft202012Validator({**content["application/json"]["schema"], "components": openapi()["components"]})


@cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    return [(re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), path) for path in openapi()["paths"]]


def template_of(path: str) -> str | None:
    """Return the path of the document that a URL belongs to."""
    bare = "/" + path.strip("/").split("?")[0]
    return next((template for pattern, template in _patterns() if pattern.fullmatch(bare)), None)


def check_answer(method: str, path: str, status: int, body: Any) -> None:
    """Fail unless the document tells of such an answer."""
    template = template_of(path)
    if template is None or method.lower() not in openapi()["paths"][template]:
        return
    validator = _answers(method, template, status)
    if validator is None:
        assert not body
    else:
        validator.validate(body)


def check_frame(frame: Any) -> None:
    """Fail unless it is a frame that a server may send."""
    _frames("ServerFrame").validate(frame)


def check_shared_frame(frame: Any) -> None:
    """Fail unless it is what readers of a share may be sent, and has no more fields than that."""
    _frames("SharedFrame").validate(frame)
