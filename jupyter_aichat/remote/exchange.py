"""Exchanges with the service as the rest of remote mode sees them; the library behind (`http`) is imported late."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field


class FaultKind(enum.Enum):
    """Where an exchange with the service broke."""

    AWAY = "it does not answer"
    TLS = "its certificate is not trusted"
    NOT_HTTP = "it does not speak HTTP"
    CUT = "the connection was cut"
    TOO_LARGE = "its answer is too large"
    NO_SOCKET = "it accepts no sockets of ours"


class Fault(Exception):
    """An exchange that broke; carries no header or body."""

    def __init__(self, kind: FaultKind) -> None:
        super().__init__(kind.value)
        self.kind = kind


@dataclass(frozen=True)
class Asked:
    """A request to the service; ``target`` is below its base URL."""

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


class Refusal(Exception):
    """A handshake that was answered with something else."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        super().__init__(status)
        self.status, self.headers, self.body = status, headers, body
