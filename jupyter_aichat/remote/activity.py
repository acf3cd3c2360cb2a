"""What goes through this server right now, so that it is not culled in the middle of an answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import msgspec
from msgspec import UNSET, UnsetType

_ENDED = frozenset({"completed", "stopped", "interrupted", "failed"})


class _Run(msgspec.Struct):
    id: str
    state: str


class _Event(msgspec.Struct):
    type: str


class _Down(msgspec.Struct):
    """What of a frame of the service tells how runs stand."""

    type: str
    run_id: str = ""
    chat_id: str = ""
    event: _Event | None = None
    run: _Run | UnsetType = UNSET
    runs: tuple[_Run, ...] = ()


class _Up(msgspec.Struct):
    """What of a client's frame says that it does not follow any more."""

    type: str
    run_id: str = ""
    chat_id: str = ""


_down = msgspec.json.Decoder(_Down)
_up = msgspec.json.Decoder(_Up)


class Followed:
    """The runs under way that one socket follows, read from the frames that pass."""

    def __init__(self) -> None:
        self.chats: dict[str, str] = {}
        """The chat of each run; "" where it is not known yet."""

    def passed_down(self, message: str) -> None:
        """Look at a message of the service."""
        for line in message.split("\n"):
            with suppress(msgspec.DecodeError):
                self._look(_down.decode(line))

    def _look(self, frame: _Down) -> None:
        if frame.type == "event" and frame.event is not None:
            if frame.event.type == "run_finished":
                self.chats.pop(frame.run_id, None)
            else:
                self.chats[frame.run_id] = frame.chat_id
        elif frame.type == "ack":
            for run in (*(() if frame.run is UNSET else (frame.run,)), *frame.runs):
                if run.state in _ENDED:
                    self.chats.pop(run.id, None)
                else:
                    self.chats.setdefault(run.id, frame.chat_id)

    def passed_up(self, message: str) -> None:
        """Look at a message of the client."""
        if '"unsubscribe"' not in message:
            return
        for line in message.split("\n"):
            with suppress(msgspec.DecodeError):
                frame = _up.decode(line)
                if frame.type == "unsubscribe":
                    self.chats.pop(frame.run_id, None)
                    self._leave_chat(frame.chat_id)

    def _leave_chat(self, chat_id: str) -> None:
        if chat_id:
            self.chats = {run: chat for run, chat in self.chats.items() if chat != chat_id}


class Activity:
    """Requests under way, and runs that sockets follow."""

    def __init__(self) -> None:
        self._requests = 0
        self._sockets: list[Followed] = []

    @contextmanager
    def request(self) -> Iterator[None]:
        """Count a request as long as it lasts."""
        self._requests += 1
        try:
            yield
        finally:
            self._requests -= 1

    @contextmanager
    def socket(self) -> Iterator[Followed]:
        """Count the runs that a socket follows as long as it is open."""
        followed = Followed()
        self._sockets.append(followed)
        try:
            yield followed
        finally:
            self._sockets.remove(followed)

    @property
    def under_way(self) -> int:
        """How many requests and runs there are."""
        return self._requests + len({run for followed in self._sockets for run in followed.chats})
