"""What a person is told when it is the service, or the way to it, that fails: each error names the service."""

from __future__ import annotations

from jupyter_aichat.errors import BadUpstream, NotReady, Unauthenticated


def away(url: str) -> NotReady:
    """Nobody answers there, for now."""
    return NotReady(
        f"The chat service at {url} does not answer. It keeps the chats, and this goes on as soon as it is back.",
        service=url,
    )


def untrusted(url: str) -> BadUpstream:
    """Somebody answers, who cannot prove to be the service."""
    return BadUpstream(
        f"The certificate of the chat service at {url} is not trusted: does RemoteMode.ca_file name its issuer's?",
        service=url,
    )


def not_the_service(url: str, status: int | None = None) -> BadUpstream:
    """Somebody answers, who is not the service."""
    what = "" if status is None else f" (HTTP {status})"
    return BadUpstream(
        f"What answers at {url} is not the chat service{what}: is RemoteMode.service_url right, and the service running?",
        service=url,
    )


def cut(url: str) -> BadUpstream:
    """The service hung up in the middle of an answer."""
    return BadUpstream(f"The chat service at {url} closed the connection in the middle of its answer.", service=url)


def refused_hub_token(url: str) -> Unauthenticated:
    """The service does not take what the Hub gave: to this server, or to its visitor."""
    return Unauthenticated(
        f"The chat service at {url} does not take what the Hub gave this server: stop the server and start it again, in the Hub "
        "Control Panel. If that does not help, ask who runs the Hub.",
        service=url,
        given_by="hub",
    )


def refused_token(url: str) -> Unauthenticated:
    """The service does not take our token."""
    return Unauthenticated(
        f"The chat service at {url} does not take this server's token: it is wrong, has expired or was revoked. Make a new one "
        "on its page under Tokens, and put it in the place of the old one.",
        service=url,
    )
