"""Registering, logging in, going on with a session and logging out, as scripts and browsers do it."""

from __future__ import annotations

from http.cookies import SimpleCookie
from typing import Any

import httpx
import pytest

from tests.service_app.asking import COOKIE, ask, fresh_name, login, registered, somebody, told
from tests.service_app.process import PASSWORD, Service, running

FOREIGN = ("https://evil.example", "http://127.0.0.1.evil.example", "null", "file://", "http://localhost:1", "")


@pytest.fixture(scope="module")
def service_arguments() -> tuple[str, ...]:
    return ("--AIChatApp.registration=open", "--AccountRules.address_tries=10000", "--AccountRules.registrations=10000")


def me(service: Service, token: str) -> httpx.Response:
    return ask(service.client(token), "GET", "/me")


def test_everybody_is_told_who_may_register(service: Service) -> None:
    found = ask(service.http, "GET", "/auth").json()
    assert found == {"registration": "open", "password": {"min_characters": 8, "max_bytes": 72}}


def test_who_registers_can_log_in_and_is_known(service: Service) -> None:
    name = fresh_name("Ada")
    made = ask(
        service.http, "POST", "/auth/register", {"username": name, "password": PASSWORD, "display_name": "Ada L."}
    )
    assert (made.status_code, made.json()["roles"], made.json()["disabled"]) == (201, ["user"], False)
    grant = login(service.http, name.upper())
    assert set(grant) == {"access_token", "refresh_token", "expires_in", "token_type"}
    assert (grant["token_type"], grant["expires_in"]) == ("Bearer", 900)
    found = me(service, grant["access_token"]).json()
    assert (found["owner_id"], found["name"], found["display_name"]) == (made.json()["id"], name, "Ada L.")
    assert found["scopes"] == ["chats:read", "chats:write", "account"]


def test_a_name_is_taken_once(service: Service) -> None:
    name = registered(service, fresh_name("straße"))
    for same in (name, name.upper(), f" {name} ", name.replace("s", "\uff53", 1)):
        answer = ask(service.http, "POST", "/auth/register", {"username": same, "password": PASSWORD})
        assert told(answer) == (409, "name_taken")


@pytest.mark.parametrize("password", ["x" * 73, "é" * 37, "x" * 5000, "short", "with\0nul-inside", ""])
def test_a_password_that_cannot_be_is_refused_clearly(service: Service, password: str) -> None:
    name = fresh_name()
    answer = ask(service.http, "POST", "/auth/register", {"username": name, "password": password})
    assert told(answer) == (400, "invalid_request")
    again = ask(service.http, "POST", "/auth/login", {"username": name, "password": password})
    assert told(again) in ((401, "unauthenticated"), (400, "invalid_request"))


def test_two_long_passwords_with_one_beginning_are_two(service: Service) -> None:
    longest = "x" * 72
    name = registered(service, password=longest)
    login(service.http, name, longest)
    for longer in (longest + "y", longest + "z" * 100):
        answer = ask(service.http, "POST", "/auth/login", {"username": name, "password": longer})
        assert told(answer) == (401, "unauthenticated")


def test_unknown_and_wrong_are_told_alike(service: Service) -> None:
    name = registered(service)
    wrong, unknown = (
        ask(service.http, "POST", "/auth/login", {"username": who, "password": "wrong horse"})
        for who in (name, fresh_name())
    )
    assert (wrong.status_code, wrong.json()) == (unknown.status_code, unknown.json())
    assert told(wrong) == (401, "unauthenticated")
    assert wrong.headers["WWW-Authenticate"] == unknown.headers["WWW-Authenticate"] == "Bearer"
    assert set(wrong.headers) == set(unknown.headers)


# A service of its own for each way to register


@pytest.mark.parametrize("mode", ["closed", "invitation"])
def test_registration_may_be_closed_or_by_invitation(tmp_path: Any, mode: str) -> None:
    with running(tmp_path, f"--AIChatApp.registration={mode}", "--Passwords.cost=4") as service:
        wanted = {"username": "Ada", "password": PASSWORD}
        assert ask(service.http, "GET", "/auth").json()["registration"] == mode
        assert told(ask(service.http, "POST", "/auth/register", wanted)) == (403, "forbidden")
        root = service.person("Root", "user", "admin")
        made = ask(root.http, "POST", "/auth/invitations", {}).json()
        invited = {**wanted, "invitation": made["invitation"]}
        answers = [ask(service.http, "POST", "/auth/register", invited) for _ in range(2)]
        if mode == "closed":
            assert [told(each) for each in answers] == [(403, "forbidden")] * 2
        else:
            assert [each.status_code for each in answers] == [201, 409]
            late = ask(service.http, "POST", "/auth/register", {**invited, "username": "Eve"})
            assert told(late) == (403, "forbidden")


# Refreshing


def refresh(client: httpx.Client, token: str | None = None, **body: Any) -> httpx.Response:
    fields = body if token is None else {"refresh_token": token, **body}
    return ask(client, "POST", "/auth/refresh", fields)


def test_a_refresh_token_is_good_once(service: Service) -> None:
    _, grant, _ = somebody(service)
    following = refresh(service.http, grant["refresh_token"]).json()
    assert following["refresh_token"] != grant["refresh_token"]
    assert me(service, following["access_token"]).status_code == 200
    assert told(refresh(service.http, grant["refresh_token"])) == (401, "unauthenticated")
    for token in (grant["access_token"], following["access_token"]):  # the family has ended
        assert told(me(service, token)) == (401, "unauthenticated")
    assert told(refresh(service.http, following["refresh_token"])) == (401, "unauthenticated")


def test_the_same_attempt_gets_the_same_answer(service: Service) -> None:
    _, grant, _ = somebody(service)
    first, second = (refresh(service.http, grant["refresh_token"], attempt="a1").json() for _ in range(2))
    assert first == second
    assert refresh(service.http, first["refresh_token"], attempt="a2").status_code == 200
    assert told(refresh(service.http, grant["refresh_token"], attempt="a3")) == (401, "unauthenticated")
    assert told(refresh(service.http, first["refresh_token"], attempt="a2")) == (401, "unauthenticated")


@pytest.mark.parametrize("token", ["x", "a.b.c", "aichat_x", "." * 100, "é", "x" * 4096])
def test_a_made_up_refresh_token_is_none(service: Service, token: str) -> None:
    assert told(refresh(service.http, token)) == (401, "unauthenticated")
    assert ask(service.http, "POST", "/auth/logout", {"refresh_token": token}).status_code == 204


def test_without_a_refresh_token_there_is_nothing_to_refresh(service: Service) -> None:
    assert told(refresh(service.http)) == (401, "unauthenticated")


# Browsers


def morsel(answer: httpx.Response) -> Any:
    (header,) = answer.headers.get_list("Set-Cookie")
    return SimpleCookie(header)[COOKIE]


def test_in_a_browser_the_refresh_token_is_out_of_reach(service: Service) -> None:
    name = registered(service)
    browser = service.client()
    answer = ask(browser, "POST", "/auth/login", {"username": name, "password": PASSWORD, "cookie": True})
    assert set(answer.json()) == {"access_token", "expires_in", "token_type"}
    cookie = morsel(answer)
    assert (cookie["httponly"], cookie["samesite"], cookie["secure"]) == (True, "Strict", "")
    assert cookie["path"] == "/api/aichat/v1/auth"
    assert cookie["domain"] == ""
    assert 13 * 86400 < int(cookie["max-age"]) <= 14 * 86400
    assert cookie.value not in answer.text
    following = refresh(browser, attempt="a1")
    assert "refresh_token" not in following.json()
    assert morsel(following).value != cookie.value
    assert me(service, following.json()["access_token"]).status_code == 200
    assert answer.headers["Cache-Control"] == following.headers["Cache-Control"] == "no-store"


def test_the_cookie_alone_opens_nothing(service: Service) -> None:
    browser = service.client()
    login(browser, registered(service), cookie=True)
    cookie = {"Cookie": f"{COOKIE}={browser.cookies[COOKIE]}"}
    for method, path in (("GET", "/me"), ("GET", "/chats"), ("POST", "/auth/logout_all"), ("GET", "/sessions")):
        assert told(ask(service.http, method, path, headers=cookie)) == (401, "unauthenticated")


def test_who_is_refused_with_a_body_is_told_that_the_connection_closes(service: Service) -> None:
    """Else a client asks again over a connection that is gone, and gets no answer."""
    for _ in range(30):
        answer = ask(service.http, "POST", "/auth/logout_all", {})
        assert (told(answer), answer.headers["Connection"]) == ((401, "unauthenticated"), "close")
        other = ask(service.http, "POST", "/auth/login", {}, headers={"Origin": "http://evil.example"})
        assert (told(other), other.headers["Connection"]) == ((403, "bad_origin"), "close")
        assert "Connection" not in ask(service.http, "POST", "/auth/logout_all").headers


def test_one_refresh_token_a_request(service: Service) -> None:
    _, grant, client = somebody(service)
    browser = service.client()
    login(browser, registered(service), cookie=True)
    two = {"Cookie": f"{COOKIE}=a; {COOKIE}=b"}
    for path in ("/auth/refresh", "/auth/logout"):
        both = ask(browser, "POST", path, {"refresh_token": grant["refresh_token"]})
        assert told(both) == (400, "invalid_request")
        assert told(ask(service.http, "POST", path, {}, headers=two)) == (400, "invalid_request")
    assert client.get("/me").status_code == 200
    assert refresh(browser).status_code == 200
    right = {"username": registered(service), "password": PASSWORD}
    assert ask(service.http, "POST", "/auth/login", right, headers=two).status_code == 200


def test_nobody_is_given_a_session_of_somebody_elses(service: Service) -> None:
    """What a login brings along never becomes the session's."""
    planted = service.client()
    login(planted, registered(service), cookie=True)
    before = planted.cookies[COOKIE]
    name = registered(service)
    grant = login(planted, name, cookie=True, known=before)
    assert planted.cookies[COOKIE].split(".")[0] != before.split(".")[0]
    assert me(service, grant["access_token"]).json()["name"] == name
    again = login(planted, name, cookie=True)
    sessions = ask(service.client(again["access_token"]), "GET", "/sessions").json()["items"]
    assert len({each["id"] for each in sessions}) == 2


@pytest.mark.parametrize("path", ["/auth/login", "/auth/register", "/auth/refresh"])
def test_other_sites_may_not_come_in_for_anybody(service: Service, path: str) -> None:
    name = registered(service)
    body = {"username": name, "password": PASSWORD} if path != "/auth/refresh" else {"refresh_token": "x"}
    for origin in FOREIGN:
        answer = ask(service.http, "POST", path, body, headers={"Origin": origin})
        assert told(answer) == (403, "bad_origin"), origin
        assert "Access-Control-Allow-Origin" not in answer.headers
    own = service.url.rstrip("/")
    assert ask(service.http, "POST", path, body, headers={"Origin": own}).status_code in (200, 401, 409)


@pytest.mark.parametrize("path", ["/auth/login", "/auth/register", "/auth/refresh"])
@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded", "application/jsonp"])
def test_forms_may_not_come_in(service: Service, path: str, kind: str | None) -> None:
    headers = {} if kind is None else {"Content-Type": kind}
    answer = ask(service.http, "POST", path, content=b'{"username": "a", "password": "b"}', headers=headers)
    assert told(answer) == (415, "unsupported_media")


# Going out


def test_a_logout_ends_the_session_everywhere(service: Service) -> None:
    for how in ("bearer", "body", "both"):
        _, grant, client = somebody(service)
        body = None if how == "bearer" else {"refresh_token": grant["refresh_token"]}
        answer = ask(service.http if how == "body" else client, "POST", "/auth/logout", body)
        assert answer.status_code == 204, how
        assert told(me(service, grant["access_token"])) == (401, "unauthenticated")
        assert told(refresh(service.http, grant["refresh_token"])) == (401, "unauthenticated")


def test_a_browsers_logout_clears_the_cookie(service: Service) -> None:
    browser = service.client()
    grant = login(browser, registered(service), cookie=True)
    bearer = {"Authorization": f"Bearer {grant['access_token']}"}
    answer = ask(browser, "POST", "/auth/logout", headers=bearer)
    assert answer.status_code == 204
    assert (morsel(answer).value, morsel(answer)["path"]) == ("", "/api/aichat/v1/auth")
    assert COOKIE not in browser.cookies
    assert told(me(service, grant["access_token"])) == (401, "unauthenticated")


def test_an_access_token_that_has_ended_keeps_nobody_in(service: Service) -> None:
    ended = {"Authorization": f"Bearer {login(service.http, registered(service))['access_token']}"}
    assert ask(service.http, "POST", "/auth/logout", headers=ended).status_code == 204
    browser = service.client()
    grant = login(browser, registered(service), cookie=True)
    assert ask(browser, "POST", "/auth/logout", headers=ended).status_code == 204
    assert COOKIE not in browser.cookies
    assert told(me(service, grant["access_token"])) == (401, "unauthenticated")
    assert told(ask(service.http, "POST", "/auth/logout", headers=ended)) == (401, "unauthenticated")
    assert told(ask(service.http, "GET", "/chats", headers=ended)) == (401, "unauthenticated")


def test_no_other_site_can_log_somebody_out(service: Service) -> None:
    """The cookie alone is not enough: its twin must come along, which only our own page can read."""
    browser = service.client()
    grant = login(browser, registered(service), cookie=True)
    assert told(ask(browser, "POST", "/auth/logout")) == (403, "forbidden")
    assert me(service, grant["access_token"]).status_code == 200
    twin = {"Cookie": f"{COOKIE}={browser.cookies[COOKIE]}; _xsrf=twin", "X-XSRFToken": "twin"}
    assert ask(service.http, "POST", "/auth/logout", headers=twin).status_code == 204
    assert told(me(service, grant["access_token"])) == (401, "unauthenticated")


def test_who_is_not_logged_in_cannot_log_out(service: Service) -> None:
    assert told(ask(service.http, "POST", "/auth/logout")) == (401, "unauthenticated")
    assert told(ask(service.client("aichat_x"), "POST", "/auth/logout")) == (401, "unauthenticated")


def test_a_logout_everywhere_is_of_all_sessions_and_nobody_elses(service: Service) -> None:
    name, grant, client = somebody(service)
    other = login(service.http, name)
    _, _, stranger = somebody(service)
    assert ask(client, "POST", "/auth/logout_all").status_code == 204
    for token in (grant["access_token"], other["access_token"]):
        assert told(me(service, token)) == (401, "unauthenticated")
    assert told(refresh(service.http, other["refresh_token"])) == (401, "unauthenticated")
    assert stranger.get("/me").status_code == 200


# Guessing


def test_who_guesses_waits_and_the_victim_gets_in(service: Service) -> None:
    """Also from a browser that was logged in before, by its cookie."""
    name, grant, client = somebody(service)
    browser = service.client()
    login(browser, name, cookie=True)
    for n in range(20):
        forwarded = {"X-Forwarded-For": f"198.51.100.{n}"}
        answer = ask(
            service.http, "POST", "/auth/login", {"username": name, "password": f"guess {n}"}, headers=forwarded
        )
        assert told(answer) == ((401, "unauthenticated") if n < 10 else (429, "rate_limited"))
    answer = ask(service.http, "POST", "/auth/login", {"username": name, "password": "guess"})
    assert 0 < int(answer.headers["Retry-After"]) == answer.json()["details"]["retry_after"]
    right = {"username": name, "password": PASSWORD}
    assert told(ask(service.http, "POST", "/auth/login", right)) == (429, "rate_limited")
    assert client.get("/me").status_code == 200
    assert refresh(service.http, grant["refresh_token"]).status_code == 200
    assert ask(browser, "POST", "/auth/login", {**right, "cookie": True}).status_code == 200
    assert ask(client, "POST", "/auth/login", right).status_code == 200
    assert ask(service.http, "POST", "/auth/login", {**right, "known": grant["access_token"]}).status_code == 200
    stranger = login(service.http, registered(service))
    known = {**right, "known": stranger["refresh_token"]}
    assert told(ask(service.http, "POST", "/auth/login", known)) == (429, "rate_limited")


# Behind a proxy


def test_behind_a_proxy_the_cookie_is_for_its_address_alone(tmp_path: Any) -> None:
    arguments = ("--ServerApp.base_url=/team/ai", "--AIChatApp.trusted_proxies=['127.0.0.1']", "--Passwords.cost=4")
    with running(tmp_path, *arguments) as service:
        ada = service.person("Ada")
        body = {"username": "Ada", "password": PASSWORD, "cookie": True}
        for scheme in ("https", "http"):
            through = {"X-Forwarded-Proto": scheme, "X-Forwarded-For": "198.51.100.1, 203.0.113.9"}
            cookie = morsel(ask(service.http, "POST", "/auth/login", body, headers=through))
            assert cookie["path"] == "/team/ai/api/aichat/v1/auth"
            assert bool(cookie["secure"]) == (scheme == "https")
        assert ask(ada.http, "GET", "/sessions").json()["items"][0]["address"] == "203.0.113.9"
