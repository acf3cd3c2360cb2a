"""What goes to Ollama and what comes back, as far as we read it; all else in an answer is skipped."""

from __future__ import annotations

import msgspec

from jupyter_aichat.domain.options import Options
from jupyter_aichat.domain.part import Part, TextPart, ThinkingPart, ToolCallPart
from jupyter_aichat.providers.base import ChatRequest, PromptMessage

_OURS = ("system", "think", "num_ctx")


class Function(msgspec.Struct, frozen=True):
    """The function of a tool call; ``arguments`` should be an object, and is not always."""

    name: str = ""
    arguments: msgspec.Raw = msgspec.Raw(b"{}")


class ToolCall(msgspec.Struct, frozen=True):
    """A tool call in an answer."""

    id: str | None = None
    function: Function = Function()


class Message(msgspec.Struct, frozen=True, gc=False):
    """The new piece of an answer."""

    content: str | None = None
    thinking: str | None = None
    tool_calls: tuple[ToolCall, ...] | None = None


class Line(msgspec.Struct, frozen=True, gc=False):
    """One line of a chat's stream; durations in nanoseconds, zero-valued metrics are left out."""

    message: Message | None = None
    done: bool = False
    done_reason: str | None = None
    error: str | None = None
    total_duration: float | None = None
    load_duration: float | None = None
    prompt_eval_count: int | None = None
    eval_count: int | None = None
    eval_duration: float | None = None


class ErrorBody(msgspec.Struct, frozen=True):
    """The body of a refusal."""

    error: str = ""


class Details(msgspec.Struct, frozen=True):
    """A model's details in a list."""

    family: str = ""
    context_length: int | None = None


class Tag(msgspec.Struct, frozen=True):
    """A model in `/api/tags`; the last three fields are those of newer servers."""

    name: str
    digest: str = ""
    size: int | None = None
    details: Details = Details()
    remote_host: str | None = None
    remote_model: str | None = None
    capabilities: tuple[str, ...] | None = None


class Version(msgspec.Struct, frozen=True):
    """The answer of `/api/version`."""

    version: str = ""


class Tags(msgspec.Struct, frozen=True):
    """The answer of `/api/tags`."""

    models: tuple[Tag, ...] | None = None


class Loaded(msgspec.Struct, frozen=True):
    """A model in `/api/ps`."""

    name: str


class LoadedModels(msgspec.Struct, frozen=True):
    """The answer of `/api/ps`."""

    models: tuple[Loaded, ...] | None = None


class Show(msgspec.Struct, frozen=True):
    """The answer of `/api/show`. ``parameters`` is text: a key and a value a line."""

    parameters: str = ""
    template: str = ""
    renderer: str = ""
    details: Details = Details()
    model_info: dict[str, msgspec.Raw] | None = None
    capabilities: tuple[str, ...] | None = None
    remote_host: str | None = None


def encode_chat(request: ChatRequest, *, think: bool | None, keep_alive: int | str | None) -> bytes:
    """Return the body of `/api/chat`.

    `think` None leaves the field out: the only thing that a model without thinking takes. ``shift: false``: a full
    context ends the answer with "length" instead of dropping its beginning and talking on without end, and newer
    servers refuse a prompt that is too long instead of cutting it to half in silence. ``truncate`` stays the server's
    (true): the engine fits the prompt to ``num_ctx`` and sees a cut in ``prompt_eval_count``; an estimate that is off
    by a little must not fail the run.
    """
    body: dict[str, object] = {
        "model": request.model,
        "messages": [_message(message) for message in request.messages],
        "options": _options(request.options, request.num_ctx),
        "stream": True,
        "shift": False,
    }
    if think is not None:
        body["think"] = think
    if keep_alive is not None:
        body["keep_alive"] = keep_alive
    return msgspec.json.encode(body)


def encode_show(model: str) -> bytes:
    """Return the body of `/api/show`."""
    return msgspec.json.encode({"model": model})


def _options(options: Options, num_ctx: int) -> dict[str, object]:
    """The sampling options that are set. The window always is, or the server takes a default of its own."""
    given: dict[str, object] = {
        field: value
        for field in options.__struct_fields__
        if field not in _OURS and (value := getattr(options, field)) is not None
    }
    return {**given, "num_ctx": num_ctx}


def _message(message: PromptMessage) -> dict[str, object]:
    body: dict[str, object] = {"role": message.role, "content": _joined(message.parts, TextPart)}
    if thinking := _joined(message.parts, ThinkingPart):
        body["thinking"] = thinking
    calls = [
        {"function": {"name": part.name, "arguments": part.arguments}}
        for part in message.parts
        if isinstance(part, ToolCallPart)
    ]
    if calls:
        body["tool_calls"] = calls
    return body


def _joined(parts: tuple[Part, ...], kind: type[TextPart] | type[ThinkingPart]) -> str:
    return "".join(part.text for part in parts if isinstance(part, kind))
