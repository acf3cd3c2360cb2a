"""What a service tells a collector of OpenTelemetry: where the time of an answer went, and never what was said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from tests.collector import ENVIRONMENT, Collector, Seen, collecting
from tests.service_app.process import Person, Service, running

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SEND = "POST /chats/{chat_id}/messages"
MODEL = "counter-40-2"


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as found:
        yield found


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, collector: Collector) -> Iterator[Service]:
    arguments = (
        "--Passwords.cost=4", "--AIChatApp.logs=json", "--AIChatApp.trusted_proxies=127.0.0.1", f"--ScriptedProvider.names={MODEL}",
        "--ScriptedProvider.names=fail-provider_error-after-20",
        f"--AIChatApp.default_model={MODEL}", f"--Admission.capacity={{'{MODEL}': 1}}", f"--AIChatApp.traces_url={collector.url}",
        "--ServerApp.log_level=DEBUG",
    )  # fmt: skip
    with running(tmp_path_factory.mktemp("service"), *arguments, environment=ENVIRONMENT) as service:
        yield service


def of(collector: Collector, run_id: str) -> tuple[Seen, list[Seen]]:
    """Return the span of a run, once it has ended, and all spans of its trace, once the request is there too."""

    def found(spans: list[Seen]) -> Any:
        runs = [span for span in spans if span.name == "run" and span.attributes["aichat.run.id"] == run_id]
        trace = [span for span in spans if runs and span.trace_id == runs[0].trace_id]
        return (runs[0], trace) if any(span.kind == 2 for span in trace) else None

    seen: tuple[Seen, list[Seen]] = collector.wait(found)
    return seen


def ended(person: Person, sent: Any) -> str:
    run: str = sent["run"]["id"]
    person.http.get(f"/runs/{run}/events").raise_for_status()
    return run


def test_an_answer_is_one_trace(service: Service, ada: Person, collector: Collector) -> None:
    """From the request of the proxy to the model, with what was asked of the store on the way."""
    chat = ada.json("POST", "/chats", {})["id"]
    headers = {"traceparent": f"00-{TRACE}-{SPAN}-01", "X-Request-Id": f"traced-{uuid4()}"}
    answered = ada.http.post(f"/chats/{chat}/messages", json={"text": "Count."}, headers=headers)
    run, trace = of(collector, ended(ada, answered.json()))
    spans = {span.name: span for span in trace}
    request, model = spans[SEND], spans[f"chat {MODEL}"]
    assert (request.trace_id, request.parent_id, request.kind) == (TRACE, SPAN, 2)
    assert request.attributes == {
        "http.request.method": "POST", "http.route": "/chats/{chat_id}/messages", "http.response.status_code": 202,
        "aichat.request.id": headers["X-Request-Id"],
    }  # fmt: skip
    assert [run.parent_id, model.parent_id, spans["queue"].parent_id] == [request.span_id, run.span_id, run.span_id]
    assert (spans["store.commit"].parent_id, spans["store.end_run"].parent_id) == (request.span_id, run.span_id)
    assert run.attributes["aichat.run.state"] == "completed"
    assert run.attributes["gen_ai.conversation.id"] == chat
    wanted = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "scripted", "gen_ai.request.model": MODEL}
    assert {name: model.attributes[name] for name in wanted} == wanted
    assert model.attributes["gen_ai.usage.output_tokens"] == 40
    assert model.attributes["gen_ai.response.finish_reasons"] == ["stop"]
    assert 0 < model.attributes["gen_ai.response.time_to_first_chunk"] < model.seconds
    assert model.events == ("first_token",)
    assert not any(span.failed for span in trace)
    assert len(trace) < 40, "there are spans for tokens"
    assert collector.paths == {"/v1/traces"}
    assert {span.resource["service.name"] for span in trace} == {"jupyter_aichat"}


def test_the_log_names_the_trace(service: Service, ada: Person, collector: Collector) -> None:
    run, trace = of(collector, ended(ada, ada.send("fail-provider_error-after-20")))
    assert (run.failed, run.attributes["error.type"]) == (True, "provider_error")
    assert next(span for span in trace if span.name.startswith("chat ")).attributes["error.type"] == "provider_error"
    lines = [json.loads(line) for line in service.log.read_text().splitlines()]
    (line,) = [line for line in lines if line["message"].endswith("is failed: provider_error")]
    assert (line["trace_id"], line["span_id"]) == (run.trace_id, run.span_id)


def test_who_waits_in_line_has_a_long_span_there(service: Service, ada: Person, collector: Collector) -> None:
    first, second = ada.send(MODEL), ada.send(MODEL)
    for sent in (first, second):
        ended(ada, sent)
    waited = [
        next(s for s in of(collector, sent["run"]["id"])[1] if s.name == "queue").seconds for sent in (first, second)
    ]
    assert waited[1] > max(waited[0], 0.05)


async def test_frames_of_a_socket_are_traces_of_their_own(service: Service, ada: Person, collector: Collector) -> None:
    socket = await service.socket(ada.token)
    await socket.write({"type": "send", "id": 1, "text": "Count.", "model": MODEL})
    await socket.write({"type": "send", "id": 2, "text": "", "model": MODEL})
    refused = None
    while (frame := await socket.frame())["type"] != "event" or frame["event"]["type"] != "run_finished":
        refused = frame["code"] if frame["type"] == "error" else refused
    run, trace = of(collector, frame["run_id"])
    (begun,) = [span for span in trace if span.name == "frame send"]
    assert (begun.parent_id, run.parent_id) == ("", begun.span_id)
    (failed,) = collector.wait(lambda _: collector.named("frame send", error__type="invalid_request"))
    assert (refused, failed.trace_id != begun.trace_id) == ("invalid_request", True)


@pytest.mark.parametrize(
    "header", ["", "rubbish", "00-" + "0" * 32 + f"-{SPAN}-01", f"00-{TRACE}-{SPAN}-01-x", "x" * 5000]
)
def test_a_header_that_is_none_begins_a_trace(service: Service, ada: Person, collector: Collector, header: str) -> None:
    name = f"odd-{uuid4()}"
    assert ada.http.get("/me", headers={"traceparent": header, "X-Request-Id": name}).status_code == 200
    (span,) = collector.wait(lambda _: collector.named("GET /me", aichat__request__id=name))
    assert span.parent_id == ""
    assert span.trace_id not in (TRACE, "0" * 32)


def test_what_is_not_kept_elsewhere_is_not_kept_here(service: Service, ada: Person, collector: Collector) -> None:
    trace = uuid4().hex
    for flags in ("00", "01"):
        answered = ada.http.get(
            "/me", headers={"traceparent": f"00-{trace}-{SPAN}-{flags}", "X-Request-Id": f"flags-{flags}"}
        )
        assert answered.status_code == 200
    collector.wait(lambda _: collector.named("GET /me", aichat__request__id="flags-01"))
    assert not collector.named("GET /me", aichat__request__id="flags-00")


async def test_what_is_said_is_in_no_span(service: Service, ada: Person, collector: Collector) -> None:
    canary = f"canary{uuid4().hex}"
    chat = ada.json("POST", "/chats", {"title": canary})["id"]
    for fields in ({}, {"model": canary}, {"options": {"system": canary}}, {"model": "echo"}):
        sent = ada.json("POST", f"/chats/{chat}/messages", {"text": canary, **fields})
        of(collector, ended(ada, sent))
    ada.http.get("/chats", params={"q": canary})
    ada.http.get(f"/shared/{canary}")
    ada.http.get(f"/{canary}", headers={"User-Agent": canary, "Referer": canary})
    service.http.post("/auth/login", json={"username": canary, "password": canary})
    collector.wait(lambda _: collector.named("POST /auth/login"))
    sent_bytes = b"".join(collector.raw)
    for secret in (canary, ada.token, ada.owner_id, ada.name, "127.0.0.1"):
        assert secret.encode() not in sent_bytes, secret


def test_balancers_and_streams_have_no_spans(service: Service, ada: Person, collector: Collector) -> None:
    for path in ("/health", "/ready"):
        service.http.get(path)
    ended(ada, ada.send(MODEL))
    name = f"last-{uuid4()}"
    ada.http.get("/me", headers={"X-Request-Id": name})
    collector.wait(lambda _: collector.named("GET /me", aichat__request__id=name))
    names = {span.name for span in collector.spans}
    assert not names & {"GET /health", "GET /ready", "GET /runs/{run_id}/events", "bus.append"}


def test_the_last_spans_leave_when_the_service_ends(service: Service, ada: Person, collector: Collector) -> None:
    name = f"last-{uuid4()}"
    ada.http.get("/me", headers={"X-Request-Id": name})
    assert service.terminate() == 0
    assert collector.named("GET /me", aichat__request__id=name)
