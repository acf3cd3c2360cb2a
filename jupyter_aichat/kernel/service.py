"""What the kernel's parts need of whoever keeps the chats: a server, or the engine in this process."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import ClassVar, NamedTuple, Protocol

import msgspec

from jupyter_aichat.errors import AIChatError
from jupyter_aichat.kernel.calls import Call
from jupyter_aichat.protocol.bodies import ErrorBody
from jupyter_aichat.protocol.errors import body_of_status
from jupyter_aichat.protocol.frames import ChatChangedFrame, EventFrame, HelloFrame, ServiceFrame

News = HelloFrame | ChatChangedFrame | ServiceFrame


class ServiceGone(AIChatError):
    """The server does not answer."""

    code: ClassVar[str] = "network"


class Answered(NamedTuple):
    """The status and the JSON of an answer, errors included."""

    status: int
    body: bytes


class Service(Protocol):
    """Whoever keeps the chats. All methods belong to one event loop."""

    @property
    def place(self) -> str:
        """Where that is, for people."""
        ...

    async def request(self, call: Call, body: bytes | None = None) -> Answered:
        """Carry out a request; raises `ServiceGone` where nobody answers."""
        ...

    def events(self, run_id: str, after: int) -> AsyncGenerator[EventFrame, None]:
        """Yield what is later than `after` in a run, to its end, also over cut connections.

        Raises `NotFound`, or `ServiceGone` if nobody answers for long.
        """
        ...

    def news(self) -> AsyncGenerator[News, None]:
        """Yield a greeting, and what changes in all chats from then on; raises `ServiceGone` when the connection is cut."""
        ...

    async def close(self) -> None:
        """Let go of everything; answers that this process writes end as interrupted."""
        ...


def error_in(answer: Answered) -> AIChatError:
    """Return the error in an answer, as the class of its code, also one that was not written by us."""
    try:
        body = msgspec.json.decode(answer.body, type=ErrorBody)
    except msgspec.DecodeError:
        body = body_of_status(answer.status, f"The server answered with HTTP {answer.status}.", None)
    kind = _kinds().get(body.code) or type("Refused", (AIChatError,), {"code": body.code})
    error: AIChatError = kind(body.message, **body.details)
    return error


def _kinds() -> dict[str, type[AIChatError]]:
    kinds: dict[str, type[AIChatError]] = {}
    waiting: list[type[AIChatError]] = [AIChatError]
    while waiting:
        kind = waiting.pop(0)
        kinds.setdefault(kind.code, kind)
        waiting += kind.__subclasses__()
    return kinds
