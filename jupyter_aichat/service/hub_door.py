"""How people come in from a JupyterHub: their servers and scripts by the Hub's tokens, their browsers by a login there."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

import msgspec

from jupyter_aichat.auth.hub import HubPeople
from jupyter_aichat.auth.hub_page import KEPT_S, HubPage
from jupyter_aichat.domain.identity import Identity
from jupyter_aichat.errors import Unauthenticated
from jupyter_aichat.service.hub_client import HubClient
from jupyter_aichat.service.hub_mode import HubMode

_NO_LOGIN = "There is no login from before; log in at JupyterHub."
_ANOTHER = "This page was not opened by who is logged in now; load it again."


@dataclass(frozen=True)
class Leaving:
    """Where a browser goes to log in, and the mark by which it is known again."""

    url: str
    mark: str


@dataclass(frozen=True)
class Entered:
    """A login that succeeded: who it is, the cookie with the seconds it is kept, and the place of the page that was wanted."""

    identity: Identity
    cookie: str
    max_age_s: int
    place: str


class HubDoor:
    """Lets the people of a Hub in.

    Parameters
    ----------
    page
        What browsers carry; None where nobody can log in by one, since the service has no token of its own.
    """

    def __init__(self, client: HubClient, people: HubPeople, page: HubPage | None) -> None:
        self._client, self._people, self._page = client, people, page

    async def authenticate(self, bearer: str) -> Identity:
        """Return who brings a token of the Hub, or one that our page was given; raises as `HubPeople.authenticate`."""
        if self._page is None or not self._page.is_access(bearer):
            return await self._people.authenticate(bearer)
        found = self._page.read(bearer)
        identity = await self._people.authenticate(found.hub_token)
        return msgspec.structs.replace(identity, expires_at=found.expires_at)

    async def stop(self) -> None:
        """Ask the Hub nothing more."""
        await self._people.stop()
        await self._client.close()


class PageDoor:
    """Lets browsers in: by a login at the Hub, then by a cookie.

    The cookie alone gives the page's HTML its access token, which only who loads the page as a page can read. What the page's
    script then renews is that token, and the cookie does not do for it: pages of other people's servers, which on one domain are
    of our own origin, can make the browser send it.
    """

    def __init__(self, mode: HubMode, client: HubClient, people: HubPeople, page: HubPage) -> None:
        self._mode, self._client, self._people, self._page = mode, client, people, page

    @property
    def logout_url(self) -> str:
        """Where people log out of the Hub."""
        return f"{self._mode.hub}logout"

    def leave(self, place: str, mark: str | None) -> Leaving:
        """Begin a login at the Hub, for a place of the page."""
        begun = self._page.begin(place, mark)
        asked = {
            "client_id": self._mode.client_id,
            "redirect_uri": self._mode.callback_url,
            "response_type": "code",
            "state": begun.state,
            "code_challenge": begun.challenge,
            "code_challenge_method": "S256",
        }
        return Leaving(f"{self._mode.hub}api/oauth2/authorize?{urlencode(asked)}", begun.mark)

    async def enter(self, code: str, state: str, mark: str | None) -> Entered:
        """End a login; raises `Unauthenticated` for one that is not ours or is over, `Forbidden`, or `NotReady`."""
        returned = self._page.returned(state, mark)
        if returned is None:
            raise Unauthenticated(_NO_LOGIN)
        form = {
            "client_id": self._mode.client_id,
            "client_secret": self._mode.api_token,
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._mode.callback_url,
            "code_verifier": returned.verifier,
        }
        grant = await self._client.grant(form)
        if grant is None:
            raise Unauthenticated(_NO_LOGIN)
        identity = await self._people.authenticate(grant.access_token)
        return Entered(identity, self._page.kept(grant.access_token), grant.expires_in or KEPT_S, returned.place)

    async def access(self, cookie: str | None) -> str:
        """Return an access token for a page that is loaded with a cookie; raises `Unauthenticated`, `Forbidden`, or `NotReady`."""
        return await self._access(self._hub_token(cookie))

    async def renew(self, cookie: str | None, access: str | None) -> str:
        """Return the next access token of a page for its last one, be it over; raises as `access`."""
        hub_token = self._hub_token(cookie)
        await self._people.authenticate(hub_token)  # first of all what the Hub says: a page is told of that, too
        last = None if access is None else self._page.opened(access)
        if last is None or last.hub_token != hub_token:
            raise Unauthenticated(_ANOTHER)
        return await self._access(hub_token)

    async def _access(self, hub_token: str) -> str:
        identity = await self._people.authenticate(hub_token)
        return self._page.access(hub_token, identity.principal.owner_id)

    def _hub_token(self, cookie: str | None) -> str:
        found = None if cookie is None else self._page.hub_token_of(cookie)
        if found is None:
            raise Unauthenticated(_NO_LOGIN)
        return found
