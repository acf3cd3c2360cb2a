"""`docker-compose.yml` as it is written: closed containers, everything that it names is there, addresses agree."""

from __future__ import annotations

import re
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from traitlets.config.loader import Config, load_pyconfig_files

from jupyter_aichat.auth.keys import read_keys
from jupyter_aichat.service.app import AIChatService
from jupyter_aichat.settings import AppSettings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
WRITTEN: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = WRITTEN["services"]
OURS = ("aichat-1", "aichat-2")


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What an operator makes first."""
    folder = tmp_path_factory.mktemp("compose") / "secrets"
    make(folder)
    return folder


def make(folder: Path) -> None:
    subprocess.run([DEPLOY / "docker" / "secrets.sh", folder], check=True)


def address(service: str) -> str:
    return str(SERVICES[service]["networks"]["edge"]["ipv4_address"])


@pytest.mark.parametrize("name", SERVICES)
def test_each_container_is_closed(name: str) -> None:
    service = SERVICES[name]
    assert (service["read_only"], service["cap_drop"], service["security_opt"]) == (
        True,
        ["ALL"],
        ["no-new-privileges"],
    )
    assert not {"privileged", "cap_add", "network_mode", "pid"} & set(service)
    assert "memory" in service["deploy"]["resources"]["limits"]
    published = service.get("ports", [])
    assert bool(published) == (name in {"nginx", "grafana"})
    assert name == "nginx" or all(each.startswith("127.0.0.1:") for each in published)
    assert not any("PASSWORD" in key and not key.endswith("_FILE") for key in service.get("environment", {}))


def test_what_is_mounted_is_there(secrets: Path) -> None:
    mounted = [each.split(":")[0] for service in SERVICES.values() for each in service.get("volumes", [])]
    files = {each for each in mounted if each.startswith("./")}
    assert [each for each in files if not (ROOT / each).is_file()] == []
    assert set(mounted) - files == set(WRITTEN["volumes"])
    assert {Path(each["file"]).name for each in WRITTEN["secrets"].values()} == {
        each.name for each in secrets.iterdir()
    }


def test_secrets_are_their_owners_and_stay_as_they_are(secrets: Path) -> None:
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700
    assert {stat.S_IMODE(each.stat().st_mode) for each in secrets.iterdir()} == {0o444}
    assert len(read_keys(secrets / "aichat_secret")) == 1
    before = {each.name: each.read_bytes() for each in secrets.iterdir()}
    assert len(set(before.values())) == len(before)
    (secrets / "redis_url").unlink()
    make(secrets)
    assert {each.name: each.read_bytes() for each in secrets.iterdir()} == before


def test_addresses_agree() -> None:
    assert SERVICES["nginx"]["extra_hosts"] == [f"{name}:{address(name)}" for name in OURS]
    upstream = re.findall(r"server (\S+):8790", (DEPLOY / "nginx" / "aichat.conf").read_text())
    assert tuple(upstream) == OURS


def test_the_replicas_are_told_what_there_is(secrets: Path, tmp_path: Path) -> None:
    config = configured(secrets, tmp_path)
    assert config.AIChatApp.trusted_proxies == [address("nginx")]
    assert config.AIChatApp.store_url.endswith("@mongodb:27017/aichat?authSource=admin&replicaSet=rs0")
    known = {each.__name__: each.class_traits(config=True) for each in AIChatService.classes}
    known["AIChatApp"] = AppSettings.class_traits(config=True)
    assert [(name, key) for name, given in config.items() for key in given if key not in known[name]] == []


def test_prometheus_asks_each_replica_as_everywhere() -> None:
    ours = yaml.safe_load((DEPLOY / "docker" / "prometheus.yml").read_text())
    (targets,) = ours["scrape_configs"][0].pop("static_configs")
    everywhere = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    del everywhere["scrape_configs"][0]["static_configs"]
    assert ours == everywhere
    assert targets == {"targets": [f"{name}:8790" for name in OURS]}


def configured(secrets: Path, folder: Path) -> Config:
    """What the replicas' file of settings says, where the secrets are in a folder."""
    source = (DEPLOY / "docker" / "jupyter_aichat_config.py").read_text()
    assert '"/run/secrets"' in source
    (folder / "config.py").write_text(source.replace('"/run/secrets"', repr(str(secrets))))
    return load_pyconfig_files(["config.py"], str(folder))
