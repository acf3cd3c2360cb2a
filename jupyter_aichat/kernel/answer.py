"""An answer as it grows: a run's events folded into what a cell shows."""

from __future__ import annotations

from jupyter_aichat.domain.event import (
    Context,
    Event,
    QueuePosition,
    RunFinished,
    RunStarted,
    Snapshot,
    TextDelta,
    ThinkingDelta,
    ToolCall,
    UsageEvent,
)
from jupyter_aichat.domain.failure import Failure
from jupyter_aichat.domain.message import Message
from jupyter_aichat.domain.part import TextPart, ThinkingPart, ToolCallPart
from jupyter_aichat.domain.usage import Usage


class Answer:
    """Written by one thread and read by another: each change replaces what it changes and raises ``version`` last."""

    def __init__(self) -> None:
        self.version = 0
        self.text = ""
        self.thinking = False
        self.position = 0
        """The place in line before the model; 0 is its turn."""
        self.tools: tuple[str, ...] = ()
        self.model: str | None = None
        self.context: Context | None = None
        self.usage: Usage | None = None
        self.end: RunFinished | None = None

    def begin(self, reply: Message) -> None:
        """Take the reply as it stood when its run began."""
        self.model = reply.model
        self._take(reply)

    def apply(self, event: Event) -> None:
        """Take one event."""
        match event:
            case QueuePosition():
                self.position = event.position
            case RunStarted():
                self.position = 0
            case TextDelta():
                self.text += event.text
                self.thinking = False
            case ThinkingDelta():
                self.thinking = True
            case ToolCall():
                self.tools = (*self.tools, event.name)
            case Context():
                self.context = event
            case UsageEvent():
                self.usage = event.usage
            case Snapshot():
                self._take(event.message)
            case RunFinished():
                self.usage = event.usage or self.usage
                self.end = event
        self.version += 1

    def _take(self, message: Message) -> None:
        self.text = "".join(part.text for part in message.parts if isinstance(part, TextPart))
        self.tools = tuple(part.name for part in message.parts if isinstance(part, ToolCallPart))
        self.thinking = bool(message.parts) and isinstance(message.parts[-1], ThinkingPart)
        self.version += 1

    @property
    def failure(self) -> Failure | None:
        """Why there is no whole answer, unless a person stopped it."""
        if self.end is None or self.end.state in ("completed", "stopped"):
            return None
        return self.end.error or Failure(
            "interrupted", f"The answer was interrupted ({self.end.reason or 'no reason'})."
        )


def summary(answer: Answer, seconds: float) -> str:
    """Return the quiet line under an answer: model, duration, tokens, and what a reader should know of it."""
    usage, end, context = answer.usage, answer.end, answer.context
    said = [answer.model or "", f"{seconds:.1f} s"]
    if usage is not None and usage.completion_tokens is not None:
        said.append(_counted(usage.completion_tokens, "token"))
    if usage is not None and usage.cached:
        said.append("answered before")
    if end is not None and end.state != "completed":
        said.append(end.state)
    if end is not None and end.reason in ("length", "too_long"):
        said.append("cut at its longest")
    if answer.tools:
        said.append(f"asked for {', '.join(answer.tools)}, which nothing ran")
    if context is not None and context.left_out:
        said.append(f"{_counted(context.left_out, 'earlier message')} left out: the model's window is full")
    if context is not None and context.cut:
        said.append("the model read less than was sent")
    return " · ".join(filter(None, said))


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
