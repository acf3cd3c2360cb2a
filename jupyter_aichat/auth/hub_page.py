"""What a browser carries that has logged in at a JupyterHub: for our page, in place of the Hub's own token.

The Hub's token is worth more than our chats, and lives for weeks. So the browser keeps it sealed: in a cookie that no script can
read, and in access tokens of a quarter of an hour for the page's script. Whoever brings one is asked about at the Hub like all
others. Nothing is kept here, so that a login may begin at one replica and end at another.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import msgspec

from jupyter_aichat.auth.keys import Key
from jupyter_aichat.auth.seals import Seal
from jupyter_aichat.auth.tokens import INVALID
from jupyter_aichat.domain.ids import OwnerId
from jupyter_aichat.errors import Unauthenticated

ACCESS_S = 15 * 60
LOGIN_S = 10 * 60
"""How long a person may take to log in at the Hub."""
KEPT_S = 14 * 24 * 3600
"""How long the cookie is kept: as long as the Hub's tokens are good, unless it says otherwise."""
_HEAD = "aichat-hub"


class PageToken(msgspec.Struct, frozen=True):
    """What an access token of the page stands for: a token of the Hub, until a time."""

    hub_token: str
    expires_at: datetime


class Begun(msgspec.Struct, frozen=True):
    """A login that has begun: what the browser keeps, what goes to the Hub and comes back, and what only proves itself later."""

    mark: str
    state: str
    challenge: str


class Returned(msgspec.Struct, frozen=True):
    """A login that comes back: the verifier of its challenge, and the place of the page that was wanted."""

    verifier: str
    place: str


class _Open(msgspec.Struct):
    sub: str
    exp: int


class _State(msgspec.Struct):
    mark: str
    verifier: str
    place: str
    until: int


class HubPage:
    """Seals and opens what the browser carries.

    Parameters
    ----------
    keys
        The first seals, all open; the same for all replicas.
    clock
        Seconds since 1970.
    """

    def __init__(self, keys: Sequence[Key], clock: Callable[[], float] = time.time) -> None:
        self._access, self._cookie = Seal(keys, "hub-access"), Seal(keys, "hub-cookie")
        self._state, self._clock = Seal(keys, "hub-state"), clock

    # The cookie

    def kept(self, hub_token: str) -> str:
        """Return the cookie's value."""
        return self._cookie.close(hub_token.encode())

    def hub_token_of(self, cookie: str) -> str | None:
        """Return the token of the Hub in a cookie; None for none of ours."""
        found = self._cookie.open(cookie)
        return None if found is None else found.decode()

    # Access tokens

    def access(self, hub_token: str, owner: OwnerId) -> str:
        """Return an access token; it says in the open whose it is, so that a page notices when that changes."""
        said = msgspec.json.encode(_Open(owner, int(self._clock()) + ACCESS_S))
        middle = base64.urlsafe_b64encode(said).decode().rstrip("=")
        return f"{_HEAD}.{middle}.{self._access.close(hub_token.encode(), middle.encode())}"

    def is_access(self, token: str) -> bool:
        """Whether it has the form of an access token, which no token of the Hub has."""
        return token.startswith(f"{_HEAD}.")

    def read(self, token: str) -> PageToken:
        """Return what an access token stands for; raises `Unauthenticated` for one that is over or not ours."""
        found = self.opened(token)
        if found is None or found.expires_at.timestamp() <= self._clock():
            raise Unauthenticated(INVALID)
        return found

    def opened(self, token: str) -> PageToken | None:
        """Return what an access token stands for, also when it is over; None for one that is not ours."""
        head, _, rest = token.partition(".")
        middle, _, sealed = rest.partition(".")
        found = self._access.open(sealed, middle.encode()) if head == _HEAD and token.isascii() else None
        if found is None:
            return None
        said = msgspec.json.decode(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)), type=_Open)
        return PageToken(found.decode(), datetime.fromtimestamp(said.exp, UTC))

    # Logging in

    def begin(self, place: str, mark: str | None = None) -> Begun:
        """Begin a login for a place of the page, in the browser that has the mark, or gets one."""
        mark = mark or secrets.token_urlsafe(32)
        verifier = secrets.token_urlsafe(32)
        state = _State(_digest(mark), verifier, place, int(self._clock()) + LOGIN_S)
        return Begun(mark, self._state.close(msgspec.json.encode(state)), _digest(verifier))

    def returned(self, state: str, mark: str | None) -> Returned | None:
        """Return the login that comes back; None where it is over, not ours, or was begun in another browser."""
        found = self._state.open(state)
        if found is None or mark is None:
            return None
        begun = msgspec.json.decode(found, type=_State)
        same = hmac.compare_digest(begun.mark, _digest(mark))
        return Returned(begun.verifier, begun.place) if same and self._clock() < begun.until else None


def _digest(text: str) -> str:
    """Return the S256 of PKCE (RFC 7636, 4.2)."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
