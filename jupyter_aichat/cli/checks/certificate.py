"""The doctor's look at the certificate of the service: it is shown to a client, in memory, as the server would show it."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from typing import Any

from jupyter_aichat.cli.checks.finding import Finding

SOON_DAYS = 30
_DAY_S = 24 * 3600
_RENEW = "Renew it, and restart the service."


def certificate(certfile: str, keyfile: str) -> Iterator[Finding]:
    """Yield whether browsers would take it: its key fits, it has begun and not ended, and it has names."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        server.load_cert_chain(certfile, keyfile or None)
        shown = _shown(server, certfile)
    except ssl.SSLCertVerificationError as error:
        yield Finding("front", "fail", f"The certificate is not valid: {error.verify_message}.", _RENEW)
        return
    except (OSError, ssl.SSLError) as error:
        yield Finding(
            "front", "fail", f"The certificate cannot be used: {error}.", "Mend ServerApp.certfile and keyfile."
        )
        return
    left = (ssl.cert_time_to_seconds(shown["notAfter"]) - time.time()) / _DAY_S
    names = [name for _, name in shown.get("subjectAltName", ())]
    if not names:
        yield Finding(
            "front", "fail", "The certificate has no names (subjectAltName): browsers take none without.", _RENEW
        )
    until = f"TLS with {certfile}, for {', '.join(names) or 'nobody'}; it ends in {left:.0f} days."
    yield Finding("front", "warn", until, _RENEW) if left < SOON_DAYS else Finding("front", "ok", until)


def _shown(server: ssl.SSLContext, certfile: str) -> dict[str, Any]:
    """Return what a client sees that trusts this certificate, whoever has signed it."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    client.load_verify_locations(certfile)
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (client.wrap_bio(down, up), server.wrap_bio(up, down, server_side=True))
    for _ in range(5):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return ends[0].getpeercert() or {}
