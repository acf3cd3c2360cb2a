"""`%chat` and `%%chat` in a real kernel under a real server."""

from __future__ import annotations

import time

import pytest

from tests.kernel.chats import messages, newest_chat, shown_branch, text_of, texts
from tests.kernel.kernels import Kernel
from tests.server.client import counted
from tests.server.process import Server


def test_an_answer_streams_into_the_cell_and_is_the_chat_of_the_panel(fresh: Kernel, server: Server) -> None:
    done = fresh.run("%%chat --model counter-200-20\nCount to 200.")
    assert (done.status, done.errors) == ("ok", [])
    assert done.answer == counted(200)
    assert 10 < len(done.versions) < 80  # four seconds, ten a second at most
    grown = [version for version in done.versions[1:-1] if version != "*…*"]
    assert all(counted(200).startswith(version) for version in grown)
    assert grown == sorted(grown, key=len)
    assert done.markdown.endswith(" · 200 tokens</small>")
    chat = newest_chat(server)
    assert texts(server, chat["id"]) == ["Count to 200.", counted(200)]
    assert chat["model"] == "counter-200-20"


def test_the_answer_is_in_the_chat_while_it_streams(fresh: Kernel, server: Server) -> None:
    running = fresh.begin("%chat --model counter-200-20 go")
    fresh.wait(lambda: " 5" in fresh.shown(running))
    question, reply = messages(server, newest_chat(server)["id"])
    assert (text_of(question), reply["status"]) == ("go", "streaming")
    assert counted(200).startswith(text_of(reply))
    fresh.end(running)


def test_cells_go_on_with_one_chat(fresh: Kernel, server: Server) -> None:
    fresh.run("%chat one", "a")
    fresh.run("%%chat\ntwo", "b")
    assert shown_branch(server) == ["one", "one", "two", "two"]


def test_free_text_needs_no_partner_for_its_quotes(fresh: Kernel, server: Server) -> None:
    done = fresh.run("""%chat what's "this $HOME {x} ?""")
    assert done.status == "ok", done.errors
    assert shown_branch(server)[0] == """what's "this $HOME {x} ?"""


def test_options(fresh: Kernel, server: Server) -> None:
    done = fresh.run("%%chat --model echo --system 'Be brief.' --temperature 0.5 --num-ctx 4096 --raw\n{{ 1 }}")
    assert done.status == "ok", done.errors
    chat = newest_chat(server)
    assert chat["options"] == {"temperature": 0.5, "num_ctx": 4096, "system": "Be brief."}
    fresh.run(f"%chat --chat {chat['id']}")
    fresh.run("%chat again")
    assert newest_chat(server)["id"] == chat["id"]
    fresh.run("%chat --chat new another")
    assert newest_chat(server)["id"] != chat["id"]
    fresh.run(f"%chat -c {chat['id']} back")
    assert newest_chat(server)["id"] == chat["id"]


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("%chat --nonsense x", "There is no option --nonsense; `%chat --help` lists them."),
        ("%chat --temperature 3 x", "--temperature: Expected `float` <= 2.0."),
        ("%chat --temperature warm x", "--temperature: Expected `float`, got `str`."),
        ("%chat --model", "--model needs a value; `%chat --help` lists the options."),
        ("%chat --chat nowhere x", "There is no such chat."),
        ("%chat --chat ../../x x", "There is no such address here."),
        ("%%chat\n \n", "The cell is empty: write the question below %%chat."),
        ("%chat --model counter --temperature 1", "These options go with a question: write it after them, or in a %%chat cell."),
    ],
)  # fmt: skip
def test_an_error_is_one_line_without_a_traceback(fresh: Kernel, cell: str, said: str) -> None:
    done = fresh.run(cell)
    assert (done.status, done.errors) == ("error", [said])
    assert done.printed == ""


def test_a_model_that_fails_says_why_and_leaves_its_text(fresh: Kernel) -> None:
    done = fresh.run("%chat --model fail-provider_error-after-20 go")
    assert done.answer == counted(20)
    assert done.errors == ["The script of this model fails here (provider_error)."]
    assert done.markdown.endswith(" · failed</small>")


def test_a_model_that_is_not_there(fresh: Kernel) -> None:
    (error,) = fresh.run("%chat --model nowhere go").errors
    assert "ollama" in error


def test_an_interrupt_stops_the_answer_within_a_second_and_keeps_its_text(fresh: Kernel, server: Server) -> None:
    running = fresh.begin("%chat --model endless-20 go")
    fresh.wait(lambda: " 9" in fresh.shown(running))
    asked = time.monotonic()
    fresh.interrupt()
    done = fresh.end(running)
    assert time.monotonic() - asked < 1
    assert done.status == "error"
    assert done.errors == ["Interrupted: the answer was stopped, its text is kept."]
    reply = messages(server, newest_chat(server)["id"])[-1]
    assert (reply["status"], text_of(reply)) == ("stopped", done.answer)
    assert " · stopped</small>" in done.markdown


def test_an_interrupt_before_the_first_word(fresh: Kernel, server: Server) -> None:
    running = fresh.begin("%chat --model slow-load-2000 go")
    fresh.wait(lambda: len(fresh.shown(running)) > 0)
    fresh.wait(lambda: text_of(messages(server, newest_chat(server)["id"])[0]) == "go")
    asked = time.monotonic()
    fresh.interrupt()
    assert fresh.end(running).status == "error"
    assert time.monotonic() - asked < 1
    assert messages(server, newest_chat(server)["id"])[-1]["status"] == "stopped"


def test_an_interrupt_ends_a_loop_and_the_cells_behind_it(fresh: Kernel) -> None:
    running = fresh.begin("for n in range(3):\n    get_ipython().run_line_magic('chat', '--model endless-20 go')")
    behind = fresh.begin("print('went on')")
    fresh.wait(lambda: " 9" in fresh.shown(running))
    fresh.interrupt()
    assert fresh.end(running).status == "error"
    fresh.wait(lambda: [m for m in fresh.answers(behind) if m["msg_type"] == "execute_reply"])
    assert [m["content"]["status"] for m in fresh.answers(behind) if m["msg_type"] == "execute_reply"] == ["aborted"]


def test_a_stop_from_the_panel_ends_the_cell(fresh: Kernel, server: Server) -> None:
    running = fresh.begin("%chat --model endless-20 go")
    fresh.wait(lambda: " 9" in fresh.shown(running))
    reply = messages(server, newest_chat(server)["id"])[-1]
    server.json("DELETE", f"/runs/{reply['run_id']}")
    done = fresh.end(running)
    assert (done.status, done.errors) == ("ok", [])
    assert " · stopped</small>" in done.markdown


def test_running_a_cell_again_asks_beside_its_earlier_question(fresh: Kernel, server: Server) -> None:
    fresh.run("%%chat\nfirst", "cell")
    fresh.run("%%chat\nsecond", "cell")
    chat = newest_chat(server)
    one, _, two, _ = messages(server, chat["id"])
    assert (one["parent_id"], two["parent_id"]) == (None, None)
    assert shown_branch(server) == ["second", "second"]


def test_without_cell_ids_the_text_tells_cells_apart(fresh: Kernel, server: Server) -> None:
    for text in ("same", "other", "other"):
        fresh.run(f"%%chat\n{text}")
    assert shown_branch(server) == ["same", "same", "other", "other"]
    assert len(messages(server, newest_chat(server)["id"])) == 6


def test_running_all_cells_again_makes_one_new_branch(fresh: Kernel, server: Server) -> None:
    for _ in range(2):
        fresh.run("%chat one\n%chat two", "a")
        fresh.run("%%chat\nthree", "b")
    assert shown_branch(server) == ["one", "one", "two", "two", "three", "three"]
    assert len(messages(server, newest_chat(server)["id"])) == 12


def test_a_chat_that_was_deleted_is_replaced(fresh: Kernel, server: Server) -> None:
    fresh.run("%chat one", "a")
    gone = newest_chat(server)["id"]
    server.json("DELETE", f"/chats/{gone}")
    assert fresh.run("%chat two", "a").status == "ok"
    assert shown_branch(server) == ["two", "two"]
    assert newest_chat(server)["id"] != gone


def test_values_are_put_in_and_shown(fresh: Kernel, server: Server) -> None:
    done = fresh.run("rows = ['a`b']\n%chat say {{ rows[0] }} and {{ nothing }}")
    assert done.markdown.startswith("```\nsay a`b and {{ nothing }}\n```\n\nsay a`b")
    assert shown_branch(server)[0] == "say a`b and {{ nothing }}"


def test_a_value_that_cannot_be_had_asks_nothing(fresh: Kernel, server: Server) -> None:
    before = server.json("GET", "/chats")
    done = fresh.run("rows = []\n%chat {{ rows[0] }}")
    assert done.errors == ["{{ rows[0] }}: IndexError: list index out of range"]
    assert server.json("GET", "/chats") == before


def test_what_a_model_writes_is_no_html(fresh: Kernel) -> None:
    done = fresh.run("""%chat <img src=x onerror="alert(1)"> [x](javascript:alert(1)) ![x](http://example.org/x.png)""")
    assert "<img" not in done.markdown
    assert "javascript:" not in done.markdown
    assert "![" not in done.markdown
    assert done.contents("display_data")[0]["data"].keys() == {"text/markdown", "text/plain"}


def test_chat_alone_says_what_is_in_use(fresh: Kernel, server: Server) -> None:
    assert "a new one" in fresh.run("%chat").printed
    fresh.run("%chat hello there")
    said = fresh.run("%chat").printed
    assert f"hello there ({newest_chat(server)['id']})" in said
    assert "echo (the default)" in said
    assert server.url.rstrip("/") in said
    assert "--help" in said
    fresh.run("%chat --model counter-200-20")
    assert "model   counter-200-20" in fresh.run("%chat").printed
    fresh.run("%chat --model echo")
    assert "-m, --model NAME" in fresh.run("%chat --help").printed


def test_a_thinking_models_thoughts_are_left_out(fresh: Kernel) -> None:
    done = fresh.run("%chat --model thinker go")
    assert done.answer == counted(40)


def test_a_notebook_that_is_busy_elsewhere_is_told(fresh: Kernel, server: Server) -> None:
    fresh.run("%chat first")
    chat = newest_chat(server)["id"]
    sent = server.json("POST", f"/chats/{chat}/messages", {"text": "from the panel", "model": "endless-20"})
    (error,) = fresh.run("%chat second").errors
    assert error == "This answer is still being written; wait for it or stop it."
    server.json("DELETE", f"/runs/{sent['run']['id']}")
