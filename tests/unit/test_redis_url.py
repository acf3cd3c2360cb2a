"""What a Redis URL means."""

from __future__ import annotations

import pytest

from jupyter_aichat.redis_url import RedisAddress, parse

ADDRESSES = {
    "redis://localhost": RedisAddress("single", (("localhost", 6379),)),
    "redis://localhost:7000/3": RedisAddress("single", (("localhost", 7000),), database=3),
    "redis://localhost?db=4": RedisAddress("single", (("localhost", 6379),), database=4),
    "rediss://ada:p%40ss@r.example:1": RedisAddress(
        "single", (("r.example", 1),), tls=True, username="ada", password="p@ss"
    ),
    "redis://:only@r": RedisAddress("single", (("r", 6379),), password="only"),
    "redis://[::1]:7000": RedisAddress("single", (("::1", 7000),)),
    "unix:///run/my%20redis.sock?db=2": RedisAddress("single", path="/run/my redis.sock", database=2),
    "unix://ada:pw@/run/redis.sock": RedisAddress("single", path="/run/redis.sock", username="ada", password="pw"),
    "redis+sentinel://a,b:1/mymaster/5": RedisAddress(
        "sentinel", (("a", 26379), ("b", 1)), service="mymaster", database=5
    ),
    "rediss+sentinel://u:p@a/m?sentinel_password=s": RedisAddress(
        "sentinel", (("a", 26379),), tls=True, username="u", password="p", service="m", sentinel_password="s"
    ),
    "redis+cluster://u:p@a:7000,[::1]": RedisAddress(
        "cluster", (("a", 7000), ("::1", 6379)), username="u", password="p"
    ),
}


@pytest.mark.parametrize("url", ADDRESSES)
def test_a_url_is_an_address(url: str) -> None:
    assert parse(url) == ADDRESSES[url]


@pytest.mark.parametrize("url", ADDRESSES)
def test_an_address_is_told_without_its_passwords(url: str) -> None:
    told = str(parse(url))
    assert told
    assert not any(secret in told for secret in ("p@ss", "only", "pw", "u:p", "sentinel_password"))


@pytest.mark.parametrize(
    "url",
    [
        "", "localhost:6379", "http://localhost", "redis+other://localhost", "unix+cluster:///x", "redis://", "redis://:p@",
        "redis://a,b", "redis://a:port", "redis://a:70000", "redis://a/db", "redis://a?retry=1", "unix://", "redis+sentinel://a",
        "redis+cluster://a/1", "redis+cluster://a,,b",
    ],
)  # fmt: skip
def test_what_is_no_redis_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"^(it|its|a Redis) "):
        parse(url)
