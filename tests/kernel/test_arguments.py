"""The words after `%chat`."""

from __future__ import annotations

import pytest

from jupyter_aichat.domain.options import Options
from jupyter_aichat.errors import InvalidRequest
from jupyter_aichat.kernel.arguments import Arguments, parse


@pytest.mark.parametrize(
    ("line", "parsed"),
    [
        ("", Arguments()),
        ("what's up", Arguments("what's up")),
        ("-1 is less than --2", Arguments("-1 is less than --2")),
        ("a --model b", Arguments("a --model b")),
        ("-m llama3.2 what's up", Arguments("what's up", model="llama3.2")),
        ("--model=llama3.2:1b  x", Arguments("x", model="llama3.2:1b")),
        ("--chat new", Arguments(chat="new")),
        ("-c abc --raw {{ x }}", Arguments("{{ x }}", chat="abc", raw=True)),
        (
            "--system 'Be brief.' --temperature 0 x",
            Arguments("x", options=Options(temperature=0.0, system="Be brief.")),
        ),
        ('--system "" x', Arguments("x", options=Options(system=""))),
        ("--system it's x", Arguments("x", options=Options(system="it's"))),
        ("--num-ctx 8192", Arguments(options=Options(num_ctx=8192))),
        ("-- --model is an option", Arguments("--model is an option")),
        ("-h", Arguments(help=True)),
    ],
)
def test_a_line(line: str, parsed: Arguments) -> None:
    assert parse(line) == parsed


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--nonsense x", "There is no option --nonsense;"),
        ("-x", "There is no option -x;"),
        ("--model", "--model needs a value;"),
        ("--temperature 3", "--temperature: Expected `float` <= 2.0."),
        ("--num-ctx 1", "--num-ctx: Expected `int` >= 256."),
        ("--num-ctx many", "--num-ctx: Expected `int`, got `str`."),
    ],
)
def test_a_line_that_cannot_be_meant(line: str, said: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        parse(line)
    assert raised.value.message.startswith(said)
