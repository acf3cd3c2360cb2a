"""The page at the service's root: where it is, under which policy, and for how long browsers keep what of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from jupyter_aichat.service.page_files import FOLDER, read_page
from tests.service_app.process import Service

BASE = "/a%20team/"
PLACES = (
    "", "login", "register", "login?next=chats%2Fx", "chats/c1", "shared/a-token", "settings", "settings/tokens", "admin",
    "admin/users",
)  # fmt: skip

pytestmark = pytest.mark.skipif(not (FOLDER / "index.html").is_file(), reason="the page was not built: make build")


@pytest.fixture(scope="module")
def service_arguments() -> tuple[str, ...]:
    return (f"--ServerApp.base_url={BASE}",)


@pytest.fixture(scope="module")
def browser(service: Service) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=service.url, timeout=20) as client:
        yield client


def assets(html: str) -> list[str]:
    return re.findall(r'(?:src|href)="(assets/[^"]+)"', html)


@pytest.mark.parametrize("place", PLACES)
def test_every_place_is_the_page_and_nobody_need_be_logged_in(browser: httpx.Client, place: str) -> None:
    answer = browser.get(place)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert f'<base href="{BASE}">' in answer.text


@pytest.mark.parametrize(
    "path", ["nothing", "settings/a/b", "chats/a/b", "chats", "lab", "tree", "files/x", "static/x"]
)
def test_what_is_no_place_of_the_page_is_not_there(browser: httpx.Client, path: str) -> None:
    assert browser.get(path).status_code == 404


def test_the_page_runs_no_script_but_its_own_and_stands_in_no_frame(browser: httpx.Client) -> None:
    answer = browser.get("")
    policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["form-action"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "Set-Cookie" not in answer.headers
    inline = re.findall(r"<(?:script|style)\b(?![^>]*\bsrc=)[^>]*>|\son\w+=|\sstyle=", answer.text)
    assert inline == []


def test_the_page_is_asked_for_again_and_sent_again_only_if_it_is_another(browser: httpx.Client) -> None:
    first = browser.get("")
    assert first.headers["Cache-Control"] == "no-cache"
    again = browser.get("settings", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert browser.get("", headers={"If-None-Match": '"another"'}).status_code == 200


def test_an_asset_is_kept_for_good_and_comes_compressed(browser: httpx.Client) -> None:
    names = assets(browser.get("").text)
    assert {Path(name).suffix for name in names} == {".js", ".css"}
    for name in names:
        assert re.search(r"-[0-9A-Z]{8}\.(?:js|css)$", name)
        answer = browser.get(name)
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.headers["Content-Encoding"] == "gzip"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Vary"] == "Accept-Encoding"
        plain = browser.get(name, headers={"Accept-Encoding": "identity"})
        assert "Content-Encoding" not in plain.headers
        assert plain.content == answer.content == (FOLDER / name).read_bytes()


def test_only_assets_are_for_pages_of_any_origin(browser: httpx.Client) -> None:
    for path in ("", "assets/nothing-00000000.js", "api/aichat/v1/health", "nothing"):
        answer = browser.get(path, headers={"Origin": "https://elsewhere.example"})
        assert [name for name in answer.headers if name.startswith("access-control-")] == [], path


@pytest.mark.parametrize(
    "name", ["page.js", "..%2Findex.html", "..%2f..%2f..%2fapp.py", "%2Fetc%2Fpasswd", "index.html", "x-00000000.js.gz"]
)
def test_no_other_file_is_sent(browser: httpx.Client, name: str) -> None:
    assert browser.get(f"assets/{name}").status_code == 404


@pytest.mark.parametrize("verb", ["POST", "PUT", "PATCH", "DELETE"])
def test_the_page_takes_nothing(browser: httpx.Client, verb: str) -> None:
    assert browser.request(verb, "").status_code in (403, 405)


def test_what_stands_before_the_page_and_its_assets_can_be_had_alone(browser: httpx.Client) -> None:
    for path in ("", assets(browser.get("").text)[0]):
        head, whole = browser.head(path), browser.get(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["Content-Type"] == whole.headers["Content-Type"]
        assert head.headers.get("ETag") == whole.headers.get("ETag")


def test_without_its_slash_the_root_leads_to_the_root(browser: httpx.Client) -> None:
    url = browser.base_url.copy_with(raw_path=BASE.rstrip("/").encode())
    answer = browser.get(url)
    assert (answer.status_code, answer.headers["Location"]) == (302, BASE)


def test_a_page_that_was_not_built_says_so(tmp_path: Path) -> None:
    assert read_page("/", tmp_path).html == b""


def test_the_root_that_is_told_is_no_markup(tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text('<base href="/">')
    assert read_page('/"><script>/', tmp_path).html == b'<base href="/&quot;&gt;&lt;script&gt;/">'
