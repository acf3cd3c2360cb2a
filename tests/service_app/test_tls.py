"""TLS by certificate settings, and by a proxy that is trusted or not."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import httpx
import pytest

from tests import certificates
from tests.service_app.process import PASSWORD, Person, Service, running


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("tls")
    made = certificates.make(folder)
    files = (f"--certfile={made.certfile}", f"--keyfile={made.keyfile}")
    with running(folder / "service", *files, "--Passwords.cost=4", trusted=made.trusted()) as service:
        yield service


@pytest.fixture(scope="module")
def grace(secure: Service) -> Person:
    return secure.person("Grace")


def test_requests_and_the_cookie_go_over_tls_and_stay_there(secure: Service, grace: Person) -> None:
    assert secure.url.startswith("https://")
    me = grace.http.get("/me")
    assert me.status_code == 200
    assert me.headers["Strict-Transport-Security"] == "max-age=31536000"
    body = {"username": "Grace", "password": PASSWORD, "cookie": True}
    own = secure.url.rstrip("/")
    answer = secure.http.post("/auth/login", json=body, headers={"Origin": own})
    assert answer.status_code == 200, answer.text
    cookie = answer.headers["Set-Cookie"]
    assert all(word in cookie for word in ("Secure", "HttpOnly", "SameSite=Strict"))
    assert secure.http.post("/auth/refresh", json={}, headers={"Origin": own}).status_code == 200


@pytest.mark.parametrize("wrong", ["http://127.0.0.1:{port}", "https://127.0.0.1", "https://127.0.0.1:1", "null"])
def test_the_same_place_without_tls_is_another_site(secure: Service, wrong: str) -> None:
    port = httpx.URL(secure.url).port
    body = {"username": "Grace", "password": PASSWORD, "cookie": True}
    answer = secure.http.post("/auth/login", json=body, headers={"Origin": wrong.format(port=port)})
    assert (answer.status_code, answer.json()["code"]) == (403, "bad_origin")
    assert "Set-Cookie" not in answer.headers


async def test_a_socket_over_tls(secure: Service, grace: Person) -> None:
    socket = await secure.socket(grace.token, Origin=secure.url.rstrip("/"))
    assert (await socket.frame())["type"] == "hello"
    socket.connection.close()


def test_old_versions_of_tls_and_plain_requests_get_nothing(secure: Service) -> None:
    plain = secure.url.replace("https", "http")
    with pytest.raises(httpx.TransportError):
        httpx.get(plain, timeout=10)
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.options &= ~(ssl.OP_NO_TLSv1 | ssl.OP_NO_TLSv1_1)
    with pytest.warns(DeprecationWarning, match="TLS"):
        old.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLS"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(httpx.TransportError):
        httpx.get(secure.url, verify=old, timeout=10)
    assert secure.http.get("/health").status_code == 200


@pytest.fixture(scope="module")
def service_arguments() -> tuple[str, ...]:
    """A proxy on another address of this machine is trusted."""
    return ("--AIChatApp.trusted_proxies=127.0.0.2",)


@pytest.mark.parametrize(("peer", "believed"), [("127.0.0.2", True), ("127.0.0.1", False)])
def test_a_proxy_is_believed_to_have_tls_if_it_is_trusted(
    service: Service, ada: Person, peer: str, believed: bool
) -> None:
    transport = httpx.HTTPTransport(local_address=peer)
    told = {"X-Forwarded-Proto": "https", "Host": "chat.example", "Origin": "https://chat.example"}
    with httpx.Client(base_url=service.base, transport=transport, headers=told) as client:
        for path in ("/health", "/me", ""):
            assert ("Strict-Transport-Security" in client.get(path).headers) is believed, path
        body = {"username": ada.name, "password": ada.password, "cookie": True}
        answer = client.post("/auth/login", json=body)
        assert answer.status_code == (200 if believed else 403)
        assert ("Secure" in answer.headers.get("Set-Cookie", "")) is believed
    assert believed or "AIChatApp.trusted_proxies" in service.log.read_text()  # what to do
