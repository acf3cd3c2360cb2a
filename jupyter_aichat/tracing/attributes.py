"""What spans say, by the names of OpenTelemetry's semantic conventions where it has one (HTTP, and GenAI), else by ours.

No value is what somebody typed: a model that no provider knows is left out.
"""

from __future__ import annotations

from jupyter_aichat.domain.model import Model
from jupyter_aichat.domain.run import RunRecord
from jupyter_aichat.domain.usage import Usage
from jupyter_aichat.engine.observer import EndedRun

Value = str | bool | int | float | tuple[str, ...]

STATUS = "http.response.status_code"
ERROR = "error.type"
LET_GO = "aichat.run.let_go"


def of_request(method: str, route: str, request_id: str | None) -> dict[str, Value]:
    """Of a request: its route, never its path or query."""
    return _given({"http.request.method": method, "http.route": route, "aichat.request.id": request_id})


def of_frame(kind: str, request_id: str | None) -> dict[str, Value]:
    """Of a frame; the request is the one that opened its socket."""
    return _given({"aichat.frame": kind, "aichat.request.id": request_id})


def of_run(record: RunRecord) -> dict[str, Value]:
    """Of a run as it begins, in this process."""
    run, epoch, instance = record.run, record.epoch, record.instance
    ids = {"aichat.run.id": run.id, "gen_ai.conversation.id": run.chat_id, "aichat.message.id": run.message_id}
    return _given({**ids, "aichat.run.epoch": epoch, "aichat.instance.id": instance})


def of_end(run: EndedRun) -> dict[str, Value]:
    """Of a run's end."""
    return _given({"aichat.run.state": run.outcome, "aichat.run.reason": run.reason})


def of_model(model: Model, record: RunRecord) -> dict[str, Value]:
    """Of what is asked of a model: its name and numbers."""
    options = record.generation.options
    return _given(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": model.provider,
            "gen_ai.request.model": model.name,
            "gen_ai.request.stream": True,
            "gen_ai.conversation.id": record.run.chat_id,
            "gen_ai.request.max_tokens": options.num_predict,
            "gen_ai.request.temperature": options.temperature,
            "gen_ai.request.top_p": options.top_p,
            "gen_ai.request.seed": options.seed,
        }
    )


def of_answer(first_token_s: float | None, usage: Usage | None, reason: str | None) -> dict[str, Value]:
    """Of what came of it, as the provider counted it."""
    return _given(
        {
            "gen_ai.response.time_to_first_chunk": first_token_s,
            "gen_ai.usage.input_tokens": usage.prompt_tokens if usage else None,
            "gen_ai.usage.output_tokens": usage.completion_tokens if usage else None,
            "gen_ai.response.finish_reasons": (reason,) if reason else None,
            "aichat.cached": True if usage is not None and usage.cached else None,
        }
    )


def _given(values: dict[str, Value | None]) -> dict[str, Value]:
    return {name: value for name, value in values.items() if value is not None}
