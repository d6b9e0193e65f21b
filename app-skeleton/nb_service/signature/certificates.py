"""Checks whether a signature's certificate was issued by a trusted authority, to a certain name.

Certificates must be valid now: only a third party's time stamp could prove that a signature was made before its
certificate expired.
"""

import datetime as dt
from collections.abc import Sequence
from itertools import pairwise

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import verification
from cryptography.x509.oid import ExtendedKeyUsageOID
from nb_scorer.signature.bundle import Bundle

from nb_service import problems
from nb_service.signature import keys

SETTING = "S2I_VERIFY_CA_FILE"


class Authorities:
    """The certificates of authorities in a PEM file, and their revocation lists; raises VerifyUnusable."""

    def __init__(self, path: str) -> None:
        blocks = keys.blocks(SETTING, path)
        try:
            self._roots = [x509.load_pem_x509_certificate(block) for kind, block in blocks if kind == "CERTIFICATE"]
            self._lists = [x509.load_pem_x509_crl(block) for kind, block in blocks if kind == "X509 CRL"]
        except ValueError as error:
            raise problems.VerifyUnusable(SETTING, path, f"a certificate in it is damaged ({error})") from error
        if not self._roots:
            raise problems.VerifyUnusable(SETTING, path, "no certificate is in it")

    def signer(self, bundle: Bundle, identity: str) -> str:
        """Return a description of the signer's certificate; raise keys.Untrusted if it is not acceptable."""
        if not bundle.certificates:
            raise keys.Untrusted("it was made with a bare key, without a certificate that identifies the signer")
        try:
            own, *others = (x509.load_der_x509_certificate(each) for each in bundle.certificates)
            names = _names(own)
            key = own.public_key()
        except ValueError as error:
            raise keys.Untrusted(f"its certificate is damaged ({error})") from error
        if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in keys.HASHES:
            raise keys.Untrusted(f"its certificate is for another key than {keys.CURVES}")
        if not keys.has_signed(key, bundle):
            raise keys.Untrusted("it was not made with the key of its certificate")
        now = dt.datetime.now(dt.timezone.utc)
        self._require_unrevoked(self._chain(own, others, now), now)
        if not _may_sign(own):
            raise keys.Untrusted("its certificate is not for signatures (key usage digitalSignature or codeSigning)")
        if identity not in names:
            known = ", ".join(names) or "nobody"
            raise keys.Untrusted(f"its certificate names {known}, and not {identity} (S2I_VERIFY_IDENTITY)")
        return f"{identity}, by a certificate of {own.issuer.rfc4514_string()}"

    def _chain(
        self, own: x509.Certificate, others: Sequence[x509.Certificate], now: dt.datetime
    ) -> Sequence[x509.Certificate]:
        """Return the certificates from the signer's own to a trusted authority's; raise keys.Untrusted if none fit."""
        for certificate in (own, *others):
            if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
                begin, end = certificate.not_valid_before_utc.date(), certificate.not_valid_after_utc.date()
                raise keys.Untrusted(f"a certificate in it is valid from {begin} to {end} only")
        # The default policies are for web servers, so the key usage is checked below.
        policy = (
            verification.PolicyBuilder()
            .store(verification.Store(self._roots))
            .time(now)
            .extension_policies(
                ca_policy=_authority_policy(),
                ee_policy=verification.ExtensionPolicy.permit_all(),
            )
        )
        try:
            return policy.build_client_verifier().verify(own, list(others)).chain
        except verification.VerificationError as error:
            raise keys.Untrusted("no trusted authority has issued its certificate") from error

    def _require_unrevoked(self, chain: Sequence[x509.Certificate], now: dt.datetime) -> None:
        for certificate, issuer in pairwise(chain):
            for each in self._lists:
                if each.issuer != certificate.issuer or not _has_issued(issuer, each):
                    continue
                if each.next_update_utc is not None and each.next_update_utc < now:
                    raise keys.Untrusted(
                        f"the list of revoked certificates in {SETTING} expired on {each.next_update_utc.date()}"
                    )
                if each.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None:
                    raise keys.Untrusted("a certificate in it is revoked")


def _authority_policy() -> verification.ExtensionPolicy:
    """Return the policy for authorities, whose certificates must be marked as such."""
    policy = verification.ExtensionPolicy.permit_all()
    return policy.require_present(x509.BasicConstraints, verification.Criticality.AGNOSTIC, _must_be_authority)


def _must_be_authority(
    policy: verification.Policy, certificate: x509.Certificate, extension: x509.BasicConstraints
) -> None:
    if not extension.ca:
        raise ValueError("it is not an authority")


def _has_issued(issuer: x509.Certificate, revoked: x509.CertificateRevocationList) -> bool:
    key = issuer.public_key()
    try:
        return revoked.is_signature_valid(key)  # type: ignore[arg-type] # of other kinds of keys it raises
    except TypeError:
        return False


def _may_sign(certificate: x509.Certificate) -> bool:
    """Return whether a certificate may be used for signatures: its key usage includes them, or is missing."""
    extensions = certificate.extensions
    usage = [each.value for each in extensions if isinstance(each.value, x509.KeyUsage)]
    extended = [each.value for each in extensions if isinstance(each.value, x509.ExtendedKeyUsage)]
    if usage and not usage[0].digital_signature:
        return False
    return not extended or ExtendedKeyUsageOID.CODE_SIGNING in extended[0]


def _names(certificate: x509.Certificate) -> list[str]:
    """Return the subject alternative names of a certificate: mail, URIs and DNS names."""
    names: list[str] = []
    for extension in certificate.extensions:
        if isinstance(extension.value, x509.SubjectAlternativeName):
            for kind in (x509.RFC822Name, x509.UniformResourceIdentifier, x509.DNSName):
                names += extension.value.get_values_for_type(kind)
    return names
