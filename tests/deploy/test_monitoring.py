"""Alerts and dashboard ask for what the service really tells: by Prometheus's own tools, and by a real Prometheus."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import IN_CI
from tests.deploy import prometheus
from tests.deploy.prometheus import FOLDER, Prometheus
from tests.metrics.scrape import Scrape
from tests.service_app.process import Person, Service
from tests.service_app.process import running as service_running

ROOT = Path(__file__).parents[2]
TOKEN = "a-token-for-the-metrics-" + "0" * 16
QUIET = {"Errors", "Questions that failed"}
"""Panels that are empty where nothing goes wrong."""


@pytest.fixture(scope="module")
def tools() -> None:
    if not (shutil.which("promtool") and shutil.which("prometheus")):
        if IN_CI:
            pytest.fail("no prometheus here: scripts/install-debian.sh monitoring")
        pytest.skip("no prometheus here: scripts/install-debian.sh monitoring")


def expressions() -> dict[str, str]:
    """Return all expressions of the alerts and the dashboard, by where they stand."""
    groups = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    found = {rule["alert"]: rule["expr"] for group in groups for rule in group["rules"]}
    dashboard = json.loads((ROOT / "deploy" / "grafana" / "dashboard.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            text = target["expr"].replace("$__rate_interval", "1m").replace("$instance", ".*")
            found[f"{panel['title']} {target['refId']}"] = text
    return {**found, **adapted()}


def adapted() -> dict[str, str]:
    """Return what Kubernetes asks for to know how many processes there must be."""
    rules = yaml.safe_load((ROOT / "deploy" / "kubernetes" / "prometheus-adapter.yaml").read_text())["rules"][
        "external"
    ]
    return {
        rule["name"]["as"]: rule["metricsQuery"]
        .replace("<<.Series>>", str(re.findall(r'__name__="(\w+)"', rule["seriesQuery"])[0]))
        .replace("<<.LabelMatchers>>", "")
        for rule in rules
    }


@pytest.mark.parametrize("arguments", [("check", "rules", "alerts.yml"), ("test", "rules", "alerts.test.yml")])
def test_promtool_agrees(tools: None, arguments: tuple[str, ...]) -> None:
    done = subprocess.run(["promtool", *arguments], cwd=FOLDER, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_configuration_for_prometheus_is_valid(tools: None, tmp_path: Path) -> None:
    for name in ("prometheus.yml", "alerts.yml"):
        shutil.copy(FOLDER / name, tmp_path)
    (tmp_path / "metrics-token").write_text(TOKEN)
    command = ["promtool", "check", "config", "prometheus.yml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_explained_to_operators() -> None:
    page = (ROOT / "docs" / "operators" / "monitoring.md").read_text()
    groups = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    assert [r["alert"] for g in groups for r in g["rules"] if f"`{r['alert']}`" not in page] == []


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service on which something has happened."""
    folder = tmp_path_factory.mktemp("monitored")
    (folder / "metrics-token").write_text(TOKEN)
    arguments = ("--ScriptedProvider.names=counter-40-2", "--Passwords.cost=4", "--Admission.capacity=*=2")
    servers = ("--OllamaPool.urls=127.0.0.1:9", "--OllamaPool.urls=127.0.0.1:19")  # each has its metrics
    token = f"--AIChatApp.metrics_token_file={folder / 'metrics-token'}"
    with service_running(folder, token, *arguments, *servers) as service:
        _answer(service.person("Eve"))
        yield service


def _answer(person: Person) -> None:
    run = person.send("counter-40-2")["run"]["id"]
    person.http.get(f"/runs/{run}/events").raise_for_status()


def scrape(service: Service) -> Scrape:
    answer = service.client(TOKEN).get("/metrics")
    answer.raise_for_status()
    return Scrape(answer.text)


def test_alerts_and_dashboard_ask_for_nothing_that_is_not_told(service: Service) -> None:
    told = scrape(service)
    endings = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "gauge": ("",), "unknown": ("",)}
    names = {f"{f.name}{ending}" for f in told.families.values() for ending in endings[f.type]} | {"up"}
    labels = told.label_names() | {"job", "instance", "le"}
    for where, text in expressions().items():
        bare = re.sub(r'"[^"]*"', '""', text)
        asked = set(re.findall(r"\b(?:aichat|process)_\w+|\bup\b", bare))
        assert asked, where
        assert asked <= names, where
        by = {word.strip() for words in re.findall(r"by \(([^)]*)\)", bare) for word in words.split(",")}
        assert by | set(re.findall(r"(\w+)\s*(?:=~|!=|=)", bare)) <= labels, where


def test_every_metric_is_explained_to_operators(service: Service) -> None:
    page = (ROOT / "docs" / "operators" / "monitoring.md").read_text()
    ours = {name for name in scrape(service).families if name.startswith("aichat_")}
    assert {name for name in ours if not re.search(rf"`{name}(_total)?[`{{]", page)} == set()


def test_a_real_prometheus_has_an_answer_to_everything(tools: None, service: Service, tmp_path: Path) -> None:
    ada = service.person("Ada")
    target = service.url.removeprefix("http://").rstrip("/")
    with prometheus.running(tmp_path, target, TOKEN) as found:
        found.wait(lambda: found.query('up{job="aichat"} == 1'))
        _answer(ada)
        found.wait(lambda: _value(found, 'aichat_runs_ended_total{state="completed"}') == 2)
        found.wait(lambda: _value(found, "rate(aichat_first_token_seconds_count[1m])") is not None)
        empty = {where for where, text in expressions().items() if not _is_alert(where) and not found.query(text)}
        assert {where.rsplit(" ", 1)[0] for where in empty} <= QUIET
        found.wait(lambda: all(rule["health"] != "unknown" for rule in found.rules()))
        assert [rule for rule in found.rules() if rule["health"] != "ok"] == []


def _is_alert(where: str) -> bool:
    return where.startswith("AIChat")


def _value(found: Prometheus, expression: str) -> float | None:
    results: list[Any] = found.query(expression)
    return float(results[0]["value"][1]) if results else None
