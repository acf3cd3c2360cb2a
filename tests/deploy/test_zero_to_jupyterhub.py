"""The values for Zero to JupyterHub, by what that chart makes of them: the Hub is told the same as in `deploy/jupyterhub`.

The chart itself is on no registry that tests may ask, so its schema is not asked either; which of its values become which
settings of the Hub stands here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from jupyterhub.app import JupyterHub  # type: ignore[import-untyped]
from jupyterhub.spawner import Spawner  # type: ignore[import-untyped]
from traitlets import HasTraits
from traitlets.config.loader import Config, PyFileConfigLoader

from jupyter_aichat.remote.address import base_url
from tests.deploy.helm import ROOT, Helm, Json

VALUES: Json = yaml.safe_load((ROOT / "deploy" / "kubernetes" / "zero-to-jupyterhub.yaml").read_text())
HUB: Json = VALUES["hub"]
CLASSES: dict[str, type[HasTraits]] = {"JupyterHub": JupyterHub, "Spawner": Spawner}
TAKEN = {
    "hub": {"config", "loadRoles", "services"},
    "singleuser": {"extraEnv", "networkPolicy"},
}
"""The values of that chart that are used here, all of which its versions 2 to 4 have."""


def of_the_hub() -> Config:
    """What the Hub of that chart is configured with."""
    config = Config(HUB["config"])
    config.JupyterHub.load_roles = [{"name": name, **role} for name, role in HUB["loadRoles"].items()]
    config.JupyterHub.services = [{"name": name, **service} for name, service in HUB["services"].items()]
    return config


@pytest.fixture(scope="module")
def elsewhere() -> Config:
    """What a Hub without Kubernetes is configured with."""
    folder = Path(ROOT / "deploy" / "jupyterhub")
    return PyFileConfigLoader("jupyterhub_config.py", path=str(folder)).load_config()


def test_only_known_values_are_set() -> None:
    assert {name: set(part) for name, part in VALUES.items()} == TAKEN
    for name, settings in HUB["config"].items():
        assert set(settings) <= set(CLASSES[name].class_traits(config=True))


@pytest.mark.parametrize(
    ("section", "trait"),
    [
        ("JupyterHub", "custom_scopes"),
        ("JupyterHub", "load_groups"),
        ("JupyterHub", "load_roles"),
        ("Spawner", "server_token_scopes"),
    ],
)
def test_rights_are_those_of_any_hub(elsewhere: Config, section: str, trait: str) -> None:
    assert of_the_hub()[section][trait] == elsewhere[section][trait]


def test_the_service_is_known_by_the_same_name_and_may_the_same(elsewhere: Config) -> None:
    (here,), (there,) = of_the_hub().JupyterHub.services, elsewhere.JupyterHub.services
    managed = {"command", "environment"}
    assert {**here, "url": there["url"]} == {key: value for key, value in there.items() if key not in managed}


def test_users_servers_find_the_service_that_the_chart_makes(helm: Helm) -> None:
    rendered = helm.render({"hub": {"apiUrl": "http://hub:8081/hub/api"}})
    (port,) = rendered.one("Service")["spec"]["ports"]
    at = f"http://{rendered.one('Service')['metadata']['name']}:{port['port']}"
    assert HUB["services"]["aichat"]["url"] == at
    asked = VALUES["singleuser"]["extraEnv"]["AICHAT_SERVICE_URL"]
    assert asked == f"{at}{rendered.prefix()}"
    allowed = HUB["config"]["Spawner"]["args"] == ["--RemoteMode.allow_http=True"]
    assert base_url(asked, allow_http=allowed)


def test_users_servers_are_let_through(helm: Helm) -> None:
    rendered = helm.render({"hub": {"apiUrl": "http://hub:8081/hub/api"}})
    (rule,) = VALUES["singleuser"]["networkPolicy"]["egress"]
    labels: dict[str, Any] = rendered.one("Deployment")["spec"]["template"]["metadata"]["labels"]
    assert [peer["podSelector"]["matchLabels"].items() <= labels.items() for peer in rule["to"]] == [True]
    assert [port["port"] for port in rule["ports"]] == [8790]
