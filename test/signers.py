"""Keys, certificates and signed models, made for a test."""

import datetime as dt
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from nb_builder.signing import model
from nb_builder.signing.signer import Signer

NOW = dt.datetime.now(dt.timezone.utc)
DAY = dt.timedelta(days=1)
SIGNER = "models@example.org"


def key_pair(folder: Path, name: str = "key", curve: ec.EllipticCurve | None = None) -> tuple[Path, Path]:
    """Write a private key and its public key into `folder`; return both files."""
    key = ec.generate_private_key(curve or ec.SECP256R1())
    private, public = folder / f"{name}.pem", folder / f"{name}.pub"
    private.write_bytes(private_pem(key))
    public.write_bytes(
        key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return private, public


def private_pem(key) -> bytes:
    """Return a private key as PEM."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def sign(folder: Path, key: Path, certificate: Path | None = None) -> Path:
    """Sign the model in `folder`; return it."""
    model.sign(folder, Signer(key, certificate))
    return folder


class Authority:
    """A certificate authority: `certificate` is its own, `pem` that as a file has it."""

    def __init__(self, name: str = "Models' CA", issuer: "Authority | None" = None) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        above = issuer or self
        self.subject = subject
        builder = _builder(subject, above.subject, self.key.public_key(), NOW - 9 * DAY, NOW + 9 * DAY)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self.certificate = builder.sign(above.key, hashes.SHA256())
        self.pem = self.certificate.public_bytes(serialization.Encoding.PEM)

    def issue(self, key: Path, folder: Path, name: str = "signer", **choices) -> Path:
        """Return the file of a certificate for a private key; `choices`: identity, begin, end, usage, between."""
        private = serialization.load_pem_private_key(key.read_bytes(), None)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "signer of models")])
        begin, end = choices.get("begin", NOW - DAY), choices.get("end", NOW + DAY)
        builder = _builder(subject, self.subject, private.public_key(), begin, end)
        names = x509.SubjectAlternativeName([x509.RFC822Name(choices.get("identity", SIGNER))])
        builder = builder.add_extension(names, critical=False)
        usage = choices.get("usage", ExtendedKeyUsageOID.CODE_SIGNING)
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        certificate = builder.sign(self.key, hashes.SHA256())
        path = folder / f"{name}.crt"
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + choices.get("between", b""))
        return path

    def revoked(self, certificate: Path, until: dt.datetime = NOW + DAY) -> bytes:
        """Return this authority's list of revoked certificates, which has that one, good until `until`."""
        serial = x509.load_pem_x509_certificate(certificate.read_bytes()).serial_number
        one = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(NOW - DAY).build()
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.subject).last_update(NOW - 2 * DAY)
        signed = builder.next_update(until).add_revoked_certificate(one).sign(self.key, hashes.SHA256())
        return signed.public_bytes(serialization.Encoding.PEM)


def _builder(subject, issuer, public_key, begin, end):
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(public_key)
    return builder.serial_number(x509.random_serial_number()).not_valid_before(begin).not_valid_after(end)
