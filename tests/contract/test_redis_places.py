"""Where Redis may be: TCP, a Unix socket, TLS, an ACL user, behind Sentinels, a Cluster. Each is a real one."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from jupyter_aichat.bus.base import Entry
from jupyter_aichat.bus.redis import RedisBus
from jupyter_aichat.cache.redis import RedisCache
from jupyter_aichat.domain.ids import RunId
from jupyter_aichat.domain.run import seq_of
from jupyter_aichat.errors import BusUnavailable, CacheUnavailable
from jupyter_aichat.redis_connection import BUCKETS, RedisConnection, bucket_of
from tests import redis_server
from tests.redis_server import RedisServer

RUNS = [RunId(f"r{n}") for n in range(40)]
RIGHTS = (
    "on", ">pa:ss@", "~lab:*", "&lab:*", "-@all", "+@read", "+@write", "+@connection", "+@pubsub", "+eval", "-@dangerous",
)  # fmt: skip
"""What docs/operators/redis.md says that a user needs."""


@contextlib.asynccontextmanager
async def opened(connection: RedisConnection) -> AsyncIterator[tuple[RedisBus, RedisCache]]:
    """Open bus and cache, as an engine does."""
    bus, cache = RedisBus(connection), RedisCache(connection)
    await bus.open()
    await cache.open()
    try:
        yield bus, cache
    finally:
        await cache.close()
        await bus.close()


async def works(connection: Callable[[], RedisConnection]) -> None:
    """Do everything that we do with Redis, with runs of all buckets, over two processes."""
    async with opened(connection()) as (bus, cache), opened(connection()) as (other, _):
        await bus.ping()
        await cache.ping()
        heard: dict[RunId, list[Entry]] = {run: [] for run in RUNS}
        signals: list[bytes] = []
        other.subscribe("t", signals.append)
        for run in RUNS:
            other.follow(run, 0, heard[run].extend)
        written = {run: [Entry(run, seq_of(1, n), b"%d" % n, n == 1) for n in (1, 2, 3)] for run in RUNS}
        appended = await bus.append([entry for run in RUNS for entry in written[run]])
        assert (appended.refused, appended.missing) == (frozenset(), frozenset())
        assert (await bus.append([written[RUNS[0]][0], Entry(RunId("none"), 5, b"")])).missing == {RunId("none")}
        await until(lambda: heard == written)
        for run in RUNS:
            assert await other.read(run, seq_of(1, 1), 10) == tuple(written[run][1:])
            await bus.expire(run)
        await bus.trim({run: seq_of(1, 3) for run in RUNS})
        await until_signalled(bus, signals)
        assert await cache.add("k", b"v", 60)
        assert await cache.get("k") == b"v"
        assert [await cache.increment("n", 60), await cache.increment("n", 60)] == [1, 2]
        assert await cache.delete("k")


async def until(condition: Callable[[], bool], seconds: float = 8) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


async def until_signalled(bus: RedisBus, signals: list[bytes]) -> None:
    """Signals are lost while nobody listens yet."""
    async with asyncio.timeout(8):
        while not signals:
            await bus.publish("t", b"now\n\0")
            await asyncio.sleep(0.02)
    assert set(signals) == {b"now\n\0"}


def test_the_runs_of_these_tests_are_of_all_buckets() -> None:
    assert {bucket_of(run) for run in RUNS} == set(range(BUCKETS))


async def test_over_tcp_with_a_prefix(own_redis: RedisServer) -> None:
    await works(lambda: RedisConnection(url=own_redis.url + "/3", prefix="lab:"))
    keys = own_redis.command("INFO", "keyspace")
    assert b"db3:" in keys
    assert b"db0:" not in keys


async def test_over_a_unix_socket(own_redis: RedisServer) -> None:
    await works(lambda: RedisConnection(url=f"unix://{own_redis.socket}"))


async def test_as_a_user_who_may_do_no_more_than_we_need(own_redis: RedisServer) -> None:
    assert own_redis.command("ACL", "SETUSER", "chat", *RIGHTS) == b"+OK\r\n"
    url = f"redis://chat:pa%3Ass%40@127.0.0.1:{own_redis.port}"
    await works(lambda: RedisConnection(url=url, prefix="lab:"))
    async with opened(RedisConnection(url=url, prefix="other:")) as (bus, cache):
        with pytest.raises(BusUnavailable):
            await bus.append([Entry(RUNS[0], seq_of(1, 1), b"", True)])
        with pytest.raises(CacheUnavailable):
            await cache.get("k")


async def test_a_wrong_password_is_unavailable(own_redis: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    own_redis.command("CONFIG", "SET", "requirepass", "right")
    async with opened(RedisConnection(url=f"redis://:wr0ng@127.0.0.1:{own_redis.port}")) as (bus, cache):
        for _ in range(3):
            with pytest.raises(BusUnavailable):
                await bus.ping()
        with pytest.raises(CacheUnavailable):
            await cache.ping()
    assert "wr0ng" not in caplog.text


# TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1 that is its own authority, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / "key.pem",
         "-out", folder / "certificate.pem"], check=True, capture_output=True,
    )  # fmt: skip
    return folder / "certificate.pem", folder / "key.pem"


@pytest.fixture
def tls_redis(tmp_path: Path, certificate: tuple[Path, Path], redis: RedisServer) -> Iterator[RedisServer]:
    cert, key = certificate
    arguments = ("--tls-cert-file", str(cert), "--tls-key-file", str(key), "--tls-auth-clients", "no")
    with redis_server.running(tmp_path, *arguments, tls=True) as server:
        yield server


async def test_over_tls_with_an_authority_of_ones_own(tls_redis: RedisServer, certificate: tuple[Path, Path]) -> None:
    await works(lambda: RedisConnection(url=tls_redis.url, ca_file=str(certificate[0])))


async def test_a_certificate_that_nobody_vouches_for_is_refused(tls_redis: RedisServer) -> None:
    async with opened(RedisConnection(url=tls_redis.url)) as (bus, _):
        with pytest.raises(BusUnavailable):
            await bus.ping()


# Sentinel


@pytest.fixture
def sentinel(tmp_path: Path, redis: RedisServer) -> Iterator[tuple[str, list[RedisServer]]]:
    """A master, its replica, and a Sentinel that watches them alone; the URL, and both servers."""
    folders = [tmp_path / name for name in ("master", "replica", "sentinel")]
    for folder in folders:
        folder.mkdir()
    with contextlib.ExitStack() as stack:
        master = stack.enter_context(redis_server.running(folders[0]))
        replica = stack.enter_context(redis_server.running(folders[1], "--replicaof", "127.0.0.1", str(master.port)))
        watched = folders[2] / "sentinel.conf"
        watched.write_text(
            f"sentinel monitor chats 127.0.0.1 {master.port} 1\nsentinel down-after-milliseconds chats 500\n"
            "sentinel failover-timeout chats 2000\n"
        )
        watch = stack.enter_context(redis_server.running(folders[2], config=watched, sentinel=True))
        yield f"redis+sentinel://127.0.0.1:{watch.port}/chats", [master, replica]


async def test_behind_sentinels(sentinel: tuple[str, list[RedisServer]]) -> None:
    await works(lambda: RedisConnection(url=sentinel[0]))


async def test_a_failover_heals_by_itself(sentinel: tuple[str, list[RedisServer]]) -> None:
    url, (master, replica) = sentinel
    await until(lambda: b"slave0:ip=127.0.0.1" in master.command("INFO", "replication"))
    await until(lambda: b"master_link_status:up" in replica.command("INFO", "replication"))
    async with opened(RedisConnection(url=url)) as (bus, cache):
        await bus.append([Entry(RUNS[0], seq_of(1, 1), b"1", True)])
        heard: list[Entry] = []
        signals: list[bytes] = []
        bus.follow(RUNS[0], 0, heard.extend)
        bus.subscribe("t", signals.append)
        await until(lambda: len(heard) == 1)
        master.kill()
        n = 2
        async with asyncio.timeout(30):
            while True:
                with contextlib.suppress(BusUnavailable):
                    await bus.append([Entry(RUNS[0], seq_of(1, n), b"x", True)])
                    break
                n += 1
                await asyncio.sleep(0.1)
        await until(lambda: len(heard) >= 2)
        assert heard[-1].seq == seq_of(1, n)
        await bus.ping()
        await cache.ping()


# Cluster


@pytest.fixture
def cluster(tmp_path: Path, redis: RedisServer) -> Iterator[list[RedisServer]]:
    """Three nodes that share the slots."""
    with contextlib.ExitStack() as stack:
        nodes = []
        for n in range(3):
            (tmp_path / f"node{n}").mkdir()
            options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--cluster-port")
            nodes.append(
                stack.enter_context(
                    redis_server.running(tmp_path / f"node{n}", *options, str(redis_server.free_port()))
                )
            )
        bounds = [0, 5461, 10923, 16384]
        for n, node in enumerate(nodes):
            node.command("CLUSTER", "ADDSLOTSRANGE", str(bounds[n]), str(bounds[n + 1] - 1))
            bus_port = node.command("CONFIG", "GET", "cluster-port").split(b"\r\n")[-2].decode()
            nodes[0].command("CLUSTER", "MEET", "127.0.0.1", str(node.port), bus_port)
        yield nodes


async def test_on_a_cluster_as_a_user_of_few_rights(cluster: list[RedisServer]) -> None:
    for node in cluster:
        assert node.command("ACL", "SETUSER", "chat", *RIGHTS, "+cluster|slots") == b"+OK\r\n"
    await until(lambda: all(b"cluster_state:ok" in node.command("CLUSTER", "INFO") for node in cluster), 20)
    hosts = ",".join(f"127.0.0.1:{node.port}" for node in cluster)
    await works(lambda: RedisConnection(url=f"redis+cluster://chat:pa%3Ass%40@{hosts}", prefix="lab:"))
    assert all(b"db0:" in node.command("INFO", "keyspace") for node in cluster)


async def test_a_cluster_that_is_away_is_unavailable() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        url = f"redis+cluster://127.0.0.1:{silent.getsockname()[1]}"
        async with opened(RedisConnection(url=url)) as (bus, cache):
            with pytest.raises(BusUnavailable):
                await bus.ping()
            with pytest.raises(CacheUnavailable):
                await cache.get("k")
            with pytest.raises(BusUnavailable):
                await bus.publish("t", b"")
