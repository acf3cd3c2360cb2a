"""The page under a real Hub: a login there, also by another replica, and who gets nothing by the cookie that it leaves."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import psutil
import pytest
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

from tests.hub.process import BASE, Hub
from tests.hub.visitor import AS_PAGE, BY_SCRIPT, Visitor, access_in
from tests.server.client import Socket
from tests.service_app.process import OPENED, running


def told(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")


@pytest.fixture(scope="module")
def ada(hub: Hub) -> Iterator[Visitor]:
    with Visitor(hub.url) as visitor:
        visitor.log_in("ada")
        yield visitor


@pytest.fixture
def access(ada: Visitor) -> str:
    return access_in(ada.open())


async def open_socket(hub: Hub, *, access: str = "", cookie: str = "", origin: str = "") -> Socket:
    """Open a socket as a page does: with a token among its subprotocols."""
    protocols = ["aichat.v1", *([f"jwt.{access}"] if access else [])]
    headers = {"Origin": origin or hub.url, "Cookie": cookie}
    request = HTTPRequest(f"{hub.url}/services/aichat/{BASE}/ws".replace("http", "ws", 1), headers=headers)
    socket = Socket(await websocket_connect(request, subprotocols=protocols))
    OPENED.append(socket)
    return socket


def cookies_of(visitor: Visitor) -> str:
    return "; ".join(f"{each.name}={each.value}" for each in visitor.http.cookies.jar if "aichat" in (each.path or ""))


# Coming in


def test_who_logs_in_at_the_hub_comes_back_to_the_place_that_was_wanted(hub: Hub) -> None:
    with Visitor(hub.url) as eve:
        page = eve.log_in("eve", "settings/usage")
        assert (page.status_code, urlsplit(str(page.url)).path) == (200, "/services/aichat/settings/usage")
        me = eve.ask("GET", "/me", access_in(page)).json()
        assert (me["name"], me["roles"]) == ("eve", ["user"])
        assert me["owner_id"] == hub.chat(hub.token("eve")).get("/me").json()["owner_id"]
        again = eve.open("chats/any")
        assert again.history == []
        assert eve.ask("GET", "/chats", access_in(again)).status_code == 200


def test_an_administrator_of_the_hubs_group_administers_by_the_page(ada: Visitor, access: str) -> None:
    assert ada.ask("GET", "/admin/users", access).status_code == 200


def test_what_the_browser_keeps_is_sealed_and_out_of_reach_of_scripts(hub: Hub, ada: Visitor, access: str) -> None:
    (kept,) = [each for each in ada.http.cookies.jar if each.name == "aichat_hub"]
    assert (kept.path, kept.has_nonstandard_attr("HttpOnly")) == ("/services/aichat/", True)
    assert kept.get_nonstandard_attr("SameSite") == "Strict"
    for secret in (kept.value or "", access):
        answer = httpx.get(f"{hub.api_url}/user", headers={"Authorization": f"token {secret}"})
        assert answer.status_code == 403  # it is none of the Hub's


async def test_a_socket_opens_with_the_pages_token(hub: Hub, access: str) -> None:
    socket = await open_socket(hub, access=access)
    assert (await socket.frame())["principal"]["name"] == "ada"


def test_without_a_login_only_shared_chats_and_the_login_itself_are_shown(hub: Hub) -> None:
    with Visitor(hub.url) as nobody:
        for place in ("login", "shared/any"):
            page = nobody.open(place)
            assert (page.status_code, page.history, access_in(page)) == (200, [], "")
            assert '<meta name="aichat-hub" content="/hub/logout">' in page.text
        for place in ("", "chats/any", "settings", "admin/users"):
            assert urlsplit(str(nobody.open(place).url)).path == "/hub/login", place
        assert told(nobody.renew()) == (401, "unauthenticated")


def test_a_login_begins_at_one_replica_and_ends_at_another(hub: Hub, tmp_path: Path) -> None:
    (service,) = [
        each.environ()
        for each in psutil.Process(hub.process.pid).children()
        if each.environ().get("JUPYTERHUB_SERVICE_NAME") == "aichat"
    ]
    environment = {name: value for name, value in service.items() if name.startswith("JUPYTERHUB_")}
    environment.pop("JUPYTERHUB_SERVICE_URL")
    with running(tmp_path, "--AIChatApp.secret_file=", environment=environment) as other, Visitor(hub.url) as eve:
        eve.log_in("eve")
        eve.http.cookies.delete("aichat_hub", path="/services/aichat/")
        begun = eve.http.get(eve.url, headers=AS_PAGE, follow_redirects=False)
        returned = eve.http.get(f"{hub.url}{begun.headers['Location']}", headers=AS_PAGE, follow_redirects=False)
        back = urlsplit(returned.headers["Location"])
        ended = eve.http.get(f"{other.url}oauth_callback?{back.query}", headers=AS_PAGE)
        assert urlsplit(str(ended.url)).path == "/services/aichat/"
        token = access_in(ended)
        assert other.client(token).get("/me").json()["name"] == "eve"
        assert eve.ask("GET", "/me", token).json()["name"] == "eve"  # at the first, too
        assert eve.ask("GET", "/me", access_in(eve.open())).json()["name"] == "eve"


# Logins that are none


@pytest.mark.parametrize(
    "wanted",
    ["//evil.example", "https://evil.example/", "/\\evil", "chats/../../hub/logout", "..%2f", "a\r\nb: c", "login"],
)
def test_a_login_leads_to_places_of_the_page_alone(ada: Visitor, wanted: str) -> None:
    ended = ada.http.get(f"{ada.url}oauth_login", params={"next": wanted}, headers=AS_PAGE)
    assert str(ended.url) == ada.url


def test_a_login_that_another_browser_began_is_none(hub: Hub, ada: Visitor) -> None:
    """Else somebody could let others chat as himself, and read that."""
    begun = ada.http.get(f"{ada.url}oauth_login", headers=AS_PAGE, follow_redirects=False)
    returned = ada.http.get(f"{hub.url}{begun.headers['Location']}", headers=AS_PAGE, follow_redirects=False)
    link = f"{hub.url}{returned.headers['Location']}"
    with Visitor(hub.url) as eve:
        for mark in ("", "x" * 43):
            eve.http.cookies.set("aichat_hub_login", mark, domain="127.0.0.1", path="/services/aichat/")
            ended = eve.http.get(link, headers=AS_PAGE)
            assert (urlsplit(str(ended.url)).path, access_in(ended)) == ("/services/aichat/login", "")
            assert parse_qs(urlsplit(str(ended.url)).query) == {"refused": ["unauthenticated"]}
            assert "aichat_hub" not in eve.http.cookies
    assert str(ada.http.get(link, headers=AS_PAGE).url) == ada.url  # the code was not spent
    assert urlsplit(str(ada.http.get(link, headers=AS_PAGE).url)).path == "/services/aichat/login"  # now it is


def test_what_comes_back_without_sense_is_refused(ada: Visitor) -> None:
    for said in ("", "?code=x", "?state=x", "?error=access_denied&state=x", f"?code=x&state={'A' * 200}"):
        ended = ada.http.get(f"{ada.url}oauth_callback{said}", headers=AS_PAGE)
        assert urlsplit(str(ended.url)).path == "/services/aichat/login", said


# Pages of other people's servers, which on one domain are of the same origin


def test_the_cookie_lets_no_script_in(hub: Hub, ada: Visitor) -> None:
    for fetched in ({}, {"Sec-Fetch-Dest": "iframe", "Sec-Fetch-Mode": "navigate"}, {"Sec-Fetch-Dest": "object"}):
        page = ada.http.get(ada.url, headers={**BY_SCRIPT, **fetched})
        assert (page.status_code, access_in(page)) == (200, "")
    assert told(ada.renew()) == (401, "unauthenticated")
    for path in ("/me", "/chats", "/events"):
        assert told(ada.http.get(f"{ada.url}{BASE}{path}", headers=BY_SCRIPT)) == (401, "unauthenticated")


async def test_the_cookie_opens_no_socket(hub: Hub, ada: Visitor) -> None:
    with pytest.raises(HTTPClientError) as refused:
        await open_socket(hub, cookie=cookies_of(ada))
    assert refused.value.code == 401


async def test_no_page_of_another_origin_opens_a_socket(hub: Hub, access: str) -> None:
    with pytest.raises(HTTPClientError) as refused:
        await open_socket(hub, access=access, origin="http://eve.hub.example")
    assert refused.value.code == 403


def test_the_page_is_framed_by_nobody_and_lets_go_of_who_opened_it(ada: Visitor) -> None:
    headers = ada.open().headers
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Cross-Origin-Opener-Policy"] == "noopener-allow-popups"
    assert headers["Cache-Control"] == "no-store"


def test_a_page_goes_on_with_its_own_token_alone(hub: Hub, ada: Visitor, access: str) -> None:
    renewed = ada.renew(access).json()
    assert (renewed["token_type"], renewed["expires_in"]) == ("Bearer", 900)
    assert ada.ask("GET", "/me", renewed["access_token"]).json()["name"] == "ada"
    assert "refresh_token" not in renewed
    with Visitor(hub.url) as eve:
        eves = access_in(eve.log_in("eve"))
    for another in (eves, hub.token("ada"), "aichat-hub.e30.AAAA", "x"):
        assert told(ada.renew(another)) == (401, "unauthenticated")
    assert told(ada.renew(access, Origin="http://evil.example")) == (403, "bad_origin")


def test_of_two_cookies_neither_counts(ada: Visitor, access: str) -> None:
    ours = cookies_of(ada)
    with httpx.Client() as twice:
        page = twice.get(ada.url, headers={**AS_PAGE, "Cookie": f"{ours}; aichat_hub=x"})
        assert (page.status_code, access_in(page)) == (200, "")


def test_who_is_disabled_here_gets_a_page_that_says_so(hub: Hub, ada: Visitor, access: str) -> None:
    hub.api("POST", "/users/trent")
    with Visitor(hub.url) as trent:
        own = access_in(trent.log_in("trent"))
        owner = trent.ask("GET", "/me", own).json()["owner_id"]
        assert ada.ask("PATCH", f"/admin/users/{owner}", access, json={"disabled": True}).status_code == 200
        hub.until(lambda: trent.ask("GET", "/me", own).status_code == 403, 2)
        page = trent.open()
        assert (page.status_code, page.history, access_in(page)) == (200, [], "")
        assert told(trent.renew(own)) == (403, "forbidden")


# Going out


async def test_who_logs_out_of_the_hub_is_out_here_within_two_seconds(hub: Hub) -> None:
    with Visitor(hub.url) as oscar:
        access = access_in(await asyncio.to_thread(oscar.log_in, "oscar"))
        socket = await open_socket(hub, access=access)
        await socket.frame()
        await asyncio.to_thread(oscar.http.get, f"{hub.url}/hub/logout", headers=AS_PAGE)
        begun = time.monotonic()
        with pytest.raises(ConnectionError):
            while True:
                await socket.frame()
        assert socket.connection.close_code == 4403
        assert time.monotonic() - begun < 2
        assert told(await asyncio.to_thread(oscar.renew, access)) == (401, "unauthenticated")
        assert urlsplit(str((await asyncio.to_thread(oscar.open)).url)).path == "/hub/login"


def test_a_logout_here_takes_the_cookie_and_stands_in_the_audit(hub: Hub, ada: Visitor, access: str) -> None:
    with Visitor(hub.url) as peggy:
        own = access_in(peggy.log_in("peggy"))
        owner = peggy.ask("GET", "/me", own).json()["owner_id"]
        assert peggy.ask("POST", "/auth/logout", own, json={}).status_code == 204
        assert "aichat_hub" not in peggy.http.cookies
        assert told(peggy.renew(own)) == (401, "unauthenticated")
    noted = ada.ask("GET", "/admin/audit", access, params={"account": owner}).json()["items"]
    assert [each["action"] for each in noted if each["actor"] == owner] == ["logout", "login", "registered"]


def test_the_address_of_a_login_is_what_trusted_proxies_say(hub: Hub, ada: Visitor, access: str) -> None:
    """The Hub's proxy appends whom it was asked by: here another trusted proxy, which said who asked that one."""
    with Visitor(hub.url) as victor:
        victor.http.headers["X-Forwarded-For"] = "198.51.100.66, 203.0.113.9"
        victor.log_in("victor")
    owner = hub.chat(hub.token("victor")).get("/me").json()["owner_id"]
    noted = ada.ask("GET", "/admin/audit", access, params={"account": owner, "action": "login"}).json()["items"]
    assert [each["address"] for each in noted] == ["203.0.113.9"]


def test_over_tls_cookies_are_secure(ada: Visitor) -> None:
    with httpx.Client() as another:
        begun = another.get(ada.url, headers={**AS_PAGE, "X-Forwarded-Proto": "https"})
    assert "; Secure" in begun.headers["Set-Cookie"]


def test_while_the_hub_hangs_the_page_says_so_and_goes_on_by_itself(hub: Hub, ada: Visitor, access: str) -> None:
    os.kill(hub.process.pid, signal.SIGSTOP)
    try:
        time.sleep(1.1)  # what was known a second ago counts
        begun = time.monotonic()
        page = ada.open()
        assert (page.status_code, access_in(page)) == (200, "")
        assert told(ada.renew(access)) == (503, "not_ready")
        assert time.monotonic() - begun < 6  # twice, each within three
    finally:
        os.kill(hub.process.pid, signal.SIGCONT)
    hub.until(lambda: ada.renew(access).status_code == 200, 5)


def test_neither_codes_nor_tokens_are_logged(hub: Hub, ada: Visitor, access: str) -> None:
    begun = ada.http.get(f"{ada.url}oauth_login", headers=AS_PAGE, follow_redirects=False)
    back = ada.http.get(f"{hub.url}{begun.headers['Location']}", headers=AS_PAGE, follow_redirects=False)
    code = parse_qs(urlsplit(back.headers["Location"]).query)["code"][0]
    ada.http.get(f"{hub.url}{back.headers['Location']}", headers=AS_PAGE)
    log = hub.log()
    assert access not in log
    service = [line for line in log.splitlines() if "jupyter-aichat-service" in line.lower() or "AIChatService" in line]
    assert service
    assert code not in "\n".join(service)
