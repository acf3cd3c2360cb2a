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


def make(folder: Path, days: int = 2, *, named: bool = True) -> Certificate:
    """Make one, for two days, or until so many days from now; ``named`` or not."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    at, end = datetime.now(UTC) - timedelta(days=10), datetime.now(UTC) + timedelta(days=days)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(at).not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )  # fmt: skip
    made = (builder.add_extension(names, critical=True) if named else builder).sign(key, hashes.SHA256())
    found = Certificate(folder / "cert.pem", folder / "key.pem")
    found.certfile.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    found.keyfile.touch(0o600)
    found.keyfile.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return found
