"""A service behind TLS: its certificate is checked, against the system's issuers or those that are named."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.remote import fake as fakes
from tests.remote.conftest import Raw
from tests.remote.fake import TOKEN, Fake


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate of this machine's loopback address, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + secret)
    return path


@pytest.fixture
def fake(certificate: Path, jp_asyncio_loop: asyncio.AbstractEventLoop) -> Iterator[Fake]:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    fake = jp_asyncio_loop.run_until_complete(fakes.start(tls=tls))
    yield fake
    jp_asyncio_loop.run_until_complete(fake.stop())


@pytest.fixture(params=["named", "unknown", "missing"])
def remote_mode(request: pytest.FixtureRequest, fake: Fake, certificate: Path) -> dict[str, Any]:
    ca_file = {"named": str(certificate), "unknown": "", "missing": f"{certificate}.none"}[request.param]
    return {"service_url": fake.url, "token": TOKEN, "ca_file": ca_file}


async def test_certificates(raw: Raw, fake: Fake, remote_mode: dict[str, Any]) -> None:
    fake.answers(200)
    answer = await raw("GET", "/chats/0")
    if remote_mode["ca_file"].endswith(".pem"):
        assert (answer.status, fake.asked.headers["Authorization"]) == (200, f"Bearer {TOKEN}")
        return
    assert fake.requests == []
    assert "RemoteMode.ca_file" in answer.json["message"]
    health = (await raw("GET", "/health")).json
    if remote_mode["ca_file"]:
        assert answer.code == (503, "not_ready")
        assert (health["state"], health["code"]) == ("failed", "not_ready")
    else:
        assert answer.code == (502, "bad_upstream")
