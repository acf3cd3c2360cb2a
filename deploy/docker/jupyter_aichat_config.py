"""What the replicas of `docker-compose.yml` are told, and the command line in their containers."""

from pathlib import Path

SECRETS = Path("/run/secrets")

c = get_config()  # noqa: F821 (traitlets puts it there)

c.AIChatApp.secret_file = str(SECRETS / "aichat_secret")
c.AIChatApp.store_url = (SECRETS / "store_url").read_text().strip()
c.AIChatApp.redis_url = (SECRETS / "redis_url").read_text().strip()
c.AIChatApp.metrics_token_file = str(SECRETS / "metrics_token")
c.AIChatApp.trusted_proxies = ["10.243.77.2"]  # nginx, where docker-compose.yml puts it
c.AIChatApp.registration = "invitation"  # `users invite` makes them; "open" lets in everybody who reaches it
c.OllamaProvider.url = "http://ollama:11434"
