"""The chart as a real Helm renders it: valid for Kubernetes, closed, and of one mind with the program that it runs."""

from __future__ import annotations

import re
from itertools import chain

import kubernetes_validate  # type: ignore[import-untyped]
import pytest

from jupyter_aichat.server.lifecycle import STOP_S
from jupyter_aichat.server.routes import ROUTES
from jupyter_aichat.server.table import BASE
from jupyter_aichat.service.app import LINGER_S, AIChatService
from tests.deploy.helm import CHART, NEWEST, OLDEST, ROOT, VALUES, Helm, Json, Rendered

SECRETS = "/run/secrets/aichat"
OF_OPERATORS = {"PodMonitor"}
"""Kinds that Kubernetes itself does not know."""


@pytest.mark.parametrize("name", VALUES)
def test_helm_finds_nothing_to_say(helm: Helm, name: str) -> None:
    linted = helm.run("lint --strict --quiet", VALUES[name], f"--kube-version={NEWEST}")
    assert linted.returncode == 0, linted.stdout + linted.stderr


@pytest.mark.parametrize(("name", "kubernetes"), [*((name, NEWEST) for name in VALUES), ("everything", OLDEST)])
def test_kubernetes_knows_all_of_it(helm: Helm, name: str, kubernetes: str) -> None:
    objects = helm.render(VALUES[name], kubernetes).objects
    for each in objects:
        if each["kind"] not in OF_OPERATORS:
            kubernetes_validate.validate(each, kubernetes.removesuffix(".0"), strict=True)
    names = [(each["kind"], each["metadata"]["name"]) for each in objects]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(  # a policy with an empty list of peers lets everybody pass
    ("values", "said"),
    [
        ({"replica": 3}, "replica"),
        ({"replicas": 0}, "replicas"),
        ({"secret": ""}, "secret"),
        ({"registration": "everybody"}, "registration"),
        ({"ollamaUrl": "http://me:password@ollama:11434"}, "ollamaUrl"),
        ({"networkPolicy": {"clients": [{}]}}, "clients"),
        ({"networkPolicy": {"database": {"peers": []}}}, "peers"),
        ({"networkPolicy": {"dns": []}}, "dns"),
        ({"ingress": {"enabled": True, "host": "chat.example.org"}}, "trustedProxies"),
        ({"ingress": {"enabled": True}, "trustedProxies": ["10.0.0.0/8"]}, "ingress.host"),
    ],
)
def test_values_that_mean_nothing_are_refused(helm: Helm, values: Json, said: str) -> None:
    done = helm.run("template aichat", values, f"--kube-version={NEWEST}")
    assert done.returncode != 0
    assert said in done.stderr


def test_an_old_kubernetes_is_refused(helm: Helm) -> None:
    done = helm.run("template aichat", {}, "--kube-version=1.26.0")
    assert (done.returncode, "1.27" in done.stderr) == (1, True)


# --- the pods ---------------------------------------------------------------------------------------------------------


def test_pods_are_closed(rendered: Rendered) -> None:
    for pod in rendered.pods().values():
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        (container,) = pod["containers"]
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"] is True
        assert (context["allowPrivilegeEscalation"], context["capabilities"]) == (False, {"drop": ["ALL"]})
        assert "memory" in container["resources"]["limits"]
        kinds = set(chain.from_iterable(volume.keys() - {"name"} for volume in pod["volumes"]))
        assert kinds == {"configMap", "secret", "emptyDir"}


def test_the_user_of_the_pods_is_the_images() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    template = (CHART / "templates" / "_deployment.tpl").read_text()
    (user,) = re.findall(r"^USER (\d+):\1$", dockerfile, re.MULTILINE)
    assert (f"runAsUser: {user}" in template, f"runAsGroup: {user}" in template, f"fsGroup: {user}" in template) == (
        True,
        True,
        True,
    )
    for folder in (f"JUPYTER_CONFIG_DIR={'/etc/jupyter-aichat'}", f"JUPYTER_DATA_DIR={'/var/lib/jupyter-aichat'}"):
        assert folder in dockerfile
        assert folder.split("=")[1] in template


def test_secrets_are_files_and_nowhere_else(rendered: Rendered) -> None:
    assert rendered.all("Secret") == {}
    for pod in rendered.pods().values():
        (container,) = pod["containers"]
        assert not {"env", "envFrom"} & container.keys()
        volumes = {each["name"]: each["secret"] for each in pod["volumes"] if "secret" in each}
        assert volumes["secrets"] == {"secretName": "aichat", "defaultMode": 0o440}
        assert {each["defaultMode"] for each in volumes.values()} == {0o440}
        mounts = {each["name"]: each for each in container["volumeMounts"]}
        assert mounts["secrets"]["mountPath"] == SECRETS
        assert all(mounts[name]["readOnly"] for name in volumes)


def test_no_service_of_the_cluster_is_taken_for_a_setting(rendered: Rendered) -> None:
    """A Service named aichat puts `AICHAT_PORT=tcp://…` into every pod that has service links."""
    assert AIChatService.port_env == "AICHAT_PORT"
    assert {pod["enableServiceLinks"] for pod in rendered.pods().values()} == {False}


def test_there_is_time_to_hand_answers_over(rendered: Rendered) -> None:
    for pod in rendered.pods().values():
        (container,) = pod["containers"]
        _, before = container["lifecycle"]["preStop"]["exec"]["command"]
        assert int(before) >= 5
        assert pod["terminationGracePeriodSeconds"] >= int(before) + STOP_S + LINGER_S + 10


def test_no_replica_goes_before_another_has_come(rendered: Rendered) -> None:
    for each in rendered.all("Deployment").values():
        assert each["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    assert {each["spec"]["maxUnavailable"] for each in rendered.all("PodDisruptionBudget").values()} == {1}
    assert rendered.all("PodDisruptionBudget").keys() == rendered.all("Deployment").keys()


def test_all_that_is_asked_for_is_a_route(rendered: Rendered) -> None:
    routes = {f"{rendered.prefix()}{BASE}{route.path}" for route in ROUTES}
    for pod in rendered.pods().values():
        (container,) = pod["containers"]
        probes = {
            kind: container[kind]["httpGet"]["path"] for kind in ("startupProbe", "livenessProbe", "readinessProbe")
        }
        assert set(probes.values()) <= routes
        assert [path.rsplit("/", 1)[1] for path in probes.values()] == ["health", "health", "ready"]
    for monitor in rendered.all("PodMonitor").values():
        assert {each["path"] for each in monitor["spec"]["podMetricsEndpoints"]} <= routes


def test_ports_agree(rendered: Rendered) -> None:
    ports = {str(port["containerPort"]) for pod in rendered.pods().values() for port in pod["containers"][0]["ports"]}
    said = {word for pod in rendered.pods().values() for word in pod["containers"][0]["args"] if "port" in word}
    assert (ports, said) == ({"8790"}, {"--port=8790"})
    assert {str(port["port"]) for port in rendered.one("Service")["spec"]["ports"]} == ports
    rules = [rule for each in rendered.all("NetworkPolicy").values() for rule in each["spec"]["ingress"]]
    assert {str(port["port"]) for rule in rules for port in rule["ports"]} <= ports


def test_selectors_find_the_pods(everything: Rendered) -> None:
    labels = {
        name: each["spec"]["template"]["metadata"]["labels"] for name, each in everything.all("Deployment").items()
    }
    assert labels.keys() == {"aichat", "aichat-worker"}

    def found(selector: dict[str, str]) -> set[str]:
        return {name for name, has in labels.items() if selector.items() <= has.items()}

    for name, each in everything.all("Deployment").items():
        assert found(each["spec"]["selector"]["matchLabels"]) == {name}
    for kind, key in (("PodDisruptionBudget", "selector"), ("NetworkPolicy", "podSelector")):
        for name, each in everything.all(kind).items():
            assert found(each["spec"][key]["matchLabels"]) == {name}
    assert found(everything.one("Service")["spec"]["selector"]) == {"aichat"}
    assert found(everything.one("PodMonitor")["spec"]["selector"]["matchLabels"]) == set(labels)
