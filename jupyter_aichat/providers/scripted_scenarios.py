"""What each scripted model says, by its name. All but `demo` are for tests.

======================  ================================================================
``counter``             " 1 2 … 400", as fast as it is read
``counter-<n>-<ms>``    " 1 2 … n", `ms` apart
``endless-<ms>``        counts without end, `ms` apart
``thinker``             thinks " a b … t", then " 1 2 … 40"
``tooler``              asks for the tool get_time({"zone": "UTC"})
``echo``                the last question
``markdown-<kB>``       Markdown of that size, about 25 characters every 5 ms
``code-<kB>``           one block of code of that size, about 4 kB every 5 ms
``slow-load-<ms>``      silent for `ms`, then as ``counter``
``fail-<code>-after-<n>``   counts to `n`, then fails with that code of `ProviderError`
``cut-after-<n>``       counts to `n`, then the stream ends without an end
``stall-after-<n>``     counts to `n`, then nothing comes any more
======================  ================================================================
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator

import msgspec

from jupyter_aichat.errors import ProviderError, ProviderTimeout, StreamInterrupted
from jupyter_aichat.providers.base import ToolCallChunk
from jupyter_aichat.providers.scripted_demo import demo_answer

EXAMPLES = (
    "counter",
    "counter-200-20",
    "endless-50",
    "thinker",
    "tooler",
    "echo",
    "markdown-100",
    "code-1000",
    "slow-load-2000",
    "fail-provider_error-after-20",
    "cut-after-20",
    "stall-after-20",
)
_DEMO_PAUSE_S = 1 / 30
_COUNTER_LAST = 400
_THINKER_LAST = 40
_LETTERS = tuple(f" {letter}" for letter in "abcdefghijklmnopqrst")
_TOKEN = re.compile(r"\s*\S+|\s+")
_NUMBER = re.compile(r"(\d+)\D*$")
_SECTION = """\
## Section {n}

Some *prose* of the {n}. section with **strong words**, `code`, a [link](https://example.org/{n}) and $x_{{{n}}}^2$.

- first point of {n}
- second point

| left | right |
|---|---|
| {n} | {n}00 |

```python
def section_{n}(x: float) -> float:
    return x ** {n} + 1  # a comment
```

"""


class Script(msgspec.Struct, frozen=True):
    """What a model says: `tokens`, `pause_s` apart, and at the end the `fault`; a time-out comes after a long silence."""

    tokens: Iterable[str]
    pause_s: float = 0.0
    load_s: float = 0.0
    thinking: tuple[str, ...] = ()
    calls: tuple[ToolCallChunk, ...] = ()
    fault: ProviderError | None = None


class Cue(msgspec.Struct, frozen=True):
    """What a script answers: the last question, and the beginning of the answer where there is one already."""

    question: str
    begun: str = ""


def script_for(name: str, cue: Cue) -> Script | None:
    """Return the script of a model; None where there is none of that name."""
    for pattern, make in _SCRIPTS:
        if found := pattern.fullmatch(name):
            return make(cue, *found.groups())
    return None


def can_continue(name: str) -> bool:
    """Whether a model goes on with an answer that has begun."""
    return name not in ("thinker", "tooler")


def _count(cue: Cue, last: int | None = _COUNTER_LAST) -> Iterator[str]:
    first = _last_number(cue.begun) + 1
    numbers = itertools.count(first) if last is None else range(first, last + 1)
    return (f" {n}" for n in numbers)


def _last_number(text: str) -> int:
    """Return the last number in a text, 0 without one."""
    found = _NUMBER.search(text)
    return int(found[1]) if found else 0


def _rest(text: str, cue: Cue, size: int = 1) -> Iterator[str]:
    """The text from where the answer stopped, in pieces of at least `size` characters that break between words."""
    if cue.begun and text.startswith(cue.begun):
        text = text[len(cue.begun) :]
    piece = ""
    for word in _TOKEN.findall(text):
        piece += word
        if len(piece) >= size:
            yield piece
            piece = ""
    if piece:
        yield piece


def _demo(cue: Cue) -> Script:
    return Script(_rest(demo_answer(cue.question), cue), _DEMO_PAUSE_S)


def _counter(cue: Cue, last: str | None = None, ms: str | None = None) -> Script:
    return Script(_count(cue, int(last or _COUNTER_LAST)), int(ms or 0) / 1000)


def _endless(cue: Cue, ms: str) -> Script:
    return Script(_count(cue, None), int(ms) / 1000)


def _thinker(cue: Cue) -> Script:
    return Script(_count(cue, _THINKER_LAST), thinking=_LETTERS)


def _tooler(_: Cue) -> Script:
    return Script((), calls=(ToolCallChunk("call_scripted", "get_time", {"zone": "UTC"}),))


def _echo(cue: Cue) -> Script:
    return Script(_rest(cue.question, cue))


def _markdown(cue: Cue, kilobytes: str) -> Script:
    return Script(_rest(_sized(_SECTION.format, "", int(kilobytes)), cue, 25), 0.005)


def _code(cue: Cue, kilobytes: str) -> Script:
    text = _sized("value_{n} = compute({n}) + {n}  # line {n}\n".format, "```python\n", int(kilobytes)) + "\n```\n"
    return Script(_rest(text, cue, 4096), 0.005)


def _slow_load(cue: Cue, ms: str) -> Script:
    return Script(_count(cue), load_s=int(ms) / 1000)


def _fail(cue: Cue, code: str, after: str) -> Script | None:
    all_kinds: tuple[type[ProviderError], ...] = (ProviderError, *ProviderError.__subclasses__())
    kinds = {kind.code: kind for kind in all_kinds}
    if code not in kinds:
        return None
    return _failing(cue, after, kinds[code](f"The script of this model fails here ({code})."))


def _cut(cue: Cue, after: str) -> Script:
    return _failing(cue, after, StreamInterrupted("The script of this model ends here without an end."))


def _stall(cue: Cue, after: str) -> Script:
    return _failing(cue, after, ProviderTimeout("The script of this model stopped here.", phase="stall"))


def _failing(cue: Cue, after: str, fault: ProviderError) -> Script:
    """Count to `after` and fail there, once: an answer that is continued comes through."""
    if cue.begun and _last_number(cue.begun) >= int(after):
        return Script(_count(cue))
    return Script(_count(cue, int(after)), fault=fault)


def _sized(section: Callable[..., str], head: str, kilobytes: int) -> str:
    text, size = [head], len(head)
    for n in itertools.count(1):
        if size >= kilobytes * 1000:
            break
        text.append(section(n=n))
        size += len(text[-1])
    return "".join(text)[: kilobytes * 1000]


_SCRIPTS: tuple[tuple[re.Pattern[str], Callable[..., Script | None]], ...] = tuple(
    (re.compile(pattern), make)
    for pattern, make in (
        (r"demo", _demo),
        (r"counter(?:-(\d{1,7})-(\d{1,6}))?", _counter),
        (r"endless-(\d{1,6})", _endless),
        (r"thinker", _thinker),
        (r"tooler", _tooler),
        (r"echo", _echo),
        (r"markdown-(\d{1,5})", _markdown),
        (r"code-(\d{1,5})", _code),
        (r"slow-load-(\d{1,6})", _slow_load),
        (r"fail-([a-z_]+)-after-(\d{1,7})", _fail),
        (r"cut-after-(\d{1,7})", _cut),
        (r"stall-after-(\d{1,7})", _stall),
    )
)
