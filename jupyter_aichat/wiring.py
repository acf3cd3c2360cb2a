"""Configuration becomes an engine: the one place that names concrete stores, buses, caches and providers."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote, urlsplit

import msgspec
from jupyter_core.paths import jupyter_data_dir
from traitlets import TraitError
from traitlets.config import Configurable

from jupyter_aichat import secret_file
from jupyter_aichat.bus.base import Bus
from jupyter_aichat.bus.local import LocalBus
from jupyter_aichat.cache.base import Cache, Queue
from jupyter_aichat.cache.local import LocalCache
from jupyter_aichat.cache.local_queue import LocalQueue
from jupyter_aichat.domain.ids import ChatId, OwnerId, RunId
from jupyter_aichat.domain.process import BOTH, Roles
from jupyter_aichat.engine.admission import Admission
from jupyter_aichat.engine.answers import AnswerCache
from jupyter_aichat.engine.deleting import Deleting
from jupyter_aichat.engine.engine import Engine
from jupyter_aichat.engine.expiring import Expiring
from jupyter_aichat.engine.observed import observed
from jupyter_aichat.engine.observer import Observer
from jupyter_aichat.engine.owners import Owners
from jupyter_aichat.engine.processes import worker_is_heard
from jupyter_aichat.engine.retention import Retention
from jupyter_aichat.engine.room import Room
from jupyter_aichat.engine.transfers import Transfers
from jupyter_aichat.errors import NotReady
from jupyter_aichat.limits.quotas import Ledger, Quotas
from jupyter_aichat.providers.ollama import OllamaProvider
from jupyter_aichat.providers.ollama_pool import OllamaPool
from jupyter_aichat.providers.scripted import ScriptedProvider
from jupyter_aichat.stores.accounts import AccountStore
from jupyter_aichat.stores.base import Store
from jupyter_aichat.stores.mongo import MongoStore
from jupyter_aichat.stores.shares import ShareStore
from jupyter_aichat.stores.sqlite import SqliteStore
from jupyter_aichat.stores.usage import UsageStore

if TYPE_CHECKING:
    from jupyter_aichat.auth.assembly import AccountService
    from jupyter_aichat.auth.keys import Key
    from jupyter_aichat.auth.registration import RegistrationMode
    from jupyter_aichat.redis_connection import RedisConnection

Part = TypeVar("Part")
AnyStore = MongoStore | SqliteStore

CONFIGURABLES: tuple[type[Configurable], ...] = (
    Admission,
    AnswerCache,
    Engine,
    MongoStore,
    OllamaPool,
    OllamaProvider,
    Retention,
    ScriptedProvider,
)
"""The classes that configuration files and command lines may set, beside the app's own and `RedisConnection`."""


class Settings(msgspec.Struct, frozen=True):
    """What an operator chooses. ``parent`` hands its configuration down to the store and the providers.

    ``observer`` is told what happens, and how long each part takes to answer.
    """

    store_url: str = ""
    redis_url: str = ""
    default_model: str = ""
    secret_file: str = ""
    parent: Configurable | None = None
    log: logging.Logger = logging.getLogger("jupyter_aichat")
    observer: Observer | None = None
    roles: Roles = BOTH


def build(settings: Settings) -> Engine:
    """Make an engine and open nothing; raises `NotReady` for what cannot be built."""
    return _engine(settings, make_store(settings), _between_processes(settings), _secret(settings))


def build_service(
    settings: Settings, keys: Sequence[Key], registration: RegistrationMode
) -> tuple[Engine, AccountService]:
    """Make an engine, and the accounts of those who use it, which work from its start to its stop; opens nothing.

    Raises `NotReady` for what cannot be built.
    """
    store, between = make_store(settings), _between_processes(settings)
    quotas, retention = _quotas(settings, store, between), make_retention(settings, store)
    engine = _engine(settings, store, between, lambda: keys[0].derive("answers"), quotas, retention=retention)
    return engine, _accounts(
        settings, store, between, keys, registration, leaving=engine.chats.forget_answers, deleted=engine.end_deleted
    )


def _accounts(
    settings: Settings,
    store: SqliteStore | MongoStore,
    between: tuple[Bus, Cache, Queue],
    keys: Sequence[Key],
    registration: RegistrationMode,
    *,
    leaving: Callable[[OwnerId], Awaitable[None]] | None = None,
    deleted: Callable[[OwnerId, tuple[RunId, ...]], None] = lambda _owner, _runs: None,
) -> AccountService:
    from jupyter_aichat.auth.assembly import AccountRules, Ports, assemble  # noqa: PLC0415 (bcrypt, for services alone)
    from jupyter_aichat.auth.passwords import Passwords  # noqa: PLC0415

    bus, cache, _ = _watched(settings, between)
    watched = partial(_watch, settings, "store")
    return assemble(
        Ports(
            watched(store.accounts, AccountStore),
            watched(store, Store),
            bus,
            cache,
            LocalCache(),
            watched(store.shares, ShareStore),
            watched(store.usage, UsageStore),
        ),
        keys,
        registration,
        rules=AccountRules(parent=settings.parent),
        passwords=Passwords(parent=settings.parent),
        log=settings.log,
        leaving=leaving,
        deleted=deleted,
        noted=(settings.observer or Observer()).noted,
    )


def _quotas(settings: Settings, store: SqliteStore | MongoStore, between: tuple[Bus, Cache, Queue]) -> Quotas:
    watched, cache = partial(_watch, settings, "store"), _watched(settings, between)[1]
    ledger = Ledger(cache, watched(store.usage, UsageStore), watched(store.accounts, AccountStore))
    try:
        return Quotas(ledger, parent=settings.parent)
    except TraitError as error:
        raise NotReady(str(error)) from None


def make_retention(settings: Settings, store: AnyStore) -> Retention:
    """Return how long the chats of a store's accounts are kept. Raises `NotReady`."""
    accounts = _watch(settings, "store", store.accounts, AccountStore)
    try:
        return Retention(accounts, (settings.observer or Observer()).noted, parent=settings.parent)
    except TraitError as error:
        raise NotReady(str(error)) from None


def _engine(
    settings: Settings,
    store: MongoStore | SqliteStore,
    between: tuple[Bus, Cache, Queue],
    secret: Callable[[], bytes] | None,
    quotas: Quotas | None = None,
    *,
    retention: Retention | None = None,
) -> Engine:
    """Make an engine; with the quotas of many people it is theirs."""
    shared = quotas is not None
    alone = None if isinstance(between[2], LocalQueue) else LocalQueue(mending_s=0)
    bus, cache, queue = _watched(settings, between)
    return Engine(
        _watch(settings, "store", store, Store),
        bus,
        cache,
        [_ollama(settings.parent, shared), ScriptedProvider(parent=settings.parent)],
        default_model=settings.default_model,
        admission=Admission(queue, alone, parent=settings.parent),
        answers=AnswerCache(secret, parent=settings.parent),
        observer=settings.observer,
        quotas=quotas,
        retention=retention,
        shared=shared,
        roles=_roles(settings),
        parent=settings.parent,
        log=settings.log,
    )


def _ollama(parent: Configurable | None, shared: bool) -> OllamaProvider | OllamaPool:
    """Return the one Ollama, or all where there are several."""
    pool = OllamaPool(parent=parent, discreet=shared)
    if len(pool.urls) > 1:
        return pool
    named = {"url": pool.urls[0]} if pool.urls else {}
    return OllamaProvider(parent=parent, discreet=shared, **named)


def _roles(settings: Settings) -> Roles | None:
    """What the process does of the work that processes share; None where it shares none. Raises `NotReady`."""
    if settings.redis_url and _is_mongo(settings.store_url):
        return settings.roles
    if settings.roles == BOTH:
        return None
    raise NotReady(
        f"AIChatApp.roles={','.join(settings.roles)} leaves a part of the work to other processes, which share it over MongoDB and "
        "Redis: set AIChatApp.store_url (AICHAT_STORE_URL) and AIChatApp.redis_url (AICHAT_REDIS_URL)."
    )


def _watched(settings: Settings, between: tuple[Bus, Cache, Queue]) -> tuple[Bus, Cache, Queue]:
    bus, cache, queue = between
    watched = partial(_watch, settings)
    return watched("bus", bus, Bus), watched("cache", cache, Cache), watched("queue", queue, Queue)


def _watch(settings: Settings, name: str, part: Part, port: type[Any]) -> Part:
    """Return the part, timed where somebody wants to know."""
    return part if settings.observer is None else observed(part, port, name, settings.observer)


class Desk(msgspec.Struct, frozen=True):
    """What an operator works with beside the service or without one: no engine runs, and nothing is opened yet."""

    store: MongoStore | SqliteStore
    bus: Bus
    cache: Cache
    ollamas: tuple[OllamaProvider, ...]
    service: AccountService
    transfers: Transfers
    retention: Retention
    expiring: Expiring
    redis: RedisConnection | None = None

    async def has_worker(self) -> bool:
        """Whether a process is there that asks the models, and says so over the bus; takes less than three seconds."""
        return await worker_is_heard(self.bus)


def desk(settings: Settings) -> Desk:
    """Make what the command line works with; it mints no tokens, so that it needs no secret. Raises `NotReady`."""
    from jupyter_aichat.auth.keys import new_secret, parse_keys  # noqa: PLC0415

    store, between = make_store(settings), _between_processes(settings)
    service = _accounts(settings, store, between, parse_keys(new_secret()), "closed")
    bus, cache, _ = between
    owners = Owners(bus, settings.log)
    transfers = Transfers(store, owners, Room(store, 0), shared=False)
    deleting = Deleting(store, bus, owners, end=lambda _: False, forget=_forget_nothing)
    retention, expiring = make_retention(settings, store), Expiring(store, store.accounts, deleting)
    ollama, redis = _ollama(settings.parent, False), getattr(cache, "connection", None)
    ollamas = tuple(each.provider for each in ollama.members) if isinstance(ollama, OllamaPool) else (ollama,)
    return Desk(store, bus, cache, ollamas, service, transfers, retention, expiring, redis)


async def _forget_nothing(_owner: OwnerId, _chat: ChatId) -> None:
    """Leave kept answers to their time (`AnswerCache.ttl_s`): only the service's secret could say which are a chat's."""


def _between_processes(settings: Settings) -> tuple[Bus, Cache, Queue]:
    """What processes tell each other goes over Redis where there is one; nobody else pays for importing it."""
    if not settings.redis_url:
        return LocalBus(), LocalCache(), LocalQueue()
    from jupyter_aichat.bus.redis import RedisBus  # noqa: PLC0415
    from jupyter_aichat.cache.redis import RedisCache  # noqa: PLC0415
    from jupyter_aichat.cache.redis_queue import RedisQueue  # noqa: PLC0415
    from jupyter_aichat.redis_connection import RedisConnection  # noqa: PLC0415

    connection = RedisConnection(parent=settings.parent, url=settings.redis_url, log=settings.log)
    return RedisBus(connection), RedisCache(connection), RedisQueue(connection)


def _secret(settings: Settings) -> Callable[[], bytes] | None:
    """What reads the service's secret; one beside the SQLite file is made. Without a file each process has its own."""
    if settings.secret_file:
        path = Path(settings.secret_file).expanduser()
        return lambda: secret_file.read(path)
    if _is_mongo(settings.store_url):
        return None
    beside = store_path(settings.store_url).with_name("secret")
    return lambda: secret_file.read_or_make(beside)


def _is_mongo(url: str) -> bool:
    return urlsplit(url).scheme in ("mongodb", "mongodb+srv")


def make_store(settings: Settings) -> AnyStore:
    """Return the store that the URL names; raises `NotReady` for one that this version does not have."""
    if _is_mongo(settings.store_url):
        return MongoStore(settings.store_url, parent=settings.parent)
    return SqliteStore(store_path(settings.store_url))


def store_path(url: str) -> Path:
    """Return the SQLite file that a store URL means: a path, ``sqlite:///`` with a path, or empty for the default."""
    if not url:
        return Path(jupyter_data_dir()) / "jupyter_aichat" / "chats.sqlite3"
    parts = urlsplit(url)
    if parts.scheme == "sqlite" and not parts.netloc and parts.path:
        return Path("/" + unquote(parts.path).lstrip("/"))
    if "://" in url:
        raise NotReady(
            f"This version cannot store chats in {parts.scheme}; AIChatApp.store_url is mongodb://…, sqlite:///… or a path."
        )
    return Path(url).expanduser().absolute()
