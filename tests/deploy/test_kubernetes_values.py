"""What the chart makes of its values: the configuration, who reaches whom, how many there are."""

from __future__ import annotations

import re
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx
import yaml
from traitlets.config.loader import Config, PyFileConfigLoader

from jupyter_aichat.service.app import AIChatService
from scripts.generate.settings import CLASSES
from tests.deploy.helm import CHART, INGRESS, ROOT, VALUES, Helm, Json, Rendered
from tests.service_app.process import running

SECRETS = "/run/secrets/aichat"


def configuration(rendered: Rendered, folder: Path) -> Config:
    """What the service reads, with secrets in a folder."""
    for key in ("aichat_secret", "store_url", "redis_url", "metrics_token"):
        (folder / key).write_text(f"the {key}\n")
    text = rendered.config().replace(SECRETS, str(folder))
    assert str(folder) in text
    (folder / "jupyter_aichat_config.py").write_text(text)
    return PyFileConfigLoader("jupyter_aichat_config.py", path=str(folder)).load_config()


def test_the_configuration_names_settings_that_exist(rendered: Rendered, tmp_path: Path) -> None:
    known = {each.__name__: each.class_traits(config=True) for each in CLASSES}
    config = configuration(rendered, tmp_path)
    assert {f"{name}.{trait}" for name in config for trait in config[name] if trait not in known[name]} == set()
    for name in config:
        for trait, value in config[name].items():
            known[name][trait]._validate(_Anything(), value)


class _Anything:
    """Something whose traits take what they are given."""

    _cross_validation_lock = False
    _trait_validators: dict[str, Any] = {}  # noqa: RUF012


def test_the_configuration_has_the_secrets_and_what_was_said(everything: Rendered, tmp_path: Path) -> None:
    config = configuration(everything, tmp_path)
    assert config.AIChatApp.store_url == "the store_url"
    assert config.AIChatApp.redis_url == "the redis_url"
    assert config.AIChatApp.secret_file == str(tmp_path / "aichat_secret")
    assert config.AIChatApp.metrics_token_file == str(tmp_path / "metrics_token")
    assert config.AIChatApp.trusted_proxies == ["10.42.0.0/16"]
    assert (config.Admission.max_per_user, config.Quotas.rules) == (4, [{"role": "admin"}])


def test_the_service_runs_with_it_and_answers_the_probes(helm: Helm, tmp_path: Path) -> None:
    rendered = helm.render(VALUES["hub elsewhere"])
    (container,) = rendered.pods()["aichat"]["containers"]
    folder = tmp_path / "config"
    folder.mkdir()
    configuration(rendered, folder)
    (folder / "redis_url").unlink()
    (folder / "metrics_token").write_text("a-token-for-the-metrics-" + "0" * 16)
    arguments = [word for word in container["args"][1:] if not word.startswith(("--ip", "--port"))]
    with running(tmp_path, *arguments) as service:
        for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
            answer = httpx.get(urljoin(service.url, container[kind]["httpGet"]["path"]))
            assert answer.status_code == 200, kind


def test_the_token_of_the_hub_is_for_those_who_answer_people(helm: Helm, tmp_path: Path) -> None:
    rendered = helm.render({**VALUES["hub"], "worker": {"enabled": True}})
    found = {
        name: [each for each in pod["volumes"] if each["name"] == "hub-token"] for name, pod in rendered.pods().items()
    }
    assert found["aichat-worker"] == []
    ((volume,),) = [found["aichat"]]
    assert volume["secret"]["secretName"] == "hub"
    assert volume["secret"]["items"] == [{"key": "hub.services.aichat.apiToken", "path": "api_token"}]
    (container,) = rendered.pods()["aichat"]["containers"]
    (mount,) = (each for each in container["volumeMounts"] if each["name"] == "hub-token")
    assert f'"{mount["mountPath"]}/api_token"' in rendered.config()
    without = helm.render({"hub": {"apiUrl": "http://hub:8081/hub/api", "token": {"secret": ""}}})
    assert all(each["name"] != "hub-token" for each in without.pods()["aichat"]["volumes"])


def test_browsers_are_sent_to_the_hub_where_it_is(helm: Helm, tmp_path: Path) -> None:
    for name, at in (("hub", "/hub/"), ("hub elsewhere", "/lab/hub/")):
        assert configuration(helm.render(VALUES[name]), tmp_path).HubMode.hub_url == at


def test_a_change_of_the_configuration_is_a_change_of_the_pods(helm: Helm) -> None:
    sums = {
        each["spec"]["template"]["metadata"]["annotations"]["checksum/config"]
        for registration in ("closed", "open")
        for each in helm.render({"registration": registration}).all("Deployment").values()
    }
    assert len(sums) == 2


def test_each_kind_of_process_does_its_part(helm: Helm, everything: Rendered) -> None:
    def roles(rendered: Rendered) -> dict[str, list[str]]:
        words = {name: pod["containers"][0]["args"] for name, pod in rendered.pods().items()}
        return {name: [word for word in each if "roles" in word] for name, each in words.items()}

    assert roles(helm.render({})) == {"aichat": []}
    assert roles(everything) == {"aichat": ["--roles=api"], "aichat-worker": ["--roles=worker"]}
    assert AIChatService.aliases["roles"] == "AIChatApp.roles"


# --- who reaches whom -------------------------------------------------------------------------------------------------


def egress(rendered: Rendered, name: str) -> set[int]:
    rules = rendered.one("NetworkPolicy", name)["spec"]["egress"]
    return {int(port["port"]) for rule in rules for port in rule["ports"]}


def test_everything_else_is_closed(rendered: Rendered) -> None:
    for each in rendered.all("NetworkPolicy").values():
        assert each["spec"]["policyTypes"] == ["Ingress", "Egress"]
        assert all(rule.get("from") for rule in each["spec"]["ingress"])
    assert rendered.all("NetworkPolicy").keys() == rendered.all("Deployment").keys()


def test_the_least_lets_nobody_in_and_reaches_its_parts_alone(helm: Helm) -> None:
    least = helm.render({})
    assert least.one("NetworkPolicy")["spec"]["ingress"] == []
    assert egress(least, "aichat") == {53, 27017, 6379, 11434}


def test_only_what_generates_reaches_the_models(everything: Rendered) -> None:
    assert egress(everything, "aichat-worker") - egress(everything, "aichat") == {11434}
    assert INGRESS not in chain.from_iterable(
        rule["from"] for rule in everything.one("NetworkPolicy", "aichat-worker")["spec"]["ingress"]
    )


def test_a_hub_reaches_the_service_and_is_reached(helm: Helm) -> None:
    rendered = helm.render(VALUES["hub elsewhere"])
    policy = rendered.one("NetworkPolicy")["spec"]
    ((peer,),) = [rule["from"] for rule in policy["ingress"]]
    assert peer["podSelector"]["matchExpressions"][0]["values"] == ["hub", "proxy", "singleuser-server"]
    assert peer["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "jhub"}
    assert 8081 in egress(rendered, "aichat")
    labels = rendered.one("Deployment")["spec"]["template"]["metadata"]["labels"]
    assert labels["hub.jupyter.org/network-access-hub"] == "true"
    assert rendered.prefix() == "/lab/services/aichat"


# --- how many there are -----------------------------------------------------------------------------------------------


def scaler(rendered: Rendered, name: str) -> dict[str, Json]:
    return {each["type"]: each for each in rendered.one("HorizontalPodAutoscaler", name)["spec"]["metrics"]}


def test_answers_scale_what_generates_and_processor_time_all(helm: Helm, everything: Rendered) -> None:
    assert scaler(everything, "aichat").keys() == {"Resource"}
    assert scaler(everything, "aichat-worker").keys() == {"External", "Resource"}
    alone = helm.render({"autoscaling": {"enabled": True}})
    assert scaler(alone, "aichat").keys() == {"External", "Resource"}
    assert scaler(helm.render({"autoscaling": {"enabled": True, "runs": 0}}), "aichat").keys() == {"Resource"}
    assert all("replicas" not in each["spec"] for each in everything.all("Deployment").values())


def test_the_adapter_knows_what_the_scaler_asks_for(everything: Rendered) -> None:
    (rule,) = yaml.safe_load((ROOT / "deploy" / "kubernetes" / "prometheus-adapter.yaml").read_text())["rules"][
        "external"
    ]
    metric = scaler(everything, "aichat-worker")["External"]["external"]["metric"]
    assert metric["name"] == rule["name"]["as"]
    (endpoint,) = everything.one("PodMonitor")["spec"]["podMetricsEndpoints"]
    labels = {each["targetLabel"] for each in endpoint["relabelings"]}
    assert set(metric["selector"]["matchLabels"]) <= labels
    assert set(re.findall(r'(\w+)!=""', rule["seriesQuery"])) == labels | {"namespace"}


def test_prometheus_asks_with_the_token_and_calls_it_as_the_alerts_do(everything: Rendered) -> None:
    monitor = everything.one("PodMonitor")
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    assert endpoint["authorization"]["credentials"] == {"name": "aichat", "key": "metrics_token"}
    label = monitor["spec"]["jobLabel"]
    assert everything.one("Deployment")["spec"]["template"]["metadata"]["labels"][label] == "aichat"
    assert 'job="aichat"' in (ROOT / "deploy" / "prometheus" / "alerts.yml").read_text()


def test_the_chart_is_of_this_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["version"] == chart["appVersion"] == AIChatService.version
