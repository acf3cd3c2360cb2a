"""The real Helm, and what it makes of the chart."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "kubernetes" / "aichat"
VERSION = (Path(__file__).parent / "HELM_VERSION").read_text().strip()
CACHE = Path(os.environ.get("AICHAT_CACHE", Path.home() / ".cache" / "jupyter-aichat"))
OLDEST, NEWEST = "1.27.0", "1.37.0"
"""The versions of Kubernetes that are checked: the oldest that the chart takes, and the newest with a schema here."""

Json = dict[str, Any]

INGRESS: Json = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress-nginx"}}}
VALUES: dict[str, Json] = {
    "least": {},
    "ingress": {
        "ingress": {"enabled": True, "host": "chat.example.org", "className": "nginx", "tlsSecret": "chat-tls"},
        "trustedProxies": ["10.42.0.0/16"],
        "networkPolicy": {"clients": [INGRESS]},
        "registration": "invitation",
    },
    "hub": {"hub": {"apiUrl": "http://hub:8081/hub/api"}},
    "hub elsewhere": {"hub": {"apiUrl": "http://hub.jhub:8081/hub/api", "namespace": "jhub", "baseUrl": "/lab/"}},
    "everything": {
        "image": {"repository": "registry.example.org/aichat", "tag": "1", "pullSecrets": ["registry"]},
        "worker": {"enabled": True, "replicas": 3, "resources": {"limits": {"memory": "2Gi"}}},
        "autoscaling": {"enabled": True},
        "ingress": {"enabled": True, "host": "chat.example.org", "annotations": {"a": "1"}},
        "trustedProxies": ["10.42.0.0/16"],
        "monitoring": {"enabled": True, "labels": {"release": "prometheus"}},
        "networkPolicy": {"clients": [INGRESS], "egress": [{"ports": [{"port": 4318}]}]},
        "config": "c.Admission.max_per_user = 4\nc.Quotas.rules = [{'role': 'admin'}]\n",
        "podAnnotations": {"a": "1"},
        "nodeSelector": {"a": "b"},
        "tolerations": [{"key": "a", "operator": "Exists"}],
    },
}


def binary() -> Path | None:
    """Return what `install-helm.sh` built, None if there is none."""
    built = CACHE / "helm" / VERSION / "helm"
    return built if built.exists() else None


@dataclass(frozen=True)
class Helm:
    """Helm, on the chart; values go in by standard input."""

    program: Path

    def run(self, command: str, values: Json, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of Helm's on the chart, and say how it went."""
        words = [str(self.program), *command.split(), str(CHART), "--values=-", *arguments]
        return subprocess.run(
            words, input=yaml.safe_dump(values), capture_output=True, text=True, timeout=60, check=False
        )

    def render(self, values: Json, kubernetes: str = NEWEST) -> Rendered:
        """Return all objects for some values; fails with what Helm said where it refuses them."""
        done = self.run("template aichat", values, f"--kube-version={kubernetes}", "--namespace=chat")
        assert done.returncode == 0, done.stderr
        return Rendered([each for each in yaml.safe_load_all(done.stdout) if each])


@dataclass(frozen=True)
class Rendered:
    """What would be put into a cluster."""

    objects: list[Json]

    def all(self, kind: str) -> dict[str, Json]:
        """Return the objects of a kind, by name."""
        return {each["metadata"]["name"]: each for each in self.objects if each["kind"] == kind}

    def one(self, kind: str, name: str = "aichat") -> Json:
        """Return an object."""
        return self.all(kind)[name]

    def pods(self) -> dict[str, Json]:
        """Return what the pods of each deployment are like, by the deployment's name."""
        return {name: each["spec"]["template"]["spec"] for name, each in self.all("Deployment").items()}

    def config(self) -> str:
        """Return the configuration file of the service."""
        return str(self.one("ConfigMap")["data"]["jupyter_aichat_config.py"])

    def prefix(self) -> str:
        """Return the path that the service has below a Hub."""
        found = re.search(r'^c\.HubMode\.prefix = "(.*)/"$', self.config(), re.MULTILINE)
        return found[1] if found else ""
