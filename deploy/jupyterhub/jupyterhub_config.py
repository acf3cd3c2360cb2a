"""The chat for everybody of a JupyterHub: these lines, in or beside its configuration (docs/operators/hub.md)."""

import os
import sys

c = get_config()  # noqa: F821 (the Hub's)

use, administer, read = "access:services!service=aichat", "custom:aichat:admin", "custom:aichat:read"
url = f"http://127.0.0.1:{os.environ.get('AICHAT_PORT', '8790')}"
own = {name: value for name, value in os.environ.items() if name.startswith(("AICHAT_", "OLLAMA_"))}
proxy = "--AIChatApp.trusted_proxies=127.0.0.1"  # the Hub's own
serve = [sys.executable, "-m", "jupyter_aichat", "serve", proxy]
page = {"oauth_no_confirm": True, "oauth_client_allowed_scopes": [use, administer]}

c.JupyterHub.custom_scopes = {
    administer: {"description": "Administer the chat"},
    read: {"description": "Read one's chats"},
}
c.JupyterHub.load_groups = {"aichat-admins": {"users": []}}
c.JupyterHub.load_roles = [
    {"name": "user", "scopes": ["self", use, read]},  # the role that everybody has
    {"name": "aichat-admin", "groups": ["aichat-admins"], "scopes": [administer]},
]
c.JupyterHub.services = [{"name": "aichat", "url": url, "command": serve, "environment": own, **page}]
c.Spawner.server_token_scopes = ["users:activity!user", "access:servers!server", use]
c.Spawner.environment = {"AICHAT_SERVICE_URL": f"{url}/services/aichat"}
