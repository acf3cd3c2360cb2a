"""Ask a real Ollama a fixed list of questions and write each answer, byte for byte, as JSON Lines.

    python tests/ollama/record.py http://127.0.0.1:11434 OUT.jsonl [HOME]   # with the models of make_models.py

Start the server afresh, or `ps_idle` shows what is still loaded. `show` tells the server's home folder: give it as
HOME, and ~ is written for it.

One line a question: {"name", "method", "path", "body", "status", "content_type", "chunks": [[ms, text]]}.
"""

from __future__ import annotations

import http.client
import json
import sys
import time
import urllib.parse
from pathlib import Path
from typing import Any

# fmt: off
U: list[dict[str, Any]] = [{"role": "user", "content": "hi"}]
TOOL = [{"type": "function", "function": {"name": "get_time", "description": "The time now", "parameters": {
    "type": "object", "properties": {"zone": {"type": "string"}}}}}]
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def chat(model: str = "counter", messages: list[dict[str, Any]] = U, **more: Any) -> dict[str, Any]:
    """Return the body of a chat request."""
    return {"model": model, "messages": messages, **more}


SHORT = {"num_predict": 6}
QUESTIONS: list[tuple[str, str, str, Any]] = [
    ("version", "GET", "/api/version", None),
    ("root", "GET", "/", None),
    ("tags", "GET", "/api/tags", None),
    ("ps_idle", "GET", "/api/ps", None),
    ("show", "POST", "/api/show", {"model": "thinker"}),
    ("show_tools", "POST", "/api/show", {"model": "tooler"}),
    ("show_missing", "POST", "/api/show", {"model": "nope"}),
    ("chat_whole", "POST", "/api/chat", chat()),
    ("chat_length", "POST", "/api/chat", chat(options=SHORT)),
    ("chat_not_streamed", "POST", "/api/chat", chat(stream=False, options=SHORT)),
    ("chat_prefill", "POST", "/api/chat",
     chat(options=SHORT, messages=[*U, {"role": "assistant", "content": " 55 56 57"}])),
    ("chat_think", "POST", "/api/chat", chat("thinker", think=True)),
    ("chat_think_false", "POST", "/api/chat", chat("thinker", think=False, options={"num_predict": 25})),
    ("chat_think_unsaid", "POST", "/api/chat", chat("thinker", options={"num_predict": 25})),
    ("chat_think_length", "POST", "/api/chat", chat("thinker", think=True, options=SHORT)),
    ("chat_think_unsupported", "POST", "/api/chat", chat(think=True)),
    ("chat_tool", "POST", "/api/chat", chat("tooler", tools=TOOL)),
    ("chat_tool_unsupported", "POST", "/api/chat", chat(tools=TOOL)),
    ("chat_stop_sequence", "POST", "/api/chat", chat(options={"stop": [" 5"]})),
    ("chat_logprobs", "POST", "/api/chat", chat(logprobs=True, top_logprobs=2, options={"num_predict": 2})),
    ("chat_json_schema", "POST", "/api/chat", chat(
        format={"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}, options=SHORT)),
    ("chat_missing_model", "POST", "/api/chat", chat("nope")),
    ("chat_no_model", "POST", "/api/chat", {"messages": U}),
    ("chat_empty_loads", "POST", "/api/chat", chat(messages=[])),
    ("chat_keep_alive_0_unloads", "POST", "/api/chat", chat(messages=[], keep_alive=0)),
    ("chat_bad_json", "POST", "/api/chat", "{not json"),
    ("chat_no_body", "POST", "/api/chat", ""),
    ("chat_wrong_type", "POST", "/api/chat", {"model": 7, "messages": U}),
    ("chat_bad_option_type", "POST", "/api/chat", chat(options={"temperature": "hot"})),
    ("chat_unknown_option", "POST", "/api/chat", chat(options={"wobble": 1, **SHORT})),
    ("chat_bad_role", "POST", "/api/chat", chat(messages=[{"role": "robot", "content": "hi"}], options=SHORT)),
    ("chat_image_unsupported", "POST", "/api/chat", chat(
        messages=[{"role": "user", "content": "what is it", "images": [PNG]}], options=SHORT)),
    ("chat_bad_image", "POST", "/api/chat", chat(messages=[{"role": "user", "content": "what", "images": ["@@"]}])),
    ("chat_bad_format", "POST", "/api/chat", chat(format="xml")),
    ("chat_cut_prompt", "POST", "/api/chat", chat(options={"num_ctx": 64, **SHORT},
        messages=[{"role": "user", "content": "x" * 40}, {"role": "assistant", "content": "y" * 40}] * 6 + U)),
    ("chat_single_too_long", "POST", "/api/chat", chat(options={"num_ctx": 64, **SHORT},
        messages=[{"role": "user", "content": "x" * 400}])),
    ("chat_truncate_false", "POST", "/api/chat", chat(truncate=False, options={"num_ctx": 64, **SHORT},
        messages=[{"role": "user", "content": "x" * 400}])),
    ("chat_context_full", "POST", "/api/chat", chat("endless", options={"num_ctx": 64, "num_predict": 120})),
    ("chat_context_full_no_shift", "POST", "/api/chat", chat("endless", shift=False, options={"num_ctx": 64, "num_predict": 120})),
    ("ps_loaded", "GET", "/api/ps", None),
    ("generate", "POST", "/api/generate", {"model": "counter", "prompt": "hi", "options": SHORT}),
    ("embed", "POST", "/api/embed", {"model": "counter", "input": ["a"], "truncate": True}),
    ("openai_models", "GET", "/v1/models", None),
    ("openai_chat", "POST", "/v1/chat/completions",
     {**chat(), "stream": True, "max_tokens": 4, "stream_options": {"include_usage": True}}),
    ("openai_missing", "POST", "/v1/chat/completions", chat("nope", stream=True)),
    ("copy", "POST", "/api/copy", {"source": "counter", "destination": "counter2"}),
    ("copy_missing", "POST", "/api/copy", {"source": "nope", "destination": "x"}),
    ("create_from", "POST", "/api/create", {
        "model": "pirate", "from": "counter", "system": "Speak as a pirate.", "parameters": {"temperature": 0.5}}),
    ("create_missing_base", "POST", "/api/create", {"model": "p2", "from": "nope"}),
    ("show_created", "POST", "/api/show", {"model": "pirate"}),
    ("delete", "DELETE", "/api/delete", {"model": "counter2"}),
    ("delete_again", "DELETE", "/api/delete", {"model": "counter2"}),
    ("delete_created", "DELETE", "/api/delete", {"model": "pirate"}),
    ("pull_unreachable", "POST", "/api/pull", {"model": "registry.invalid/library/nope"}),
    ("unknown_route", "GET", "/api/wobble", None),
]
# fmt: on


def ask(host: str, port: int, method: str, path: str, body: Any) -> tuple[int, str | None, list[tuple[float, str]]]:
    """Send one request; return status, content type and the chunks with the ms after which each came."""
    conn = http.client.HTTPConnection(host, port, timeout=60)
    data = None if body is None else body if isinstance(body, str) else json.dumps(body)
    start = time.monotonic()
    conn.request(method, path, data, {"Content-Type": "application/json"} if data is not None else {})
    answer = conn.getresponse()
    chunks = []
    while chunk := answer.read1(65536):
        chunks.append((round((time.monotonic() - start) * 1000, 1), chunk.decode()))
    conn.close()
    return answer.status, answer.getheader("Content-Type"), chunks


def main() -> None:
    """Ask all questions of the server that the command line names."""
    url = urllib.parse.urlsplit(sys.argv[1])
    home = sys.argv[3] if len(sys.argv) > 3 else str(Path.home())
    with Path(sys.argv[2]).open("w", encoding="utf-8") as out:
        for name, method, path, body in QUESTIONS:
            status, kind, chunks = ask(url.hostname or "127.0.0.1", url.port or 11434, method, path, body)
            row = {"name": name, "method": method, "path": path, "body": body}
            row |= {"status": status, "content_type": kind, "chunks": chunks}
            out.write(json.dumps(row, ensure_ascii=False).replace(home, "~") + "\n")
            print(f"{name:28} {status} {len(chunks):4} chunks  {(chunks[-1][1] if chunks else '').strip()[-150:]}")


if __name__ == "__main__":
    main()
