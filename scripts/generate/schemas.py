"""JSON Schemas of the wire's Structs, as they really stand on the wire."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

Schema = dict[str, Any]


def components(types: Sequence[Any], ref_template: str) -> tuple[list[Schema], dict[str, Schema]]:
    """Return the schema of each type, and the named schemas that they refer to."""
    schemas, named = msgspec.json.schema_components(types, schema_hook=_any, ref_template=ref_template)
    return list(schemas), {name: _tidy(schema) for name, schema in sorted(named.items())}


def _any(kind: type) -> Schema:
    """Values that are passed on as they are."""
    if kind is object:
        return {"description": "Any JSON value."}
    raise NotImplementedError


def _tidy(schema: Schema) -> Schema:
    """Take the name out, which stands before it, and say which fields the server always sends."""
    schema = {key: value for key, value in schema.items() if key != "title"}
    if "description" in schema:
        schema["description"] = " ".join(schema["description"].split())
    if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
        _always_sent(schema)
    return schema


def _always_sent(schema: Schema) -> None:
    """What we send is whole: a field with a default is there too. (One that may be unset has none.)"""
    properties = schema.get("properties", {})
    required = set(schema.get("required", ()))
    schema["required"] = [name for name, field in properties.items() if name in required or "default" in field]
    schema["properties"] = {
        name: {key: value for key, value in field.items() if key != "default"} for name, field in properties.items()
    }
