"""A certificate of our own making, for servers of tests at 127.0.0.1."""

from __future__ import annotations

import ipaddress
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


@dataclass
class Certificate:
    """Files of a certificate and its key."""

    certfile: Path
    keyfile: Path

    def trusted(self) -> ssl.SSLContext:
        """What a client trusts that trusts nothing else."""
        return ssl.create_default_context(cafile=self.certfile)


def make(folder: Path) -> Certificate:
    """Make one, for two days."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    at = datetime.now(UTC) - timedelta(hours=1)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(at).not_valid_after(at + timedelta(days=2))
        .add_extension(names, critical=True).add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    found = Certificate(folder / "cert.pem", folder / "key.pem")
    found.certfile.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    found.keyfile.touch(0o600)
    found.keyfile.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return found
