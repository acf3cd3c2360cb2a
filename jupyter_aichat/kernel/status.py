"""``%chat`` without a text: says what is in use, and changes it."""

from __future__ import annotations

from jupyter_aichat.domain.options import Options
from jupyter_aichat.errors import InvalidOption, InvalidRequest
from jupyter_aichat.kernel.api import Api
from jupyter_aichat.kernel.arguments import NEW, Arguments
from jupyter_aichat.kernel.session import Session
from jupyter_aichat.protocol.bodies import ModelsReply

_SHOWN = 12


async def describe(session: Session, arguments: Arguments) -> str:
    """Use the chat and the model that the arguments name, and return what is in use now."""
    if arguments.options != Options():
        raise InvalidRequest("These options go with a question: write it after them, or in a %%chat cell.")
    return await session.with_api(lambda api: _describe(api, session, arguments))


async def _describe(api: Api, session: Session, arguments: Arguments) -> str:
    models = await api.models()
    if arguments.chat == NEW:
        session.use(None)
    elif arguments.chat is not None:
        session.use((await api.chat(arguments.chat)).id)
    if arguments.model is not None:
        _check_model(arguments.model, models)
        session.model = arguments.model
    return "\n".join(
        (
            f"chat    {await _chat(api, session)}",
            f"model   {await _model(api, session, models)}",
            f"kept by {api.service.place}",
            f"models  {_names(models)}",
            "change  %chat --model NAME · %chat --chat ID · %chat --chat new · %chat --help",
        )
    )


def _check_model(name: str, models: ModelsReply) -> None:
    """Refuse a model that nobody has; while its provider does not answer, nobody knows."""
    known = {model.name for model in models.items}
    if not {name, f"{name}:latest"} & known and all(provider.state == "ok" for provider in models.providers):
        raise InvalidOption(f"There is no model {name} here: {_names(models)}.")


async def _chat(api: Api, session: Session) -> str:
    if session.chat_id is None:
        return "a new one, which begins with the next question"
    chat = await api.chat(session.chat_id)
    return f"{chat.title or 'Untitled'} ({chat.id})"


async def _model(api: Api, session: Session, models: ModelsReply) -> str:
    chat = await api.chat(session.chat_id) if session.chat_id else None
    if session.model or (chat is not None and chat.model):
        return session.model or (chat.model if chat else None) or ""
    return f"{models.default} (the default)" if models.default else "none yet: get one with `ollama pull llama3.2`"


def _names(models: ModelsReply) -> str:
    names = [model.name for model in models.items]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return (", ".join(names[:_SHOWN]) or "none") + more
