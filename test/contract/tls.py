"""Certificates for servers at localhost and for their clients, by an authority of a test's own."""

import datetime as dt
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

USES = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
    "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip


def write_pems(folder: Path) -> None:
    """Write {ca, server, client}.pem and .key into a folder; the authority has issued the other two."""
    authority = _certificate("an authority", is_authority=True)
    _write(folder, "ca", authority)
    _write(folder, "server", _certificate("localhost", authority))
    _write(folder, "client", _certificate("a client", authority))


def _certificate(name, issuer=None, is_authority=False):
    """Return (certificate, key) of `name`, by an issuer such as this returns, or by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.timezone.utc)
    signing = issuer[1] if issuer else key
    # What RFC 5280 requires of an authority and of what it issues: from Python 3.13 on, clients insist on it.
    usage = dict.fromkeys(USES, False) | {"key_cert_sign": is_authority, "digital_signature": not is_authority}
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False)
        .sign(signing, hashes.SHA256())
    )
    return made, key


def _write(folder, name, pair):
    """Write a pair as PEM."""
    (folder / f"{name}.pem").write_bytes(pair[0].public_bytes(serialization.Encoding.PEM))
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / f"{name}.key").write_bytes(pair[1].private_bytes(*form))
