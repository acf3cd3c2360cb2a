"""The URL table's part of accounts; none of these routes is there in a personal server."""

from __future__ import annotations

import dataclasses

from jupyter_aichat.auth.scopes import ACCOUNT, ADMIN
from jupyter_aichat.protocol.accounts import (
    AuthReply,
    GrantReply,
    LoginBody,
    LogoutBody,
    NewTokenBody,
    NewTokenReply,
    PasswordBody,
    RefreshBody,
    RegisterBody,
    SessionsReply,
    TokensReply,
    UsedPage,
)
from jupyter_aichat.protocol.administration import (
    AuditPage,
    InvitationsReply,
    NewInvitationBody,
    NewInvitationReply,
    NewUserBody,
    OwnUsedQuery,
    RecordsQuery,
    UsagePage,
    UsedQuery,
    UserChangesBody,
    UserPage,
    UserReply,
    UsersQuery,
)
from jupyter_aichat.server.accounts.administration import AuditHandler, UserHandler, UsersHandler
from jupyter_aichat.server.accounts.entrance import AuthHandler, LoginHandler, RefreshHandler, RegisterHandler
from jupyter_aichat.server.accounts.invitations import InvitationHandler, InvitationsHandler
from jupyter_aichat.server.accounts.leaving import LogoutAllHandler, LogoutHandler
from jupyter_aichat.server.accounts.own import (
    JSON_LINES,
    ExportHandler,
    PasswordHandler,
    SessionHandler,
    SessionsHandler,
    TokenHandler,
    TokensHandler,
)
from jupyter_aichat.server.accounts.usage import OwnUsageHandler, UsageHandler
from jupyter_aichat.server.table import LOGIN, Route, Verb

_BODY = (400, 413, 415)
_OPEN = (*_BODY, 403, 429, 503)

_COMING_AND_GOING = (
    Route("/auth", AuthHandler, {"get": Verb("Who may register", reply=AuthReply, errors=(503,), open=True)}),
    Route(
        "/auth/register",
        RegisterHandler,
        {"post": Verb("Register", (201,), UserReply, RegisterBody, errors=(*_OPEN, 409), open=True)},
    ),
    Route(
        "/auth/login",
        LoginHandler,
        {"post": Verb("Log in", reply=GrantReply, body=LoginBody, errors=(*_OPEN, 401), open=True)},
    ),
    Route(
        "/auth/refresh",
        RefreshHandler,
        {"post": Verb("Go on with a session", reply=GrantReply, body=RefreshBody, errors=(*_OPEN, 401), open=True)},
    ),
    Route(
        "/auth/logout",
        LogoutHandler,
        {"post": Verb("Log out", (204,), body=LogoutBody, errors=(*_OPEN, 401), open=True, needs=ACCOUNT)},
    ),
    Route("/auth/logout_all", LogoutAllHandler, {"post": Verb("Log out everywhere", (204,), needs=ACCOUNT)}),
    Route(
        "/auth/password",
        PasswordHandler,
        {"post": Verb("Change the password", (204,), body=PasswordBody, errors=(*_BODY, 429), needs=ACCOUNT)},
    ),
)

_OWN = (
    Route(
        "/me/export",
        ExportHandler,
        {"get": Verb("All that is kept of the account, as a file", reply=JSON_LINES, needs=ACCOUNT)},
    ),
    Route(
        "/me/usage",
        OwnUsageHandler,
        {
            "get": Verb(
                "What one used, by day and model", reply=UsedPage, query=OwnUsedQuery, errors=(400,), needs=LOGIN
            )
        },
    ),
    Route("/sessions", SessionsHandler, {"get": Verb("List one's sessions", reply=SessionsReply, needs=ACCOUNT)}),
    Route(
        "/sessions/{session_id}",
        SessionHandler,
        {"delete": Verb("End a session", (204,), errors=(404,), needs=ACCOUNT)},
    ),
    Route(
        "/tokens",
        TokensHandler,
        {
            "get": Verb("List one's personal tokens", reply=TokensReply, needs=ACCOUNT),
            "post": Verb("Make a personal token", (201,), NewTokenReply, NewTokenBody, errors=_BODY, needs=ACCOUNT),
        },
    ),
    Route(
        "/tokens/{token_id}",
        TokenHandler,
        {"delete": Verb("Delete a personal token", (204,), errors=(404,), needs=ACCOUNT)},
    ),
)

_ADMINISTRATION = (
    Route(
        "/auth/invitations",
        InvitationsHandler,
        {
            "get": Verb("List invitations", reply=InvitationsReply, needs=ADMIN),
            "post": Verb("Invite somebody", (201,), NewInvitationReply, NewInvitationBody, errors=_BODY, needs=ADMIN),
        },
    ),
    Route(
        "/auth/invitations/{invitation_id}",
        InvitationHandler,
        {"delete": Verb("Take an invitation back", (204,), errors=(404,), needs=ADMIN)},
    ),
    Route(
        "/admin/users",
        UsersHandler,
        {
            "get": Verb("List accounts by name", reply=UserPage, query=UsersQuery, errors=(400,), needs=ADMIN),
            "post": Verb(
                "Make an account",
                (201,),
                UserReply,
                NewUserBody,
                errors=(*_BODY, 409),
                needs=ADMIN,
                of_logins=True,
            ),
        },
    ),
    Route(
        "/admin/users/{user_id}",
        UserHandler,
        {
            "patch": Verb(
                "Change an account", reply=UserReply, body=UserChangesBody, errors=(404, 409, *_BODY), needs=ADMIN
            ),
            "delete": Verb("Delete an account with all its data", (204,), errors=(404, 409), needs=ADMIN),
        },
    ),
    Route(
        "/admin/usage",
        UsageHandler,
        {
            "get": Verb(
                "What people used, by day and model", reply=UsagePage, query=UsedQuery, errors=(400,), needs=ADMIN
            )
        },
    ),
    Route(
        "/admin/audit",
        AuditHandler,
        {"get": Verb("Who did what, newest first", reply=AuditPage, query=RecordsQuery, errors=(400,), needs=ADMIN)},
    ),
)

_OF_LOGINS = ("auth", "sessions", "tokens")


def _of_accounts(route: Route) -> Route:
    """A route as none of a personal server; where people log in elsewhere, nor those of logins."""
    of_logins = route.path.split("/")[1] in _OF_LOGINS
    verbs = {
        name: dataclasses.replace(verb, of_logins=verb.of_logins or of_logins) for name, verb in route.verbs.items()
    }
    return dataclasses.replace(route, verbs=verbs, accounts_only=True)


ACCOUNT_ROUTES: tuple[Route, ...] = tuple(map(_of_accounts, (*_COMING_AND_GOING, *_OWN, *_ADMINISTRATION)))
