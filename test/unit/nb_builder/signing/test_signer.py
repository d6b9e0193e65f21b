import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from nb_builder.problems.signing import SignKeyUnusable
from nb_builder.signing.signer import Signer
from nb_scorer.signature.statement import PAYLOAD_TYPE

import signers
from signers import Authority, serialization


def rejected(path, certificate=None):
    with pytest.raises(SignKeyUnusable) as rejection:
        Signer(path, certificate)
    return rejection.value


def test_a_key_signs_with_the_hint_that_bundles_have(tmp_path):
    private, _ = signers.key_pair(tmp_path)
    signer = Signer(private)
    assert f'"hint": "{signer.hint}"' in signer.signed(b"{}", PAYLOAD_TYPE)
    assert signer.name == f"the key {signer.hint[:16]}…"


def test_a_certificate_names_the_signer(tmp_path):
    private, _ = signers.key_pair(tmp_path)
    assert Signer(private, Authority().issue(private, tmp_path)).name == "CN=signer of models"


def test_an_encrypted_key_is_rejected(tmp_path):
    key = ec.generate_private_key(ec.SECP256R1())
    form, password = serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"secret")
    (tmp_path / "key").write_bytes(key.private_bytes(serialization.Encoding.PEM, form, password))
    assert "it is encrypted, and a build can't ask for its password" in rejected(tmp_path / "key").what


def test_the_words_of_a_file_that_is_no_key_are_not_shown(tmp_path):
    (tmp_path / "key").write_text("-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n")
    problem = rejected(tmp_path / "key")
    assert "it contains no private key in PEM format" in problem.what
    assert "c2VjcmV0" not in str(problem)
    assert problem.__cause__ is None or "c2VjcmV0" not in str(problem.__cause__)


@pytest.mark.parametrize("key", [ed25519.Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256K1())])
def test_a_key_of_another_kind_is_rejected(tmp_path, key):
    (tmp_path / "key").write_bytes(signers.private_pem(key))
    assert "not an EC key on the curve P-256, P-384 or P-521" in rejected(tmp_path / "key").what


@pytest.mark.parametrize(("name", "reason"), [("nowhere", "No such file or directory"), (".", "it is not a file")])
def test_what_can_t_be_read_is_rejected(tmp_path, name, reason):
    assert f"S2I_SIGN_KEY_FILE={tmp_path / name} can't be used: {reason}." == rejected(tmp_path / name).what


def test_a_certificate_of_another_key_is_rejected(tmp_path):
    (one, _), (other, _) = (signers.key_pair(tmp_path, name) for name in ("one", "other"))
    problem = rejected(one, Authority().issue(other, tmp_path))
    assert "S2I_SIGN_CERTIFICATE_FILE" in problem.what
    assert "does not match the key in S2I_SIGN_KEY_FILE" in problem.what


def test_a_file_without_certificates_is_rejected(tmp_path):
    private, public = signers.key_pair(tmp_path)
    assert "it contains no certificates in PEM format" in rejected(private, public).what
