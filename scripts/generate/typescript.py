"""``labextension/src/ui/protocol.generated.ts``: the wire's types for the front end."""

from __future__ import annotations

import json

from jupyter_aichat.protocol.bodies import ErrorBody
from jupyter_aichat.protocol.frames import ClientFrame, ServerFrame
from jupyter_aichat.protocol.shares import SharedFrame
from jupyter_aichat.server.routes import ROUTES
from scripts.generate.schemas import Schema, components

_HEAD = "// Generated from the code by `make docs`; do not edit.\n"
_REF = "{name}"
_PLAIN = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}


def text() -> str:
    """Return the module."""
    verbs = [verb for route in ROUTES for verb in route.verbs.values()]
    kinds = [kind for verb in verbs for kind in (verb.reply, verb.body) if isinstance(kind, type)]
    frames = [ClientFrame, ServerFrame, SharedFrame]
    (client, server, of_share, *_), named = components([*frames, ErrorBody, *dict.fromkeys(kinds)], _REF)
    named |= {"ClientFrame": client, "ServerFrame": server, "SharedFrame": of_share}
    named |= {"RunEvent": named["EventFrame"]["properties"]["event"]}
    named["Part"] = named["Message"]["properties"]["parts"]["items"]
    return _HEAD + "".join(_declaration(name, schema) for name, schema in sorted(named.items()))


def _declaration(name: str, schema: Schema) -> str:
    comment = f"/** {schema['description']} */\n" if "description" in schema else ""
    if schema.get("type") == "object":
        return f"\n{comment}export interface {name} {_body(schema, '')}\n"
    return f"\n{comment}export type {name} = {_type(schema, '')};\n"


def _body(schema: Schema, indent: str) -> str:
    required = set(schema.get("required", ()))
    lines = [
        f"{indent}  {name}{'' if name in required else '?'}: {_type(field, indent + '  ')};\n"
        for name, field in schema.get("properties", {}).items()
    ]
    return "{\n" + "".join(lines) + indent + "}"


def _type(schema: Schema, indent: str) -> str:
    if "$ref" in schema:
        return str(schema["$ref"])
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(_type(option, indent) for option in schema["anyOf"]))
    if "enum" in schema:
        return " | ".join(_literal(value) for value in schema["enum"])
    kind = schema.get("type")
    if kind == "array":
        item = _type(schema.get("items", {}), indent)
        return f"({item})[]" if "|" in item else f"{item}[]"
    if kind == "object":
        return _body(schema, indent) if "properties" in schema else f"Record<string, {_values(schema, indent)}>"
    return _PLAIN[kind] if isinstance(kind, str) else "unknown"


def _values(schema: Schema, indent: str) -> str:
    values = schema.get("additionalProperties", {})
    return _type(values, indent) if isinstance(values, dict) else "unknown"


def _literal(value: object) -> str:
    return f"'{value}'" if isinstance(value, str) else json.dumps(value)
