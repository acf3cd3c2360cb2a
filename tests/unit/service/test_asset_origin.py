"""The HTML and the policy of a page whose assets come from another origin."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

import pytest

from jupyter_aichat.service.asset_origin import checked
from jupyter_aichat.service.page_files import PageFiles, read_page

URL = "https://cdn.example.org/aichat/"
FILES = {"page-AAAAAAAA.js": "import './chunk-BBBBBBBB.js'", "chunk-BBBBBBBB.js": "1", "page-CCCCCCCC.css": "p {}"}


@pytest.fixture
def page(tmp_path: Path) -> PageFiles:
    (tmp_path / "assets").mkdir()
    for name, text in FILES.items():
        (tmp_path / "assets" / name).write_text(text)
    (tmp_path / "index.html").write_text(
        '<head><base href="/"><link rel="stylesheet" href="assets/page-CCCCCCCC.css">'
        '<script type="module" src="assets/page-AAAAAAAA.js"></script></head>'
    )
    return read_page("/team/", tmp_path, URL)


def integrity(name: str) -> str:
    return "sha384-" + base64.b64encode(hashlib.sha384(FILES[name].encode()).digest()).decode()


def test_what_the_html_names_comes_from_there_and_only_with_its_content(page: PageFiles) -> None:
    html = page.html.decode()
    for name in ("page-AAAAAAAA.js", "page-CCCCCCCC.css"):
        assert f'="{URL}{name}" integrity="{integrity(name)}" crossorigin="anonymous"' in html
    assert '"assets/' not in html
    assert '<base href="/team/">' in html


def test_what_modules_import_has_only_its_content_too(page: PageFiles) -> None:
    html = page.html.decode()
    (text,) = re.findall(r'<script type="importmap">(.*?)</script>', html)
    names = [name for name in FILES if name.endswith(".js")]
    assert json.loads(text) == {"integrity": {URL + name: integrity(name) for name in names}}
    assert html.index("importmap") < html.index('type="module"')
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in page.policy


def test_the_policy_has_that_folder_more_and_nothing_else(page: PageFiles, tmp_path: Path) -> None:
    own = dict(part.split(" ", 1) for part in read_page("/", tmp_path).policy.split("; "))
    found = dict(part.split(" ", 1) for part in page.policy.split("; "))
    assert {name for name in own if own[name] != found[name]} == {"script-src", "style-src"}
    assert found["style-src"] == f"'self' {URL}"
    assert found["script-src"].startswith(f"'self' {URL} 'sha256-")
    assert len(found["script-src"].split()) == 3


def test_the_same_files_are_served_here_as_ever(page: PageFiles) -> None:
    assert {name: file.body.decode() for name, file in page.assets.items()} == FILES


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("", ""),
        ("https://cdn.example.org", "https://cdn.example.org/"),
        ("https://cdn.example.org:8443/a/b%20c/", "https://cdn.example.org:8443/a/b%20c/"),
        ("http://127.0.0.1:9000/assets", "http://127.0.0.1:9000/assets/"),
    ],
)
def test_an_address_of_a_folder_has_a_slash_at_its_end(url: str, folder: str) -> None:
    assert checked(url) == folder


@pytest.mark.parametrize(
    "url",
    [
        "cdn.example.org", "//cdn.example.org/", "http://cdn.example.org/", "https://me@cdn.example.org/", "https://cdn.example.org/?x",
        "https://cdn.example.org/#x", "https://cdn.example.org/; script-src *", "https://cdn.example.org/\"><script>", "https://*.org/",
        "https://cdn.example.org/ https://evil.example", "javascript:alert(1)",
    ],
)  # fmt: skip
def test_what_is_no_such_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="no address"):
        checked(url)
