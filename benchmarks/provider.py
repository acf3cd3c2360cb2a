"""The relay of the Ollama provider alone: a fast local fake, the provider, nothing behind it.

    python -m benchmarks.provider [--streams 16] [--paced 200] [--seconds 5]

Bursts: `--streams` answers at once, eight tokens to a write, each token an HTTP chunk of its own as Ollama sends them;
tokens per second. Paced: `--paced` answers of 20 tokens/s, a write each; CPU microseconds per token of this process.
First token: one answer at a time, against a bare socket to the same server. The fake runs in a process of its own,
where there are two cores on the other one.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import sys
import time
from urllib.parse import urlsplit

from jupyter_aichat.domain.part import TextPart
from jupyter_aichat.providers.base import ChatRequest, Chunk, PromptMessage, TextChunk
from jupyter_aichat.providers.ollama import OllamaProvider

HEADERS = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
RATE = 20
BURST_TOKENS = 20_000
PER_WRITE = 8
QUESTION = (PromptMessage("user", (TextPart("hi"),)),)
SHOW = b'{"template":"{{ .Prompt }}","capabilities":["completion"],"model_info":{"x.context_length":8192}}'


def http_chunk(text: str, *, done: bool = False) -> bytes:
    line: dict[str, object] = {
        "model": "fake",
        "created_at": "2026-11-22T15:19:06.012079138Z",
        "message": {"role": "assistant", "content": text},
        "done": done,
    }
    if done:
        line |= {"done_reason": "stop", "eval_count": 1, "eval_duration": 1}
    data = json.dumps(line, separators=(",", ":")).encode() + b"\n"
    return b"%x\r\n%s\r\n" % (len(data), data)


TOKEN = http_chunk(" token")
END = http_chunk("", done=True) + b"0\r\n\r\n"


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Serve `/api/show`, and `/api/chat` for the models `burst`, `paced-<tokens>` and `one`."""
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            lengths = [int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            body = json.loads(await reader.readexactly(lengths[0])) if lengths else {}
            if b"/api/show" in head:
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(SHOW)
                )
                writer.write(SHOW)
            else:
                await chat(body["model"], writer)
            await writer.drain()
    writer.close()


async def chat(model: str, writer: asyncio.StreamWriter) -> None:
    if model == "burst":
        writer.write(HEADERS)
        for _ in range(BURST_TOKENS // PER_WRITE):
            writer.write(TOKEN * PER_WRITE)
            await writer.drain()
    elif model == "one":
        writer.write(HEADERS + TOKEN)
    else:
        loop = asyncio.get_running_loop()
        due = loop.time() + hash(writer) % 50 / 1000  # spread over the interval
        writer.write(HEADERS)
        for _ in range(int(model.removeprefix("paced-"))):
            due += 1 / RATE
            await asyncio.sleep(due - loop.time())
            writer.write(TOKEN)
    writer.write(END)


async def serve() -> None:
    pin(0)
    server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=4096)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    async with server:
        await server.serve_forever()


def pin(core: int) -> None:
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 1:
        os.sched_setaffinity(0, {cores[core]})


async def read(provider: OllamaProvider, model: str) -> int:
    """Return the number of tokens of an answer."""
    size = 0

    def hear(chunks: tuple[Chunk, ...]) -> None:
        nonlocal size
        for chunk in chunks:
            if isinstance(chunk, TextChunk):
                size += len(chunk.text)

    await provider.chat(ChatRequest(model, QUESTION, 8192), hear)
    return size // len(" token")


async def measure(provider: OllamaProvider, model: str, streams: int) -> tuple[int, float, float]:
    """Return tokens, seconds and CPU seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    counts = await asyncio.gather(*(read(provider, model) for _ in range(streams)))
    return sum(counts), time.perf_counter() - wall, time.process_time() - cpu


async def first_token_ms(provider: OllamaProvider) -> float:
    started = time.perf_counter()
    heard: list[float] = []
    await provider.chat(ChatRequest("one", QUESTION, 8192), lambda _: heard.append(time.perf_counter() - started))
    return heard[0] * 1000


async def bare_first_token_ms(url: str) -> float:
    body = b'{"model":"one"}'
    address = urlsplit(url)
    started = time.perf_counter()
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(b"POST /api/chat HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    await reader.readuntil(b"done")
    seconds = time.perf_counter() - started
    writer.close()
    await writer.wait_closed()
    return seconds * 1000


async def run(url: str, streams: int, paced: int, seconds: int) -> None:
    pin(-1)
    provider = OllamaProvider(url=url)
    await provider.open()
    await read(provider, "one")
    own = statistics.median([await first_token_ms(provider) for _ in range(200)])
    bare = statistics.median([await bare_first_token_ms(url) for _ in range(200)])
    print(f"first token: {own:.2f} ms, bare socket {bare:.2f} ms (median of 200)")
    for _ in range(3):
        tokens, wall, cpu = await measure(provider, "burst", streams)
        print(f"bursts: {tokens / wall:,.0f} tokens/s, {cpu / tokens * 1e6:.2f} us CPU/token ({streams} streams)")
    for _ in range(2):
        tokens, wall, cpu = await measure(provider, f"paced-{seconds * RATE}", paced)
        print(f"paced: {cpu / tokens * 1e6:.1f} us CPU/token, {tokens / wall:,.0f} tokens/s ({paced} streams)")
    await provider.close()


async def main() -> None:
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("--streams", type=int, default=16)
    cli.add_argument("--paced", type=int, default=200)
    cli.add_argument("--seconds", type=int, default=5)
    cli.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    args = cli.parse_args()
    if args.serve:
        await serve()
        return
    command = (sys.executable, "-m", "benchmarks.provider", "--serve")
    server = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    try:
        assert server.stdout is not None
        await run((await server.stdout.readline()).decode().strip(), args.streams, args.paced, args.seconds)
    finally:
        server.kill()
        await server.wait()


if __name__ == "__main__":
    asyncio.run(main())
