"""The parts to begin with: valid for Kubernetes, the containers of `docker-compose.yml`, and what the chart looks for."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml

from tests.deploy.helm import NEWEST, OLDEST, ROOT, Helm, Json

PARTS: list[Json] = list(yaml.safe_load_all((ROOT / "deploy" / "kubernetes" / "parts.yaml").read_text()))
COMPOSED: Json = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
PAGE = (ROOT / "docs" / "operators" / "kubernetes.md").read_text()
RUN = {each["metadata"]["name"]: each for each in PARTS if each["kind"] in ("Deployment", "StatefulSet")}


def pod(name: str) -> Json:
    found: Json = RUN[name]["spec"]["template"]["spec"]
    return found


def container(name: str) -> Json:
    (found,) = pod(name)["containers"]
    return dict(found)


@pytest.mark.parametrize("kubernetes", [OLDEST, NEWEST])
def test_kubernetes_knows_all_of_it(kubernetes: str) -> None:
    for each in PARTS:
        kubernetes_validate.validate(each, kubernetes.removesuffix(".0"), strict=True)


@pytest.mark.parametrize("name", RUN)
def test_it_is_closed(name: str) -> None:
    assert pod(name)["securityContext"]["runAsNonRoot"] is True
    assert (pod(name)["automountServiceAccountToken"], pod(name)["enableServiceLinks"]) == (False, False)
    assert container(name)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert "memory" in container(name)["resources"]["limits"]
    assert not any(
        "PASSWORD" in each["name"] and not each["name"].endswith("_FILE") for each in container(name).get("env", [])
    )


@pytest.mark.parametrize("name", RUN)
def test_it_is_the_container_of_compose(name: str) -> None:
    of_compose = COMPOSED[name]
    assert of_compose["image"].endswith(f":-{container(name)['image']}}}")
    words = (container(name).get("command"), container(name).get("args"))
    assert words == (of_compose.get("entrypoint"), of_compose.get("command"))
    environment = {each["name"]: each["value"] for each in container(name).get("env", [])}
    assert environment == of_compose.get("environment", {})


def test_the_probe_of_the_database_is_that_of_compose() -> None:
    probe = container("mongodb")["readinessProbe"]
    there = shlex.split(COMPOSED["mongodb"]["healthcheck"]["test"])
    assert probe["exec"]["command"][:-1] == there[:-1]
    assert probe["timeoutSeconds"] >= 8
    mounted = {each["mountPath"]: each.get("subPath") for each in container("mongodb")["volumeMounts"]}
    assert mounted[probe["exec"]["command"][-1]] == "mongodb-ready.js"
    assert mounted["/docker-entrypoint-initdb.d/user.js"] == "mongodb-user.js"


def test_the_service_reaches_it_and_nobody_else_does(helm: Helm) -> None:
    rendered = helm.render({})
    rules = [rule for rule in rendered.one("NetworkPolicy")["spec"]["egress"] if rule["ports"][0]["port"] != 53]
    out = {
        (rule["to"][0]["podSelector"]["matchLabels"]["app.kubernetes.io/name"], rule["ports"][0]["port"])
        for rule in rules
    }
    policies = {each["metadata"]["name"]: each["spec"] for each in PARTS if each["kind"] == "NetworkPolicy"}
    assert out == {(name, policies[name]["ingress"][0]["ports"][0]["port"]) for name in RUN}
    services = {each["metadata"]["name"]: each["spec"] for each in PARTS if each["kind"] == "Service"}
    assert out == {(name, services[name]["ports"][0]["port"]) for name in RUN}
    labels = rendered.one("Deployment")["spec"]["template"]["metadata"]["labels"]
    for name, policy in policies.items():
        (rule,) = policy["ingress"]
        allowed = [peer["podSelector"]["matchLabels"] for peer in rule["from"]]
        assert allowed[0].items() <= labels.items()
        assert all(each == {"app.kubernetes.io/name": name} for each in allowed[1:])
        assert policy["podSelector"]["matchLabels"] == RUN[name]["spec"]["template"]["metadata"]["labels"]


def test_the_secrets_that_the_page_makes_are_those_that_are_named(tmp_path: Path, helm: Helm) -> None:
    folder = tmp_path / "secrets"
    subprocess.run([ROOT / "deploy" / "docker" / "secrets.sh", folder], check=True)
    made = {
        name: set(re.findall(r"--from-file=secrets/(\S+)", text))
        for name, text in re.findall(r"create secret generic ([\w-]+)((?: *\\\n[^\n\\]*)+)", PAGE)
    }
    assert all((folder / key).is_file() for keys in made.values() for key in keys)
    needed = {
        item["key"]
        for name in RUN
        for volume in pod(name)["volumes"]
        for item in volume.get("secret", {}).get("items", [])
    }
    assert made["aichat-parts"] == needed
    asked = set(re.findall(r'SECRETS / "(\w+)"', helm.render({}).config()))
    assert made["aichat"] == asked
    for key, name in (("store_url", "mongodb"), ("redis_url", "redis")):
        place = urlsplit((folder / key).read_text())
        assert (place.hostname, place.port) == (name, container(name)["ports"][0]["containerPort"])
