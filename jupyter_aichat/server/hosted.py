"""What requests and sockets share: who asks and what they may do, the engine, errors with a code."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from jupyter_core.utils import ensure_async
from jupyter_server.auth import AllowAllAuthorizer, Authorizer, IdentityProvider
from jupyter_server.base.handlers import JupyterHandler
from tornado import web

from jupyter_aichat.auth.identity import AccountUser
from jupyter_aichat.auth.limits import network_of
from jupyter_aichat.domain.identity import Ending, Identity, Origin
from jupyter_aichat.domain.ids import OwnerId, new_id
from jupyter_aichat.domain.model_rule import AllowedModels
from jupyter_aichat.domain.principal import Principal
from jupyter_aichat.errors import (
    AIChatError,
    BadOrigin,
    Forbidden,
    NotFound,
    Unauthenticated,
)
from jupyter_aichat.limits.requests import Counter, too_many
from jupyter_aichat.logs.context import REQUEST_ID, is_request_id
from jupyter_aichat.protocol.bodies import ErrorBody
from jupyter_aichat.protocol.codec import encode
from jupyter_aichat.protocol.errors import body_of, body_of_status, status_of
from jupyter_aichat.server import access_log
from jupyter_aichat.server.host import Host
from jupyter_aichat.server.identity import KERNEL_USER, TokenIdentity
from jupyter_aichat.server.permits import Permits
from jupyter_aichat.server.rates import rate_headers
from jupyter_aichat.server.table import EVENT_STREAM, LOGIN, NOWHERE, Route, Verb

if TYPE_CHECKING:
    from jupyter_aichat.auth.accounts import Accounts
    from jupyter_aichat.auth.administration import Administration
    from jupyter_aichat.engine.engine import Engine

AUTH_RESOURCE = "aichat"
REQUEST_ID_HEADER = "X-Request-Id"


class HostedHandler(JupyterHandler):
    """The parts that requests and sockets share."""

    auth_resource = AUTH_RESOURCE
    host: Host
    route: Route
    rates: Mapping[str, str] = {}
    """The headers that tell how many requests are left."""
    _end_span: Callable[[int], None] | None = None

    def initialize(self, host: Host, route: Route = NOWHERE) -> None:
        """Take what the URL table hands over."""
        self.host, self.route = host, route
        self._is_proxied = host.proxies.place(self.request)

    @property
    def verb(self) -> Verb | None:
        """What the table says of the request's verb."""
        return self.route.verbs.get((self.request.method or "").lower())

    @property
    def login(self) -> Literal["needed", "welcome", "excused", "none"]:
        """Whether the request must, may or need not come from somebody who is logged in."""
        verb = self.verb
        if verb is None:
            return "none" if self.request.method == "OPTIONS" else "needed"
        return "needed" if not verb.open else "welcome" if verb.needs else "none"

    @cached_property
    def request_id(self) -> str:
        """What the request is called: as the client or a proxy has it, else by us."""
        given = self.request.headers.get(REQUEST_ID_HEADER, "")
        return given if is_request_id(given) else new_id()

    def set_default_headers(self) -> None:
        """Let the answer bear the request's name, errors too."""
        super().set_default_headers()
        self.set_header(REQUEST_ID_HEADER, self.request_id)

    async def prepare(self, **kwargs: Any) -> None:
        """Let the request in, if who asks may do this."""
        REQUEST_ID.set(self.request_id)
        self._begin_span()
        self.current_user = self._jupyter_current_user = None
        if not self.host.has_accounts:
            await super().prepare(**kwargs)
            return
        try:
            await super().prepare(**kwargs)
        except Unauthenticated:
            await self._count_request()
            raise
        await self._count_request()
        self._check_verb()

    async def _count_request(self) -> None:
        """Count the request for its owner, or for its address where nobody is logged in; raises `RateLimited`."""
        verb, accounts = self.verb, None
        if self.request.method != "OPTIONS" and (verb is None or verb.counts):
            accounts = self.host.accounts
        if accounts is None:
            return
        counters = (verb.counts if verb else ("default",)) if self.current_user else ("address",)
        allowed = await accounts.limits.take(self._counted_as, *counters)
        self.rates = rate_headers(allowed)
        self._tell_rates()
        if not allowed.yes:
            raise too_many(allowed)

    @property
    def _counted_as(self) -> str:
        """Whose requests and connections are counted together."""
        return f"owner:{self.owner}" if self.current_user else f"address:{network_of(self.origin.address)}"

    def _tell_rates(self) -> None:
        for name, value in self.rates.items():
            self.set_header(name, value)

    def _check_verb(self) -> None:
        """Refuse what the table does not have, and what the credential may not do.

        What credentials may do in a personal server is for its authorizer to say.
        """
        verb = self.verb
        if verb is None and self.request.method != "OPTIONS":
            raise web.HTTPError(405)
        if verb is not None and self.current_user and verb.needs not in (LOGIN, *self.identity.principal.scopes):
            raise Forbidden

    @property
    def log(self) -> logging.Logger:
        """The app's log."""
        return self.host.log

    @property
    def identity_provider(self) -> IdentityProvider:
        """The server's, extended by the kernels' token."""
        provider = super().identity_provider
        token = self.host.kernel_token
        return provider if token is None else TokenIdentity(provider, token, KERNEL_USER)  # type: ignore[return-value]

    @property
    def authorizer(self) -> Authorizer:
        """The server's; not asked about kernels, whose token is the permission itself.

        Authorizers judge users of the server's own login (JupyterHub's cannot even read another kind).
        """
        authorizer = super().authorizer
        return AllowAllAuthorizer(parent=authorizer) if self.current_user is KERNEL_USER else authorizer

    @property
    def principal(self) -> Principal:
        """Who is asking; raises `Unauthenticated` where that is nobody."""
        return self.host.principal or self.identity.principal

    @property
    def owner(self) -> OwnerId:
        """Whose chats the request is about."""
        return self.principal.owner_id

    @property
    def allowed(self) -> AllowedModels:
        """Which models who asks may ask."""
        return self.host.allowed(self.principal)

    @property
    def identity(self) -> Identity:
        """The account that asks, and its credential; raises `Unauthenticated`, in a personal server `NotFound`."""
        if not self.host.has_accounts:
            raise NotFound
        if not isinstance(self.current_user, AccountUser):
            raise Unauthenticated
        return self.current_user.identity

    @property
    def origin(self) -> Origin:
        """Where the request comes from."""
        return Origin(self.request.remote_ip or "", self.request.headers.get("User-Agent", ""))

    @property
    def accounts(self) -> Accounts:
        """What people do with their accounts; raises `NotFound` in a personal server, `NotReady` while it does not run."""
        if (found := self.host.accounts) is None:
            raise NotFound
        return found.accounts

    @property
    def administration(self) -> Administration:
        """What an operator does with accounts; raises as `accounts` does."""
        if (found := self.host.accounts) is None:
            raise NotFound
        return found.administration

    def watch_credential(self, ended: Callable[[Ending], None]) -> Callable[[], None]:
        """Call `ended` once when what an open connection came with lets nobody in any more, unless the result is called."""
        if not (self.host.has_accounts and self.current_user):
            return lambda: None
        watch = self.host.watch or self.accounts.standings.watch
        return watch(self.identity, ended)

    def count_connection(self) -> Callable[[], None]:
        """Count a connection that stays open, until the result is called; raises `RateLimited`."""
        accounts = self.host.accounts
        return (lambda: None) if accounts is None else accounts.limits.connect(self._counted_as)

    def permits(self) -> Permits:
        """Return what the frames of this connection may do."""
        authorizer, user = self.authorizer, self.current_user

        async def authorized(action: str) -> bool:
            return bool(await ensure_async(authorizer.is_authorized(self, user, action, AUTH_RESOURCE)))

        allows_all = type(authorizer) is AllowAllAuthorizer
        if (accounts := self.host.accounts) is None:
            return Permits(None, None if allows_all else authorized)
        who, limits = self._counted_as, accounts.limits

        async def count(counter: Counter) -> None:
            await limits.frame(who, counter)

        return Permits(self.principal.scopes, None if allows_all else authorized, count, self.allowed)

    def refuse_other_sites(self) -> None:
        """Raise `BadOrigin` where a page of another site asks: for verbs that go by a cookie, or make one."""
        if not self.host.origins.has(self.request):
            self.log.warning(
                "A page of %s was refused: ours are at %s://%s. If that is ours too, a proxy has to say so (see "
                "AIChatApp.trusted_proxies)", self.request.headers.get("Origin"), self.request.protocol, self.request.host,
            )  # fmt: skip
            raise BadOrigin

    def check_origin(self, origin_to_satisfy_tornado: str = "") -> bool:
        """Whether a page of this origin may ask; with accounts it is for `Origins` alone to say."""
        if not self.host.has_accounts:
            return super().check_origin(origin_to_satisfy_tornado)
        return self.skip_check_origin() or self.host.origins.has(self.request)

    def set_cors_headers(self) -> None:
        """Let pages of other origins read the answer; with accounts that is done for all answers alike (`service.headers`)."""
        if not self.host.has_accounts:
            super().set_cors_headers()

    def check_xsrf_cookie(self) -> None:
        """Look for the cookie's twin, but with accounts: there no cookie lets anybody in.

        Nor does one let kernels in; the check that JupyterHub puts in the place of Jupyter's does not know their token.
        """
        if not self.host.has_accounts and vars(self).get("_jupyter_current_user") is not KERNEL_USER:
            super().check_xsrf_cookie()

    @property
    def engine(self) -> Engine:
        """The engine; raises `NotReady` or `StoreUnavailable` where it does not run."""
        return self.host.lifecycle.engine

    def send_error(self, status_code: int = 500, **kwargs: Any) -> None:
        """Send an error; ours know their status."""
        error = _error_of(kwargs)
        super().send_error(status_of(error) if error else status_code, **kwargs)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Write an error's body; of faults nothing but that there was one."""
        body = self._error_body(status_code, **kwargs)
        self._tell_rates()
        if "retry_after" in body.details:
            self.set_header("Retry-After", str(body.details["retry_after"]))
        if status_code == 401:
            self.set_header("WWW-Authenticate", "Bearer")
        if not getattr(self.request.connection, "_read_finished", True):
            self.set_header("Connection", "close")  # tornado closes, and a client that is not told may use it once more
        self.set_header("Content-Type", "application/json")
        self.finish(encode(body))

    def _error_body(self, status_code: int, **kwargs: Any) -> ErrorBody:
        if error := _error_of(kwargs):
            return body_of(error)
        raised = kwargs.get("exc_info", (None, None, None))[1]
        if isinstance(raised, web.HTTPError):
            return body_of_status(status_code, raised.log_message or "", raised.reason)
        return body_of_status(status_code, "", None)

    def on_finish(self) -> None:
        """Count the request."""
        super().on_finish()
        if self._end_span is not None:
            self._end_span(self.get_status())
        if self.host.metrics is not None:
            status, seconds = self.get_status(), self.request.request_time()
            self.host.metrics.answered(*self._name(), status, seconds if self._is_short(status) else None)

    def _begin_span(self) -> None:
        """Trace the request, where that is wanted: neither a stream, which may go on for days, nor what balancers ask.

        Strangers do not say what is traced: the header is taken from a trusted proxy, and by somebody's own server.
        """
        tracing, verb = self.host.tracing, self.verb
        if tracing is None or verb is None or verb.reply == EVENT_STREAM or 101 in verb.statuses:
            return
        if self.route.path not in access_log.QUIET:
            is_told = self._is_proxied or not self.host.has_accounts
            header = self.request.headers.get("traceparent") if is_told else None
            self._end_span = tracing.begin_request(*self._name(), header)

    def _name(self) -> tuple[str, str]:
        """The route and the method, as the table has them: what it does not have is anybody's invention."""
        return self.route.path or "unknown", (self.request.method or "") if self.verb else "other"

    def _is_short(self, status: int) -> bool:
        """Whether what the request took says how fast we are: how long a stream goes on says nothing."""
        return self.verb is not None and not (status == 200 and self.verb.reply == EVENT_STREAM)

    def _log(self) -> None:
        """Log the request; tornado has this in the application, and calls it here first."""
        if self.host.json_log:
            access_log.log_request(self)
        else:
            super()._log()

    def log_exception(
        self, typ: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Log faults with their traceback; errors with a code are the client's to read.

        The path is not logged: it may be the link of a share.
        """
        if isinstance(value, AIChatError):
            self.log.debug("%s %s: %s", self.request.method, self.route.path or "unknown", value.code)
        else:
            super().log_exception(typ, value, tb)


def _error_of(kwargs: dict[str, Any]) -> AIChatError | None:
    raised = kwargs.get("exc_info", (None, None, None))[1]
    return raised if isinstance(raised, AIChatError) else None
