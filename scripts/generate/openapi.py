"""``docs/openapi.yaml``: OpenAPI 3.1 of the URL table and its bodies."""

from __future__ import annotations

import re
from http.client import responses
from typing import Any

import yaml

from jupyter_aichat.protocol.bodies import ErrorBody, IdempotencyKey, RunEventsQuery, Seq
from jupyter_aichat.server.routes import ROUTES
from jupyter_aichat.server.table import BASE, Route, Verb
from scripts.generate.schemas import Schema, components

_REF = "#/components/schemas/{name}"
_HEAD = "# Generated from the code by `make docs`; do not edit.\n"
_ALWAYS = (401, 403, 502, 503)
_DESCRIPTION = (
    "The chat's API, below the base URL of a Jupyter server or of the service. Under a Jupyter server, requests carry its "
    "token, or its cookie with X-XSRFToken; in a service the access token of a login, or a personal token. The socket's "
    "frames are in frames.schema.json."
)


class _Dumper(yaml.SafeDumper):
    """Writes values that occur twice twice."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True


def text() -> str:
    """Return the document."""
    return _HEAD + yaml.dump(document(), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


def document() -> Schema:
    """Return the document as plain values."""
    types = _types()
    schemas, named = components(types, _REF)
    schema_of = {id(kind): schema for kind, schema in zip(types, schemas, strict=True)}
    return {
        "openapi": "3.1.0",
        "info": {"title": "jupyter_aichat", "version": "1", "description": _DESCRIPTION},
        "servers": [{"url": f"{{base_url}}{BASE}", "variables": {"base_url": {"default": ""}}}],
        "security": [{"token": []}, {"cookie": []}],
        "paths": {route.path: _path(route, schema_of) for route in ROUTES},
        "components": {
            "schemas": {name: schema for name, schema in named.items() if not name.endswith("Query")},
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The Jupyter server's token, or a token of the service's.",
                },
                "cookie": {"type": "apiKey", "in": "cookie", "name": "username-<host>"},
            },
        },
    }


def _types() -> list[Any]:
    verbs = [verb for route in ROUTES for verb in route.verbs.values()]
    kinds = [kind for verb in verbs for kind in (verb.reply, verb.body, verb.query) if isinstance(kind, type)]
    return [ErrorBody, IdempotencyKey, Seq, *dict.fromkeys(kinds)]


def _path(route: Route, schema_of: dict[int, Schema]) -> Schema:
    path: Schema = {}
    if names := re.findall(r"\{(\w+)\}", route.path):
        path["parameters"] = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names
        ]
    for name, verb in route.verbs.items():
        path[name] = _operation(name, route, verb, schema_of)
    return path


def _operation(name: str, route: Route, verb: Verb, schema_of: dict[int, Schema]) -> Schema:
    operation: Schema = {"operationId": _operation_id(name, route), "summary": verb.summary}
    if route.accounts_only:
        operation["description"] = "In a service with accounts alone."
        operation["security"] = [{"token": []}]
    if verb.open:
        operation["security"] = []
    if parameters := _parameters(verb, schema_of):
        operation["parameters"] = parameters
    if verb.upload:
        content = {"application/json": {"schema": {"description": "A file of chats."}}}
        operation["requestBody"] = {"required": True, "content": content}
    if verb.body is not None:
        content = {"application/json": {"schema": schema_of[id(verb.body)]}}
        operation["requestBody"] = {"required": True, "content": content}
    operation["responses"] = _responses(verb, schema_of)
    return operation


def _operation_id(name: str, route: Route) -> str:
    words = [word for word in re.split(r"[/{}]+", route.path) if word and not word.endswith("_id")]
    single = route.path.endswith("_id}")
    return "_".join([name, *words[:-1], words[-1].removesuffix("s") if single else words[-1]])


def _parameters(verb: Verb, schema_of: dict[int, Schema]) -> list[Schema]:
    parameters = []
    if verb.query is not None:
        _, named = components([verb.query], _REF)
        for name, schema in named[verb.query.__name__]["properties"].items():
            parameters.append({"name": name, "in": "query", "schema": schema})
    if verb.body is not None and "idempotency_key" in verb.body.__struct_fields__:  # type: ignore[attr-defined]
        parameters.append({"name": "Idempotency-Key", "in": "header", "schema": schema_of[id(IdempotencyKey)]})
    if verb.query is RunEventsQuery:
        parameters.append({"name": "Last-Event-ID", "in": "header", "schema": schema_of[id(Seq)]})
    return parameters


def _responses(verb: Verb, schema_of: dict[int, Schema]) -> Schema:
    found: Schema = {}
    for status in verb.statuses:
        found[str(status)] = {"description": responses[status], **_content(verb, schema_of)}
    for status in sorted({*verb.errors, *(() if verb.open else _ALWAYS)} - {*verb.statuses}):
        error = {"application/json": {"schema": schema_of[id(ErrorBody)]}}
        found[str(status)] = {"description": responses[status], "content": error}
    return found


def _content(verb: Verb, schema_of: dict[int, Schema]) -> Schema:
    if verb.reply is None:
        return {}
    if isinstance(verb.reply, str | tuple):
        kinds = (verb.reply,) if isinstance(verb.reply, str) else verb.reply
        return {"content": {kind: {"schema": {} if kind.endswith("/json") else {"type": "string"}} for kind in kinds}}
    return {"content": {"application/json": {"schema": schema_of[id(verb.reply)]}}}
