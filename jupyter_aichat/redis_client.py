"""A Redis client of redis-py for each kind of address; it connects when it is asked first, and tries once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any, TypeAlias

import msgspec
from redis.asyncio import (
    BlockingConnectionPool,
    Connection,
    Redis,
    RedisCluster,
    Sentinel,
    SSLConnection,
    UnixDomainSocketConnection,
)
from redis.asyncio.client import PubSub
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import SentinelConnectionPool
from redis.backoff import NoBackoff

from jupyter_aichat.redis_url import RedisAddress

MAX_CONNECTIONS = 64

RedisClient: TypeAlias = Redis | RedisCluster


class Patience(msgspec.Struct, frozen=True):
    """How long to wait for a connection and for an answer, in seconds."""

    connect_s: float
    answer_s: float


def connect(address: RedisAddress, ca_file: str, patience: Patience) -> RedisClient:
    """Return a client. It does not ask twice: whoever asks knows whether that is right."""
    client = _connect(address, ca_file, patience)
    for command in ("XRANGE", "XREAD"):  # as Redis says it: a dictionary for each entry costs more than the entry
        client.set_response_callback(command, _as_it_is)
    return client


def _as_it_is(response: Any, **_: Any) -> Any:
    return response


def _connect(address: RedisAddress, ca_file: str, patience: Patience) -> RedisClient:
    options: dict[str, Any] = {
        "username": address.username,
        "password": address.password,
        **_waiting(patience),
    }
    tls: dict[str, Any] = {"ssl_ca_certs": ca_file or None} if address.tls else {}
    if address.kind == "cluster":
        nodes = [ClusterNode(host, port) for host, port in address.hosts]
        return RedisCluster(startup_nodes=nodes, max_connections=MAX_CONNECTIONS, ssl=address.tls, **tls, **options)
    options["db"] = address.database
    if address.kind == "sentinel":
        return _master(address, tls, options, patience)
    options |= tls
    kind: type[Any] = SSLConnection if address.tls else Connection
    if address.path:
        kind, options["path"] = UnixDomainSocketConnection, address.path
    else:
        options["host"], options["port"] = address.hosts[0]
    pool = BlockingConnectionPool(
        connection_class=kind, max_connections=MAX_CONNECTIONS, timeout=patience.answer_s, **options
    )
    return Redis.from_pool(pool)


async def disconnect(client: RedisClient) -> None:
    """Close all connections."""
    await client.aclose()
    if isinstance(client, Redis):
        if isinstance(client.connection_pool, SentinelConnectionPool):  # its own go, and not those to the Sentinels
            for sentinel in client.connection_pool.sentinel_manager.sentinels:
                await sentinel.aclose()
    else:  # a cluster's are kept while it means to look for its nodes anew
        for node in (*client.nodes_manager.nodes_cache.values(), *client.nodes_manager.startup_nodes.values()):
            await node.disconnect()


@asynccontextmanager
async def listening(client: RedisClient) -> AsyncIterator[PubSub]:
    """Open a connection that hears signals: on a cluster, to any of its nodes, since all of them hear all."""
    if isinstance(client, Redis):
        async with client.pubsub() as channel:
            yield channel
        return
    await client.initialize()
    node = client.get_random_node()
    pool = BlockingConnectionPool(connection_class=node.connection_class, max_connections=1, **node.connection_kwargs)
    async with aclosing(Redis.from_pool(pool)) as listener, listener.pubsub() as channel:
        yield channel


def _waiting(patience: Patience) -> dict[str, Any]:
    """How long a connection waits. For an answer whoever asks waits, for all of it at once.

    Redis-py's own ``socket_timeout`` is not used: it writes each command in `asyncio.wait_for`, which costs a task, and in
    Python 3.11 swallows a cancellation now and then, so that what was to end went on.
    """
    return {
        "socket_timeout": None,
        "socket_connect_timeout": patience.connect_s,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
        "driver_info": None,  # else each new connection looks for redis-py's version in files
    }


def _master(address: RedisAddress, tls: dict[str, Any], options: dict[str, Any], patience: Patience) -> Redis:
    login = {"username": address.sentinel_username, "password": address.sentinel_password}
    secure = {"ssl": True, **tls} if address.tls else {}
    sentinels = Sentinel(
        address.hosts, sentinel_kwargs={**_waiting(patience), **login, **secure, "socket_timeout": patience.answer_s}
    )  # type: ignore[no-untyped-call]
    master: Redis = sentinels.master_for(address.service, max_connections=MAX_CONNECTIONS, **secure, **options)
    return master
