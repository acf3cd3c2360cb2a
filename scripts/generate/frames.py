"""``docs/frames.schema.json``: JSON Schema of the socket's frames, both ways, and of what readers of a share are sent."""

from __future__ import annotations

import json

from jupyter_aichat.protocol.frames import ClientFrame, ServerFrame
from jupyter_aichat.protocol.shares import SharedFrame
from scripts.generate.schemas import Schema, components


def text() -> str:
    """Return the document."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


def document() -> Schema:
    """Return the document as plain values."""
    (client, server, shared), named = components([ClientFrame, ServerFrame, SharedFrame], "#/$defs/{name}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": "Generated from the code by `make docs`; do not edit.",
        "title": "Frames of the jupyter_aichat socket (subprotocol aichat.v1)",
        "anyOf": [{"$ref": "#/$defs/ClientFrame"}, {"$ref": "#/$defs/ServerFrame"}],
        "$defs": {"ClientFrame": client, "ServerFrame": server, "SharedFrame": shared, **named},
    }
