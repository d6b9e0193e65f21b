import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from nb_service import problems
from nb_service.signature.trust import Trust

import signers
from signers import serialization


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.pickle").write_bytes(b"pickle")
    return folder


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()])
def test_each_curve_of_the_format_counts(model, tmp_path, curve):
    private, public = signers.key_pair(tmp_path, curve=curve)
    signers.sign(model, private)
    assert list(Trust(str(public)).digests_of(model)) == ["model.pickle"]


def test_any_key_of_the_file_counts_so_that_keys_can_change(model, tmp_path):
    (old, old_public), (new, new_public) = (signers.key_pair(tmp_path, name) for name in ("old", "new"))
    both = tmp_path / "both.pub"
    both.write_bytes(b"# old and new\n" + old_public.read_bytes() + b"\n" + new_public.read_bytes())
    for private in (old, new):
        signers.sign(model, private)
        assert Trust(str(both)).digests_of(model)


def test_a_key_that_is_taken_out_of_the_file_is_revoked(model, tmp_path):
    (old, _), (_, new_public) = (signers.key_pair(tmp_path, name) for name in ("old", "new"))
    signers.sign(model, old)
    with pytest.raises(
        problems.SignatureInvalid, match=r"it is of the key [0-9a-f]{16}…, it was not made with a trusted key"
    ):
        Trust(str(new_public)).digests_of(model)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it contains no public key"),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "its content is not a public key"),
    ],
)
def test_a_file_without_a_key_is_rejected_by_its_setting(model, tmp_path, content, reason):
    signers.sign(model, signers.key_pair(tmp_path)[0])
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(problems.VerifyUnusable, match=f"S2I_VERIFY_KEY_FILE='.*file' can't be used: {reason}"):
        Trust(str(tmp_path / "file")).digests_of(model)


def test_a_private_key_is_rejected_before_it_spreads(model, tmp_path):
    private, _ = signers.key_pair(tmp_path)
    signers.sign(model, private)
    with pytest.raises(
        problems.VerifyUnusable, match="it contains a private key, which must not be on a service's machine"
    ):
        Trust(str(private)).digests_of(model)


def test_a_key_of_another_kind_is_rejected(model, tmp_path):
    signers.sign(model, signers.key_pair(tmp_path)[0])
    key = rsa.generate_private_key(65537, 2048).public_key()
    path = tmp_path / "rsa.pub"
    path.write_bytes(key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
    with pytest.raises(problems.VerifyUnusable, match="not an EC key on the curve P-256, P-384 or P-521"):
        Trust(str(path)).digests_of(model)


@pytest.mark.parametrize("path", ["nowhere.pub", "."])
def test_a_file_that_can_t_be_read_is_rejected(model, tmp_path, path):
    signers.sign(model, signers.key_pair(tmp_path)[0])
    with pytest.raises(problems.VerifyUnusable, match="No such file|Is a directory"):
        Trust(str(tmp_path / path)).digests_of(model)
