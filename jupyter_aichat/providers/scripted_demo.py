"""The demo's answer: says plainly that no model wrote it, shows what an answer can look like, and how to get a model."""

from __future__ import annotations

import re

_MAX_ECHO = 120
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$&:])")

_ANSWER = """\
**This is a scripted demonstration, not a language model.** No model answers here yet, so the words below were \
written in advance. They show what an answer looks like while it streams.

> You asked: {question}

That question has **{words} {word_form}** and **{characters} characters**. This much the script can tell; \
for a real answer it takes a model, and that is three steps away:

1. Install [Ollama](https://ollama.com/download) and start it with `ollama serve`.
2. Get a model with `ollama pull llama3.2`.
3. Choose it in the list above. It appears there by itself, without a restart.

### What you can ask then

| Ask for | For example |
|---|---|
| an explanation | *What does this error mean?* |
| code | *Plot the columns of `df` against each other.* |
| a review | *What could go wrong in this cell?* |
| mathematics | *Derive the formula for the variance.* |

Code comes highlighted, ready to be copied or put into a cell:

```python
import numpy as np

rng = np.random.default_rng(seed=7)
sample = rng.normal(loc=0.0, scale=1.0, size=1_000)
print(f"mean {{sample.mean():.3f}}, standard deviation {{sample.std():.3f}}")
```

and formulas are set as such, in a line like $\\bar{{x}} = \\frac{{1}}{{n}} \\sum_{{i=1}}^{{n}} x_i$ or on their own:

$$
s^2 = \\frac{{1}}{{n-1}} \\sum_{{i=1}}^{{n}} (x_i - \\bar{{x}})^2
$$

Try the rest with this text, too: **Stop** it, reload the page in the middle of it, rename the chat, edit your \
question. Your chats stay on this machine.
"""


def demo_answer(question: str) -> str:
    """Return the answer to a question: always the same for the same one."""
    words = len(question.split())
    return _ANSWER.format(
        question=_echo(question),
        words=words,
        word_form="word" if words == 1 else "words",
        characters=len(question),
    )


def _echo(question: str) -> str:
    """Return the beginning of the question, in one line and without any Markdown of its own."""
    line = " ".join(question.split())
    if len(line) > _MAX_ECHO:
        line = line[:_MAX_ECHO].rstrip() + "…"
    return _MARKDOWN.sub(r"\\\1", line) or "(nothing)"
