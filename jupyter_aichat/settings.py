"""What an operator tells `AIChatApp`, apart from the server that it is: the command line reads the same settings."""

from __future__ import annotations

import os

from traitlets import Enum, Float, HasTraits, Int, List, Unicode, default

MOST_BYTES = 32 * 1024 * 1024
"""The largest file of chats that is imported, in bytes, unless an operator says otherwise."""


class AppSettings(HasTraits):
    """The traits of `AIChatApp` that need no server; what containers set has an environment variable too."""

    store_url = Unicode(
        help="Where chats are kept: sqlite:///path, a path, or mongodb://host/database. Default: AICHAT_STORE_URL, else a file in the Jupyter data "
        "directory."
    ).tag(config=True)
    redis_url = Unicode(
        help="Redis of several processes that share a store: redis[s]://[user:password@]host:port/db, unix:///path, "
        "redis[s]+sentinel://host,host/service or redis[s]+cluster://host,host. Default: AICHAT_REDIS_URL, else all in one "
        "process."
    ).tag(config=True)
    default_model = Unicode(
        help="The model of new chats. Default: AICHAT_DEFAULT_MODEL, else the first loaded, else the first listed."
    ).tag(config=True)
    secret_file = Unicode(
        help="A file with the service's secret, at least 32 bytes, the same for all processes. Default: AICHAT_SECRET_FILE, "
        "which `jupyter aichat serve` cannot do without; else, in a personal server, one beside the SQLite file, made where it is "
        "needed, and with MongoDB one of each process."
    ).tag(config=True)
    local_owner = Unicode(
        help="Who owns the chats of this server: servers with the same store and owner are one person. Default: "
        "AICHAT_OWNER, else 'local'."
    ).tag(config=True)
    logs = Enum(
        ("text", "json"),
        help="How lines of the log are written: for people to read, or as JSON, one object a line with the ids of request and "
        "run. In a Jupyter server, those of the chat alone. Default: AICHAT_LOGS, else text.",
    ).tag(config=True)
    metrics_token_file = Unicode(
        help="A file with a token, at least 32 bytes, that opens /metrics and nothing else. Default: AICHAT_METRICS_TOKEN_FILE, "
        "else administrators alone may ask; in a Jupyter server, whoever may use it."
    ).tag(config=True)
    traces_url = Unicode(
        help="Where spans of requests and answers go: a collector of OpenTelemetry that takes OTLP over HTTP, such as "
        "http://127.0.0.1:4318, or 'environment' where OTEL_EXPORTER_OTLP_ENDPOINT and its like say it. Needs the extra 'otel'. Default: "
        "AICHAT_TRACES_URL, else nowhere."
    ).tag(config=True)
    traces_ratio = Float(
        1.0, min=0, max=1,
        help="How many of the traces that begin here are kept, from 0 to 1; in one that began elsewhere, what was decided there "
        "counts. OTEL_TRACES_SAMPLER, where it is set, decides instead.",
    ).tag(config=True)  # fmt: skip
    asset_url = Unicode(
        help="Where browsers load the page's scripts and styles from, if not from the service: a folder's address, such as "
        "https://cdn.example.org/aichat, that has what `jupyter aichat assets` writes, or takes it from <base>/assets here. Default: "
        "AICHAT_ASSET_URL."
    ).tag(config=True)
    roles = Unicode(
        help="What a process of the service does: 'api' answers requests and serves the page, 'worker' asks the models and "
        "serves /health, /ready and /metrics alone. One of them alone needs MongoDB and Redis. Default: AICHAT_ROLES, else "
        "'api,worker'."
    ).tag(config=True)
    registration = Enum(
        ("open", "invitation", "closed"), "closed",
        help="Who may make an account in the service: 'open' everybody who reaches it, 'invitation' who has one from an "
        "administrator, 'closed' nobody but administrators.",
    ).tag(config=True)  # fmt: skip
    trusted_proxies = List(
        Unicode(),
        help="The proxies before the service, by address or network, or 'unix' for one on a Unix socket. From them alone the "
        "client's address and scheme are taken (X-Forwarded-For, X-Forwarded-Proto).",
    ).tag(config=True)
    allowed_origins = List(
        Unicode(),
        help="Pages of other sites that may use the service from a browser, exactly: https://host or https://host:port. They "
        "bring a token of their own; the page's cookie is never sent for them.",
    ).tag(config=True)

    import_bytes = Int(
        MOST_BYTES, min=1024, max=1024**3,
        help="How large a file of chats may be that is imported, in bytes; up to eight of them are held in memory at once. A proxy "
        "before the service has to let as much through at /api/aichat/v1/import.",
    ).tag(config=True)  # fmt: skip

    @default("store_url")
    def _store_url_default(self) -> str:
        return os.environ.get("AICHAT_STORE_URL", "")

    @default("redis_url")
    def _redis_url_default(self) -> str:
        return os.environ.get("AICHAT_REDIS_URL", "")

    @default("default_model")
    def _default_model_default(self) -> str:
        return os.environ.get("AICHAT_DEFAULT_MODEL", "")

    @default("roles")
    def _roles_default(self) -> str:
        return os.environ.get("AICHAT_ROLES", "") or "api,worker"

    @default("logs")
    def _logs_default(self) -> str:
        return os.environ.get("AICHAT_LOGS", "") or "text"

    @default("metrics_token_file")
    def _metrics_token_file_default(self) -> str:
        return os.environ.get("AICHAT_METRICS_TOKEN_FILE", "")

    @default("traces_url")
    def _traces_url_default(self) -> str:
        return os.environ.get("AICHAT_TRACES_URL", "")

    @default("asset_url")
    def _asset_url_default(self) -> str:
        return os.environ.get("AICHAT_ASSET_URL", "")

    @default("local_owner")
    def _local_owner_default(self) -> str:
        return os.environ.get("AICHAT_OWNER", "") or "local"

    @default("secret_file")
    def _secret_file_default(self) -> str:
        return os.environ.get("AICHAT_SECRET_FILE", "")
