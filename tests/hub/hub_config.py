"""A JupyterHub for tests: no system users, this machine alone. What is tested of it is the file of `deploy/`."""

import os
import sys
from pathlib import Path

c = get_config()  # type: ignore[name-defined]  # noqa: F821 (the Hub's)
folder, proxy, hub, api = os.environ["HUB_TEST"].split(":")

load_subconfig(str(Path(__file__).parents[2] / "deploy" / "jupyterhub" / "jupyterhub_config.py"))  # type: ignore[name-defined]  # noqa: F821

c.JupyterHub.bind_url = f"http://127.0.0.1:{proxy}"
c.JupyterHub.hub_bind_url = f"http://127.0.0.1:{hub}"
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{api}"
c.ConfigurableHTTPProxy.command = [os.environ["HUB_TEST_PROXY"]]
c.ConfigurableHTTPProxy.pid_file = f"{folder}/proxy.pid"
c.JupyterHub.cookie_secret_file = f"{folder}/cookie_secret"
c.JupyterHub.db_url = "sqlite:///:memory:"
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = folder + "/home/{username}"
c.Spawner.cmd = [sys.executable, "-m", "jupyterhub.singleuser"]
c.Spawner.args = [
    *("--allow-root", "--LabApp.expose_app_in_browser=True"),
    "--ServerApp.jpserver_extensions={'jupyter_aichat': True, 'jupyterlab': True}",
]
c.Spawner.environment.update({"PYTHONPATH": os.environ["PYTHONPATH"], "JUPYTERHUB_SINGLEUSER_APP": "jupyter-server"})

LARGE = "custom:aichat:models:large"
c.JupyterHub.custom_scopes[LARGE] = {"description": "Ask the large model"}
c.Spawner.server_token_scopes.append(LARGE)
c.JupyterHub.load_groups = {"aichat-admins": {"users": ["ada"]}, "class": {"users": ["ada", "eve", "grace"]}}
of_tests = ["admin:users", "admin:servers", "admin:groups", "tokens", "access:servers"]
c.JupyterHub.load_roles += [
    {"name": "test", "services": ["test"], "scopes": of_tests},
    {"name": "large", "users": ["ada"], "scopes": [LARGE]},
    {"name": "looks-in", "users": ["grace"], "scopes": ["access:servers"]},
]
c.JupyterHub.services.append({"name": "test", "api_token": "for-tests-only-of-this-machine"})
(service,) = [each for each in c.JupyterHub.services if each["name"] == "aichat"]
service["command"] += [
    *("--allow-root", "--AIChatApp.default_model=counter-5-1", "--ScriptedProvider.scenarios=True"),
    *("--ScriptedProvider.names=counter-5-1", "--ScriptedProvider.names=endless-20", "--OllamaProvider.url=http://127.0.0.1:9"),
    *("--RequestLimits.per_minute=0", "--RequestLimits.strangers_per_minute=0"),
    *("--ScriptedProvider.names=counter-9-1", f"--ModelAccess.rules={{'models': ['counter-9-1'], 'scope': '{LARGE}'}}"),
]  # fmt: skip
service["environment"]["PYTHONPATH"] = os.environ["PYTHONPATH"]
