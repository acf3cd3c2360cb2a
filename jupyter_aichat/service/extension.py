"""The extension as the service has it: with accounts, and without kernels to let in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from jupyter_server.serverapp import ServerApp

from jupyter_aichat.app import AIChatApp
from jupyter_aichat.auth.accounts import Accounts
from jupyter_aichat.auth.hub import HubPeople, HubUser
from jupyter_aichat.auth.hub_page import HubPage
from jupyter_aichat.auth.identity import AccountIdentity
from jupyter_aichat.auth.keys import Key, new_secret, parse_keys, read_keys
from jupyter_aichat.auth.registration import RegistrationMode
from jupyter_aichat.domain.account import Account
from jupyter_aichat.domain.identity import Identity
from jupyter_aichat.domain.ids import OwnerId
from jupyter_aichat.domain.process import Roles, parse_roles
from jupyter_aichat.errors import NotReady
from jupyter_aichat.limits.model_access import ModelAccess
from jupyter_aichat.server.accounts.hub import hub_handlers
from jupyter_aichat.server.host import Host
from jupyter_aichat.server.lifecycle import Lifecycle
from jupyter_aichat.server.origins import Origins
from jupyter_aichat.server.proxies import Proxies
from jupyter_aichat.server.uploads import Uploads
from jupyter_aichat.service import asset_origin
from jupyter_aichat.service.hub_client import HubClient
from jupyter_aichat.service.hub_door import HubDoor, PageDoor
from jupyter_aichat.service.hub_mode import HubMode, hub_mode
from jupyter_aichat.service.hub_page import hub_page_handlers
from jupyter_aichat.service.page import notice_handlers, page_handlers
from jupyter_aichat.service.page_files import read_page
from jupyter_aichat.wiring import build_service

if TYPE_CHECKING:
    from jupyter_aichat.auth.assembly import AccountService
    from jupyter_aichat.engine.engine import Engine


class ServiceExtension(AIChatApp):
    """Chat with language models, for everybody who has an account."""

    keys: Sequence[Key] = ()
    hub: HubMode | None = None
    _door: HubDoor | None = None
    _page_door: PageDoor | None = None

    def initialize_settings(self) -> None:
        """Make what handlers need; raises `NotReady` for what an operator has to mend before anything can start."""
        self.gateway = None
        self.set_up_logs()
        self.hub = hub_mode(self)
        self.keys = self._read_keys()
        self.host = Host(
            Lifecycle(self._make, self.log), None, self.log, proxies=self._proxies(), origins=self._origins()
        )
        self.host.json_log = self.logs == "json"
        self.host.uploads = Uploads(self.import_bytes)
        self.host.models = ModelAccess(parent=self)
        self.host.has_api = "api" in self.process_roles
        self.set_up_metrics("service")
        self.set_up_tracing()
        self._make()
        provider = self.serverapp.identity_provider if self.serverapp else None
        if isinstance(provider, AccountIdentity):
            provider.authenticate = self._authenticator()

    def _authenticator(self) -> Callable[[str], Awaitable[Identity]]:
        """Return what knows people by their tokens: our accounts, or the Hub."""
        if self.hub is None:
            return lambda token: self._accounts().authenticate(token)
        self.hub.check()
        client = HubClient(self.hub.api_url)
        people = HubPeople(client.whose, self._join, self.hub.scopes(ModelAccess(parent=self).scopes), self.log)
        page = HubPage(self.keys) if self.hub.api_token else None
        self._door = HubDoor(client, people, page)
        self._page_door = None if page is None else PageDoor(self.hub, client, people, page)
        self.host.watch = people.watch
        return self._door.authenticate

    async def _join(self, owner: OwnerId, user: HubUser) -> Account:
        return await self._accounts().vouched(owner, user.name, user.display_name, user.groups)

    async def stop_extension(self) -> None:
        """Stop within five seconds; ask the Hub nothing more."""
        await super().stop_extension()
        if self._door is not None:
            await self._door.stop()

    def initialize_handlers(self) -> None:
        """Add the URL table, and the page; a worker has neither."""
        super().initialize_handlers()
        if not self.host.has_api:
            return
        files = read_page(self.serverapp.base_url if self.serverapp else "/", asset_url=self._asset_url())
        if self.hub is None:
            self.handlers.extend(page_handlers(files))
        elif self._page_door is None:
            self.handlers.extend(notice_handlers())
        else:
            self.handlers[:0] = hub_handlers(self.host, self._page_door.renew)
            self.handlers.extend(hub_page_handlers(files, self._page_door, self.host))

    @property
    def process_roles(self) -> Roles:
        """What this process does. Raises `NotReady`."""
        try:
            return parse_roles(self.roles)
        except ValueError as error:
            raise NotReady(f"AIChatApp.roles={self.roles}: {error}.") from None

    def _read_keys(self) -> tuple[Key, ...]:
        if not self.secret_file and self.hub is not None:
            return self._keys_of_hub(self.hub)
        if not self.secret_file:
            raise NotReady(
                "The service needs a secret: set AIChatApp.secret_file or AICHAT_SECRET_FILE to a file that "
                "`jupyter aichat secret` has made."
            )
        return read_keys(Path(self.secret_file).expanduser())

    def _keys_of_hub(self, hub: HubMode) -> tuple[Key, ...]:
        """Return the key that all replicas have by the Hub, else one of this process: the login to the page alone needs it."""
        if hub.key is not None:
            return (hub.key,)
        if hub.api_token:
            self.log.warning(
                "The token that the Hub gave this service is short: several replicas need AIChatApp.secret_file, or a longer one"
            )
        return parse_keys(new_secret())

    def _proxies(self) -> Proxies:
        try:
            return Proxies(self.trusted_proxies)
        except ValueError as error:
            raise NotReady(f"AIChatApp.trusted_proxies: {error}.") from None

    def _origins(self) -> Origins:
        try:
            return Origins(self.allowed_origins)
        except ValueError as error:
            raise NotReady(f"AIChatApp.allowed_origins: {error}.") from None

    def _asset_url(self) -> str:
        try:
            return asset_origin.checked(self.asset_url)
        except ValueError as error:
            raise NotReady(f"AIChatApp.asset_url: {error}.") from None

    def _accounts(self) -> Accounts:
        found = self.host.accounts
        if found is None:
            raise NotReady
        return found.accounts

    def _make(self) -> tuple[Engine, AccountService | None]:
        return build_service(self.wiring_settings(), self.keys, cast("RegistrationMode", self.registration))

    def _admit_kernels(self, serverapp: ServerApp) -> None:
        """Let none in: there are no kernels here."""
