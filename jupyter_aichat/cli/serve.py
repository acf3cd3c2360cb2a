"""`jupyter aichat serve`: the service itself, with all settings of a Jupyter server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jupyter_aichat.cli.command import Command
from jupyter_aichat.service.app import AIChatService

_SERVER_WORDS = {
    "ip": "The address to listen on; 0.0.0.0 for all of this machine's. Default: this machine alone.",
    "port": "The port to listen on. Default: AICHAT_PORT, else 8790.",
    "sock": "A Unix socket to listen on in place of a port.",
    "base-url": "The path below which everything is served. Default: /",
    "certfile": "The certificate for TLS, with those of its issuers.",
    "keyfile": "The key of the certificate.",
    "secret-file": "The secret that signs tokens, from `jupyter aichat secret`. Default: AICHAT_SECRET_FILE; there must be one.",
}
_UNSAID = ("allow-root", "y", "generate-config", "show-config", "show-config-json")
"""What Jupyter's programs take, and nobody needs here."""


class Serve(Command):
    """Serve a team: a web page, and the interface behind it, until it is stopped.

    It exits with 78 where something must be mended before it can start; a sentence on standard error says what.
    """

    name = "jupyter aichat serve"
    examples = """
    jupyter aichat serve --secret-file=secret.key
    jupyter aichat serve --secret-file=secret.key --registration=invitation --AIChatApp.trusted_proxies=127.0.0.1
    jupyter aichat serve --secret-file=secret.key --roles=worker --port=8791
    jupyter aichat serve --secret-file=secret.key --ip=0.0.0.0 --port=443 --certfile=chain.pem --keyfile=key.pem
    """
    classes = [AIChatService, *AIChatService.classes]
    flags = AIChatService.flags
    aliases = AIChatService.aliases

    def initialize(self, argv: Any = None) -> None:
        """Keep the arguments, if all of them mean something; the service would go on without the others."""
        self.argv = list(argv or ())
        self.parse_command_line(self.argv)

    def start(self) -> None:
        """Serve until told to stop."""
        self.clear_instance()  # there is one application, and from now on that is the service
        AIChatService.launch_instance(self.argv)

    def _options(self) -> Iterator[tuple[str, str]]:
        for name, sentence in super()._options():
            word = name.rstrip("=…")
            if word not in _UNSAID:
                yield name, _SERVER_WORDS.get(word, sentence)
