"""Who may read the metrics of a service, and what its log says: JSON, each line with the request and run that it is about."""

from __future__ import annotations

import json
import time
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.metrics.scrape import Scrape
from tests.service_app.process import Person, Service

TOKEN = "a-token-for-the-metrics-" + "0" * 16
Line = dict[str, Any]


@pytest.fixture(scope="module")
def service_arguments(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    file = tmp_path_factory.mktemp("token") / "metrics-token"
    file.write_text(f"{TOKEN}\n")
    return (f"--AIChatApp.metrics_token_file={file}", "--AIChatApp.logs=json", "--ServerApp.log_level=DEBUG")


def lines(service: Service, **wanted: str) -> list[Line]:
    """Return the lines of the log that have these fields; every line must be JSON."""
    found = [json.loads(line) for line in service.log.read_text().splitlines(keepends=True) if line.endswith("\n")]
    return [line for line in found if all(line.get(name) == value for name, value in wanted.items())]


def logged(service: Service, **wanted: str) -> list[Line]:
    """Return the same, once there are any: an answer is read before the line about it is written."""
    deadline = time.monotonic() + 10
    while not (found := lines(service, **wanted)):
        assert time.monotonic() < deadline, f"nothing is logged about {wanted}"
        time.sleep(0.02)
    return found


def answer(person: Person, text: str = "Count.", **kwargs: Any) -> tuple[str, httpx.Response]:
    """Ask and wait for the end; return the run and what the send was answered with."""
    chat = person.json("POST", "/chats", {})["id"]
    sent = person.http.post(f"/chats/{chat}/messages", json={"text": text, **kwargs.pop("fields", {})}, **kwargs)
    run = sent.json()["run"]["id"]
    person.http.get(f"/runs/{run}/events").raise_for_status()
    return run, sent


# The metrics


def test_administrators_and_the_token_may_ask_and_nobody_else(service: Service, ada: Person, admin: Person) -> None:
    assert service.http.get("/metrics").status_code == 401
    assert ada.http.get("/metrics").status_code == 403
    assert service.client(service.personal_token(admin, "chats:read")).get("/metrics").status_code == 403
    assert service.client(TOKEN[:-1] + "1").get("/metrics").status_code == 401
    assert service.http.get("/metrics", params={"token": TOKEN}).status_code == 401
    for client in (admin.http, service.client(TOKEN), service.client(service.personal_token(admin, "admin"))):
        assert Scrape(client.get("/metrics").text).value("aichat_build_info", mode="service") == 1


@pytest.mark.parametrize("path", ["/me", "/chats", "/admin/users", "/admin/audit", "/sessions"])
def test_the_token_opens_nothing_else(service: Service, path: str) -> None:
    assert service.client(TOKEN).get(path).status_code == 401


def test_what_people_do_is_counted_without_them(service: Service, ada: Person) -> None:
    before = Scrape(service.client(TOKEN).get("/metrics").text)
    answer(ada)
    login = {"username": "nobody-here", "password": "wrong wrong wrong"}
    assert service.http.post("/auth/login", json=login).status_code == 401
    after = Scrape(service.client(TOKEN).get("/metrics").text)
    assert before.value("aichat_account_events_total", action="token_reused") == 0

    def more(name: str, **labels: str) -> float:
        return after.value(name, **labels) - before.value(name, **labels)

    assert more("aichat_runs_ended_total", state="completed") == 1
    assert more("aichat_account_events_total", action="login_failed") == 1
    assert more("aichat_requests_total", route="/auth/login", method="POST", status="401") == 1
    for word in (ada.owner_id, ada.name, "nobody-here", "127.0.0.1", "Count."):
        assert word not in after.text


# The log


def test_every_line_is_json_and_says_when_and_where(service: Service, ada: Person) -> None:
    answer(ada)
    for line in lines(service):
        assert datetime.fromisoformat(line["time"]).tzinfo is not None
        assert line["level"] in ("debug", "info", "warning", "error", "critical")
        assert line["logger"]
        assert isinstance(line["message"], str)


def test_a_request_has_one_line_with_its_id(service: Service, ada: Person) -> None:
    name = f"proxy-{uuid4()}"
    run, sent = answer(ada, headers={"X-Request-Id": name})
    assert sent.headers["X-Request-Id"] == name
    (line,) = logged(service, request_id=name, method="POST")
    assert (line["route"], line["status"], line["level"]) == ("/chats/{chat_id}/messages", 202, "info")
    assert line["chat_id"] == sent.json()["run"]["chat_id"]
    assert line["ms"] > 0
    assert "run_id" not in line
    assert lines(service, run_id=run, level="error") == []


def test_what_the_worker_of_a_run_says_bears_run_and_request(service: Service, ada: Person) -> None:
    """A model that fails is logged by nobody's request but the one that asked for it."""
    name = f"asked-{uuid4()}"
    run, _ = answer(ada, headers={"X-Request-Id": name}, fields={"model": "fault-0"})
    (line,) = logged(service, message=f"Run {run} is failed: provider_unreachable")
    assert (line["run_id"], line["request_id"]) == (run, name)


@pytest.mark.parametrize("given", ["", "a" * 129, "a b", "é", "a\tb", '"}'])
def test_a_name_that_is_none_is_replaced(service: Service, ada: Person, given: str) -> None:
    answered = ada.http.get("/me", headers={b"X-Request-Id": given.encode()})
    assert answered.status_code == 200
    assert answered.headers["X-Request-Id"] not in (given, "")
    (line,) = logged(service, request_id=answered.headers["X-Request-Id"], method="GET")
    assert line["route"] == "/me"


def test_errors_and_sockets_have_names_too(service: Service, ada: Person) -> None:
    for path, status in (("/chats/unknown", 404), ("/nowhere", 404)):
        answered = ada.http.get(path, headers={"X-Request-Id": f"lost{status}"})
        assert (answered.status_code, answered.headers["X-Request-Id"]) == (status, f"lost{status}")
    refused = service.http.get("/me")
    assert refused.status_code == 401
    assert refused.headers["X-Request-Id"]


def test_what_is_asked_is_nowhere_in_the_log(service: Service, ada: Person) -> None:
    canary = f"canary{uuid4().hex}"
    answer(ada, canary)
    ada.http.get("/chats", params={"q": canary})
    ada.http.get(f"/shared/{canary}")
    ada.http.get(f"/chats/{canary}?q={canary}", headers={"Referer": f"http://x/{canary}", "User-Agent": canary})
    log = service.log.read_text()
    assert TOKEN not in log
    assert ada.token not in log
    assert canary not in log


def test_balancers_and_prometheus_do_not_fill_the_log(service: Service, ada: Person) -> None:
    name = f"asked-all-day-{uuid4()}"
    for path in ("/health", "/ready", "/metrics"):
        assert service.client(TOKEN).get(path, headers={"X-Request-Id": name}).status_code == 200
    ada.http.get("/me", headers={"X-Request-Id": f"{name}-at-last"})
    assert logged(service, request_id=f"{name}-at-last", method="GET")
    assert lines(service, request_id=name, method="GET") == []


def test_the_token_file_that_is_too_short_is_told(service: Service, tmp_path: Path) -> None:
    """And the server starts all the same: administrators can ask."""
    from tests.service_app.process import running

    (tmp_path / "short").write_text("short")
    with running(tmp_path / "other", f"--AIChatApp.metrics_token_file={tmp_path / 'short'}") as other:
        assert "too short" in other.log.read_text()
        assert other.client("short").get("/metrics").status_code == 401
