"""What a model writes is harmless in a trusted output, in the parsers that JupyterLab and the panel use."""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from jupyter_aichat.kernel.markdown import inert

MODULES = Path(__file__).parents[2] / "labextension" / "node_modules"
JUPYTERLAB = MODULES / "@jupyterlab" / "markedparser-extension" / "node_modules"
LATEX = MODULES / "@jupyterlab" / "rendermime" / "lib" / "latex.js"
HOSTILE = "<img src=x onerror=alert(1)>"
TAGS = frozenset(
    [
        "p",
        "pre",
        "code",
        "em",
        "strong",
        "del",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "ul",
        "ol",
        "li",
        "blockquote",
        "hr",
        "br",
        "a",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "input",
    ]
)
PIECES = [
    HOSTILE, "<script>", "</script>", "<!--", "-->", "<a href='javascript:x'>", "![a](b)", "[a](javascript:b)",
    "[a](JaVaScRiPt&colon;b)", "[a](data:text/html,b)", "[a](javascript\\:b)", "[r]: javascript:x", "[r]", "\n", "\n\n",
    "\n", "```", "````", "~~~", "```js", "`", "``", "\\`", "\\", " ", "  ", "   ", "    ", "\t", "- ", "1. ", "10. ", "> ",
    "| a | b |\n|---|---|\n", "| ", " | ", "$", "$$", "$x$", "\\(", "\\)", "\\[", "\\]", "\\begin{a}", "\\end{a}", "text", "a`b`", "# ", "&lt;", "&#60;", "*", "_", "\r", "---", "<", ">",
]  # fmt: skip


class Seen(HTMLParser):
    """Collects what a browser would be given."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.bad: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in TAGS:
            self.bad.append(tag)
        for name, value in attrs:
            scheme = re.match(r"[\x00-\x20]*(javascript|vbscript|data):", (value or "").lower())
            if name.startswith("on") or name == "style" or (name in ("href", "src") and scheme):
                self.bad.append(f"{tag} {name}={value}")

    def handle_comment(self, data: str) -> None:
        self.bad.append("comment")


def rendered(texts: list[str], modules: Path) -> list[str]:
    node = shutil.which("node")
    if node is None or not (modules / "marked").exists():
        pytest.skip("no Node or no front end's packages here: `make build` has both")
    script: list[str | Path] = [node, Path(__file__).with_name("render.mjs"), modules / "marked" / "package.json"]
    latex: list[str | Path] = [LATEX] if modules == JUPYTERLAB else []
    done = subprocess.run([*script, *latex], input=json.dumps(texts), capture_output=True, text=True, check=True)
    found: list[str] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("modules", [MODULES, JUPYTERLAB], ids=["panel", "jupyterlab"])
@pytest.mark.parametrize("seed", range(4))
def test_nothing_that_runs_comes_through(modules: Path, seed: int) -> None:
    chance = random.Random(seed)
    texts = ["".join(chance.choices(PIECES, k=chance.randint(1, 24))) for _ in range(5000)]
    for text, html in zip(texts, rendered([inert(text).text for text in texts], modules), strict=True):
        assert Seen(html).bad == [], (text, inert(text).text, html)


@pytest.mark.parametrize(
    "text",
    [
        "para ` open\n` " + HOSTILE + " `",
        "| ` | " + HOSTILE + " | ` |\n|---|---|---|\n| ` | " + HOSTILE + " | ` |",
        "```\n```~\n" + HOSTILE + "\n```",
        "- a\n  ```\n" + HOSTILE + "\n  ```",
        "~~~`" + HOSTILE + "`",
        "a ~~~`" + HOSTILE + "`",
        "$$\n ```\n $$\n" + HOSTILE,
        "~~~ `x`\n~~~\n" + HOSTILE,
        "\\`" + HOSTILE + "`",
        "$5\n ```\n$\n" + HOSTILE + "\n ```",
        "```\n$\n```\na $x$ b\n```\n" + HOSTILE + "\n```",
        "$ $$ $ $$\n ```\n" + HOSTILE + "\n ```",
        "\\begin{x}\n ```\n\\end{x}\n" + HOSTILE,
        "a $x$ ` $ " + HOSTILE + " `",
    ],
)
def test_readers_that_disagree_on_code(text: str) -> None:
    assert HOSTILE not in inert(text).text


@pytest.mark.parametrize(
    "text",
    [
        "plain *text* with `a < b` and `<div>` and 1 & 2",
        "```html\n<div onclick='x'>`</div>\n```",
        "- item\n  ```python\n  if a < b: ...\n  ```\n  more",
        "````md\n```\n<b>\n```\n````",
        "a\n\n~~~\n<x>\n~~~\n\nb `<c>` d",
        "see [x](https://example.org/?a=1&b=2)",
        "it takes $O(n)$ or\n\n$$\nO(n^2)\n$$\n\n```cpp\n#include <vector>\n```\n\nand \\(x\\),\n\nwith `<x>` there",
        "```sh\necho $HOME < in\n```\n\nreads `<in>`",
    ],
)
def test_what_is_harmless_stays_as_it_is(text: str) -> None:
    assert inert(text) == (text, "")


def test_an_open_fence_is_known() -> None:
    assert inert("a\n  ````c\n  x").closing == "  ````"
    assert inert("a\n```\nx\n```").closing == ""


def test_text_is_shown_as_it_was_written() -> None:
    assert inert("<b> &lt; ![a](b)").text == "&lt;b> &amp;lt; &#33;[a](b)"
