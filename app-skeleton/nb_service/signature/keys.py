"""Checks whether a signature was made with a given public key, on one of the curves of OpenSSF Model Signing."""

import hashlib
import re
from pathlib import Path

from cryptography import exceptions
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from nb_scorer.signature.bundle import Bundle, pae

from nb_service import problems

# Each curve is used with the hash of the same strength.
HASHES: dict[str, type[hashes.HashAlgorithm]] = {
    "secp256r1": hashes.SHA256,
    "secp384r1": hashes.SHA384,
    "secp521r1": hashes.SHA512,
}
CURVES = "an EC key on the curve P-256, P-384 or P-521"
MAX_SIZE = 1 << 20
_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)


class Untrusted(Exception):
    """A signature is not trusted; the message completes a sentence that explains why."""


class PublicKeys:
    """The public keys in a PEM file, all equally trusted; raises VerifyUnusable."""

    def __init__(self, path: str) -> None:
        self._keys = [_key_of(block, path) for kind, block in blocks("S2I_VERIFY_KEY_FILE", path)]
        if not self._keys:
            raise problems.VerifyUnusable("S2I_VERIFY_KEY_FILE", path, "it contains no public key")

    def signer(self, bundle: Bundle) -> str:
        """Return a description of the key that signed; raise Untrusted."""
        for key in self._keys:
            if has_signed(key, bundle):
                return f"the key {hint_of(key)[:16]}…"
        signer = f"it is of the key {bundle.hint[:16]}…, " if bundle.hint.isalnum() else ""
        known = ", ".join(f"{hint_of(key)[:16]}…" for key in self._keys)
        raise Untrusted(f"{signer}it was not made with a trusted key (trusted: {known})")


def blocks(setting: str, path: str) -> list[tuple[str, bytes]]:
    """Return (kind, block) of all blocks in a PEM file; raise VerifyUnusable if the file or a block can't be read."""
    try:
        with Path(path).open("rb") as file:
            content = file.read(MAX_SIZE)
    except OSError as error:
        raise problems.VerifyUnusable(setting, path, error.strerror or str(error)) from error
    return [(match[1].decode("ascii"), match[0]) for match in _PEM.finditer(content)]


def _key_of(block: bytes, path: str) -> ec.EllipticCurvePublicKey:
    if b"PRIVATE KEY" in block.partition(b"\n")[0]:
        reason = "it contains a private key, which must not be on a service's machine"
        raise problems.VerifyUnusable("S2I_VERIFY_KEY_FILE", path, reason)
    try:
        key = serialization.load_pem_public_key(block)
    except (ValueError, exceptions.UnsupportedAlgorithm) as error:
        raise problems.VerifyUnusable("S2I_VERIFY_KEY_FILE", path, "its content is not a public key") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in HASHES:
        raise problems.VerifyUnusable("S2I_VERIFY_KEY_FILE", path, f"it is not {CURVES}")
    return key


def has_signed(key: ec.EllipticCurvePublicKey, bundle: Bundle) -> bool:
    """Return whether the signature in `bundle` was made with `key`."""
    try:
        key.verify(bundle.signature, pae(bundle.payload, bundle.kind), ec.ECDSA(HASHES[key.curve.name]()))
    except exceptions.InvalidSignature:
        return False
    return True


def hint_of(key: ec.EllipticCurvePublicKey) -> str:
    """Return a key's hint in bundles: the SHA-256 of its PEM text."""
    pem = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(pem).hexdigest()
