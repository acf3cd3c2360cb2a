"""The accounts of a service, put together from its ports, its keys and what an operator may set."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

import msgspec
from traitlets import Bool, Float, Int, Unicode
from traitlets.config import LoggingConfigurable

from jupyter_aichat.auth.accounts import Accounts
from jupyter_aichat.auth.administration import Administration
from jupyter_aichat.auth.aftermath import Aftermath
from jupyter_aichat.auth.audit import Audit
from jupyter_aichat.auth.doors import Doors, Rates
from jupyter_aichat.auth.keys import Key
from jupyter_aichat.auth.limits import Limiter
from jupyter_aichat.auth.passwords import Passwords
from jupyter_aichat.auth.personal import PersonalTokens
from jupyter_aichat.auth.refresh import RefreshTokens
from jupyter_aichat.auth.registration import RegistrationMode
from jupyter_aichat.auth.sessions import Lives, Sessions
from jupyter_aichat.auth.share_cursors import ShareCursors
from jupyter_aichat.auth.shares import Shares
from jupyter_aichat.auth.standings import Standings
from jupyter_aichat.auth.tokens import LONGEST_S, AccessTokens
from jupyter_aichat.bus.base import Bus
from jupyter_aichat.cache.base import Cache
from jupyter_aichat.domain.audit import Action
from jupyter_aichat.domain.ids import OwnerId, RunId
from jupyter_aichat.domain.limit import Rate
from jupyter_aichat.limits.requests import RequestLimits
from jupyter_aichat.stores.accounts import AccountStore
from jupyter_aichat.stores.base import Store
from jupyter_aichat.stores.shares import ShareStore
from jupyter_aichat.stores.usage import UsageStore


class AccountRules(LoggingConfigurable):
    """What an operator may set of accounts."""

    issuer = Unicode("jupyter_aichat", help="Names this service in its tokens (iss).").tag(config=True)
    access_s = Int(LONGEST_S, min=30, max=LONGEST_S, help="Seconds that an access token is valid.").tag(config=True)
    idle_days = Float(14, min=0.01, help="Days after which a session that nobody uses ends.").tag(config=True)
    session_days = Float(90, min=0.01, help="Days after which every session ends.").tag(config=True)
    name_tries = Int(10, min=1, help="Wrong passwords for one user name within `tries_s`.").tag(config=True)
    address_tries = Int(
        300,
        min=1,
        help="Wrong passwords from one address (of IPv6: one /64 network) within `tries_s`, and logins at once.",
    ).tag(config=True)
    tries_s = Float(900, min=1, help="Seconds over which wrong passwords are counted.").tag(config=True)
    registrations = Int(60, min=1, help="Registrations from one address in an hour.").tag(config=True)
    counts_alone = Bool(
        True,
        help="While Redis is away each process counts alone, so that N replicas allow N times the tries. False: nobody can "
        "log in then; sessions go on.",
    ).tag(config=True)

    def lives(self) -> Lives:
        """How long sessions live."""
        return Lives(timedelta(days=self.idle_days), timedelta(days=self.session_days))

    def rates(self) -> Rates:
        """What may be tried how often."""
        tries_s = self.tries_s
        return Rates(Rate(self.name_tries, tries_s), Rate(self.address_tries, tries_s), Rate(self.registrations, 3600))


class Ports(msgspec.Struct, frozen=True):
    """What accounts are made of; ``alone`` counts while the shared cache is away."""

    accounts: AccountStore
    chats: Store
    bus: Bus
    cache: Cache
    alone: Cache
    shares: ShareStore
    usage: UsageStore


class AccountService(msgspec.Struct, frozen=True):
    """What people do, and what an operator does."""

    accounts: Accounts
    administration: Administration
    shares: Shares
    limits: RequestLimits


def assemble(
    ports: Ports,
    keys: Sequence[Key],
    registration: RegistrationMode,
    *,
    rules: AccountRules,
    passwords: Passwords,
    log: logging.Logger,
    leaving: Callable[[OwnerId], Awaitable[None]] | None = None,
    deleted: Callable[[OwnerId, tuple[RunId, ...]], None] = lambda _owner, _runs: None,
    noted: Callable[[Action], None] = lambda _: None,
) -> AccountService:
    """Put the accounts together; nothing is opened. Raises `NotReady` for keys that cannot be used.

    ``noted`` is called with each action that is written into the audit.
    """
    access = AccessTokens(keys, rules.issuer, rules.access_s)
    audit, standings = Audit(ports.accounts, noted), Standings(ports.accounts, ports.bus, log)
    limiter = Limiter(ports.cache, ports.alone if rules.counts_alone else None)
    accounts = Accounts(
        ports.accounts,
        ports.chats,
        ports.shares,
        ports.usage,
        registration=registration,
        passwords=passwords,
        access=access,
        sessions=Sessions(
            ports.accounts, access, RefreshTokens(keys), standings=standings, audit=audit, lives=rules.lives()
        ),
        tokens=PersonalTokens(ports.accounts, standings, audit),
        standings=standings,
        doors=Doors(limiter, audit, rules.rates()),
        audit=audit,
        aftermath=Aftermath(log),
        leaving=leaving,
        deleted=deleted,
    )
    shares = Shares(
        ports.shares, ports.accounts, ports.chats,
        limiter=limiter, audit=audit, cursors=ShareCursors(keys), log=log, parent=rules.parent,
    )  # fmt: skip
    limits = RequestLimits(ports.cache, ports.alone, parent=rules.parent)
    return AccountService(accounts, Administration(ports.accounts, accounts, passwords, audit), shares, limits)
