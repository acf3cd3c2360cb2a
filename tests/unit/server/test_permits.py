"""What a connection may send, and that it may nothing once its credential has ended, not even what it sent before."""

from __future__ import annotations

import pytest

from jupyter_aichat.auth.scopes import READ, WRITE
from jupyter_aichat.errors import Forbidden, Unauthenticated
from jupyter_aichat.protocol.frames import ClientFrame, PingFrame, SendFrame, StopFrame, SubscribeFrame
from jupyter_aichat.server import permits
from jupyter_aichat.server.permits import Permits

SEND, STOP, SUBSCRIBE, PING = SendFrame(text="a"), StopFrame(run_id="r"), SubscribeFrame(run_id="r"), PingFrame()


async def _allowed(permits: Permits) -> set[ClientFrame]:
    allowed: set[ClientFrame] = set()
    for frame in (SEND, STOP, SUBSCRIBE, PING):
        try:
            await permits.check(frame)
        except Forbidden:
            continue
        allowed.add(frame)
    return allowed


@pytest.mark.parametrize(
    ("scopes", "allowed"),
    [
        (None, {SEND, STOP, SUBSCRIBE, PING}),
        ((READ, WRITE), {SEND, STOP, SUBSCRIBE, PING}),
        ((READ,), {SUBSCRIBE, PING}),
        ((WRITE,), {SEND, STOP, PING}),
        ((), {PING}),
    ],
)
async def test_scopes(scopes: tuple[str, ...] | None, allowed: set[ClientFrame]) -> None:
    assert await _allowed(Permits(scopes)) == allowed


async def test_the_authorizer_is_asked_about_reading_and_writing() -> None:
    async def reads(action: str) -> bool:
        return action == "read"

    assert await _allowed(Permits(None, reads)) == {SUBSCRIBE, PING}
    assert await _allowed(Permits((WRITE,), reads)) == {PING}


async def test_at_the_end_all_is_over() -> None:
    permitted = Permits()
    permitted.end()
    for frame in (SEND, STOP, SUBSCRIBE, PING):
        with pytest.raises(Unauthenticated):
            await permitted.check(frame)


async def test_a_frame_that_nobody_thought_of_is_nobodys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(permits.NEEDS, SendFrame)
    with pytest.raises(Forbidden):
        await Permits().check(SEND)
