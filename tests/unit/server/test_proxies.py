"""Who is believed about where a request comes from."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest
from tornado.httputil import HTTPHeaders, HTTPServerRequest

from jupyter_aichat.server.proxies import Proxies

TRUSTED = ("127.0.0.1", "10.0.0.0/8", "2001:db8:ffff::/48", "unix")


def _placed(trusted: tuple[str, ...], peer: str, *lines: str, proto: str | None = None) -> tuple[str | None, str]:
    headers = HTTPHeaders()
    for line in lines:
        headers.add("X-Forwarded-For", line)
    if proto is not None:
        headers.add("X-Forwarded-Proto", proto)
    request = SimpleNamespace(headers=headers, remote_ip=peer, protocol="http")
    Proxies(trusted).place(cast("HTTPServerRequest", request))
    return request.remote_ip, request.protocol


@pytest.mark.parametrize("peer", ["203.0.113.9", "0.0.0.0", "::1", "2001:db8::1", "", "what"])
@pytest.mark.parametrize("trusted", [(), TRUSTED[:2]])
def test_nobody_else_is_believed(trusted: tuple[str, ...], peer: str) -> None:
    assert _placed(trusted, peer, "198.51.100.1", proto="https") == (peer, "http")


@pytest.mark.parametrize(
    ("lines", "address"),
    [
        ((), "127.0.0.1"),
        (("",), "127.0.0.1"),
        (("198.51.100.1",), "198.51.100.1"),
        (("1.1.1.1, 198.51.100.1",), "198.51.100.1"),
        (("1.1.1.1", "198.51.100.1"), "198.51.100.1"),
        (("1.1.1.1, 198.51.100.1, 10.9.9.9",), "198.51.100.1"),
        (("10.0.0.7",), "10.0.0.7"),
        (("10.0.0.7, 10.0.0.8",), "10.0.0.7"),
        (("nonsense, 10.0.0.8",), "10.0.0.8"),
        (("1.1.1.1, unknown",), "127.0.0.1"),
        (("198.51.100.1:4711",), "198.51.100.1"),
        (("[2001:db8::9]:443",), "2001:db8::9"),
        (("2001:db8::9",), "2001:db8::9"),
        (("2001:db8:0:0::9, 2001:db8:ffff::1",), "2001:db8::9"),
        (("::ffff:198.51.100.1",), "198.51.100.1"),
        (("fe80::1%eth0",), "fe80::1"),
        (("198.51.100.1 evil",), "127.0.0.1"),
        (("0x7f.1",), "127.0.0.1"),
    ],
)
def test_the_last_address_that_no_proxy_of_ours_has(lines: tuple[str, ...], address: str) -> None:
    assert _placed(TRUSTED, "127.0.0.1", *lines)[0] == address


def test_a_peer_that_is_mapped_into_ipv6_is_the_same() -> None:
    assert _placed(TRUSTED, "::ffff:127.0.0.1", "198.51.100.1")[0] == "198.51.100.1"


def test_a_proxy_on_a_unix_socket_is_one() -> None:
    assert _placed(TRUSTED, "0.0.0.0", "198.51.100.1")[0] == "198.51.100.1"
    assert _placed(TRUSTED[:3], "0.0.0.0", "198.51.100.1")[0] == "0.0.0.0"


@pytest.mark.parametrize(
    ("proto", "scheme"),
    [("https", "https"), ("HTTPS", "https"), ("wss", "https"), ("ws", "http"), ("http", "http"), ("https,http", "https"),
     ("javascript", "http"), ("", "http")],
)  # fmt: skip
def test_the_scheme_is_one_of_two(proto: str, scheme: str) -> None:
    assert _placed(TRUSTED, "127.0.0.1", proto=proto)[1] == scheme


@pytest.mark.parametrize("word", ["10.0.0.1/8", "proxy.example", "", "10.0.0.0/33", "*"])
def test_what_is_no_network_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        Proxies([word])
