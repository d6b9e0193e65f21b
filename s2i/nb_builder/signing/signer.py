"""Signs with a private key that is read once; neither the key nor its path is written anywhere."""

import stat
from pathlib import Path

from cryptography import exceptions, x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from nb_scorer.signature import bundle
from nb_scorer.signature.bundle import Bundle
from nb_service.signature import keys

from nb_builder.problems.signing import SignKeyUnusable

KEY, CERTIFICATE = "S2I_SIGN_KEY_FILE", "S2I_SIGN_CERTIFICATE_FILE"


class Signer:
    """A key, and the certificate chain that identifies its owner, if any."""

    def __init__(self, key_file: Path, certificate_file: Path | None = None) -> None:
        """Read both; raise SignKeyUnusable if they can't sign a model."""
        self._key = _private_key(key_file)
        self._chain = _chain(certificate_file) if certificate_file else []
        if self._chain and self._chain[0].public_key() != self._key.public_key():
            raise _unusable(CERTIFICATE, certificate_file, f"its first certificate does not match the key in {KEY}")

    @property
    def name(self) -> str:
        """Return a description of the signer."""
        if self._chain:
            return self._chain[0].subject.rfc4514_string()
        return f"the key {self.hint[:16]}…"

    @property
    def hint(self) -> str:
        """Return the key's hint in bundles."""
        return keys.hint_of(self._key.public_key())

    def signed(self, payload: bytes, kind: str) -> str:
        """Return the text of a bundle with `payload`, whose type is `kind`, and its signature."""
        signature = self._key.sign(bundle.pae(payload, kind), ec.ECDSA(keys.HASHES[self._key.curve.name]()))
        certificates = tuple(each.public_bytes(serialization.Encoding.DER) for each in self._chain)
        return bundle.as_json(Bundle(payload, signature, self.hint, certificates, kind))


def _private_key(path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(_content(KEY, path), None)
    except TypeError as error:
        raise _unusable(KEY, path, "it is encrypted, and a build can't ask for its password") from error
    except (ValueError, exceptions.UnsupportedAlgorithm) as error:
        # Without the library's message, which may quote its input.
        raise _unusable(KEY, path, "it contains no private key in PEM format") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name not in keys.HASHES:
        raise _unusable(KEY, path, f"it is not {keys.CURVES}")
    return key


def _chain(path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(_content(CERTIFICATE, path))
    except ValueError as error:
        raise _unusable(CERTIFICATE, path, "it contains no certificates in PEM format") from error


def _content(setting: str, path: Path) -> bytes:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise _unusable(setting, path, "it is not a file")
        with path.open("rb") as file:
            return file.read(keys.MAX_SIZE)
    except OSError as error:
        raise _unusable(setting, path, error.strerror or "it can't be read") from error


def _unusable(setting: str, path: Path | None, reason: str) -> SignKeyUnusable:
    return SignKeyUnusable(setting=setting, path=path, reason=reason)
