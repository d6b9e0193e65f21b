import datetime as dt
import json

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID
from nb_service import problems
from nb_service.signature.trust import Trust, read

import signers
from signers import DAY, NOW, SIGNER, Authority


@pytest.fixture
def authority():
    return Authority()


@pytest.fixture
def model(tmp_path):
    """Return a model folder that is not signed."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.pickle").write_bytes(b"pickle")
    return folder


@pytest.fixture
def trusting(tmp_path):
    """Return what makes a file of authorities, and a trust in these."""

    def make(*blocks, identity=SIGNER):
        path = tmp_path / "ca.pem"
        path.write_bytes(b"".join(blocks))
        return Trust("", str(path), identity)

    return make


@pytest.fixture
def signed(model, tmp_path, authority):
    """Return what signs the model with a certificate of `authority`, and returns that."""

    def make(issuer=None, **choices):
        key, _ = signers.key_pair(tmp_path)
        certificate = (issuer or authority).issue(key, tmp_path, **choices)
        signers.sign(model, key, certificate)
        return certificate

    return make


def rejection(trust, model):
    with pytest.raises(problems.SignatureInvalid) as rejected:
        trust.digests_of(model)
    return str(rejected.value)


def test_a_certificate_of_a_trusted_authority_with_the_right_name_counts(model, signed, trusting, authority):
    signed()
    assert list(trusting(authority.pem).digests_of(model)) == ["model.pickle"]
    said = trusting(authority.pem).opened(read(model / "model.sig", model), model)
    assert said.signer == "models@example.org, by a certificate of CN=Models' CA"


def test_an_authority_in_between_comes_with_the_signature(model, signed, trusting, authority):
    between = Authority("Team's CA", authority)
    signed(between, between=between.pem)
    assert list(trusting(authority.pem).digests_of(model)) == ["model.pickle"]


def test_without_the_authority_in_between_there_is_no_chain(model, signed, trusting, authority):
    signed(Authority("Team's CA", authority))
    assert "no trusted authority has issued its certificate" in rejection(trusting(authority.pem), model)


def test_an_authority_of_the_same_name_is_another_one(model, signed, trusting):
    signed()
    assert "no trusted authority" in rejection(trusting(Authority().pem), model)


def test_a_signer_is_no_authority(model, signed, trusting, authority, tmp_path):
    """Who may sign may not say who else may."""
    own = signed()
    key, _ = signers.key_pair(tmp_path, "another")
    false = Authority("signer of models")
    false.key = signers.serialization.load_pem_private_key((tmp_path / "key.pem").read_bytes(), None)
    certificate = false.issue(key, tmp_path, "false", between=own.read_bytes())
    signers.sign(model, key, certificate)
    assert "no trusted authority" in rejection(trusting(authority.pem), model)


@pytest.mark.parametrize(("begin", "end"), [(-2 * DAY, -DAY), (DAY, 2 * DAY)])
def test_a_certificate_that_is_over_or_not_yet_valid_does_not_count(model, signed, trusting, authority, begin, end):
    signed(begin=NOW + begin, end=NOW + end)
    days = f"from {(NOW + begin).date()} to {(NOW + end).date()} only"
    assert f"a certificate in it is valid {days}" in rejection(trusting(authority.pem), model)


def test_a_revoked_certificate_does_not_count(model, signed, trusting, authority):
    certificate = signed()
    assert "a certificate in it is revoked" in rejection(trusting(authority.pem, authority.revoked(certificate)), model)


def test_the_list_of_another_authority_revokes_nothing(model, signed, trusting, authority):
    certificate = signed()
    assert trusting(authority.pem, Authority().revoked(certificate)).digests_of(model)


def test_a_list_that_is_over_is_not_relied_on(model, signed, trusting, authority):
    certificate = signed()
    trust = trusting(authority.pem, authority.revoked(certificate, NOW - dt.timedelta(hours=1)))
    assert "the list of revoked certificates in S2I_VERIFY_CA_FILE expired on" in rejection(trust, model)


def test_another_name_does_not_count(model, signed, trusting, authority):
    signed(identity="web@example.org")
    words = "its certificate names web@example.org, and not models@example.org (S2I_VERIFY_IDENTITY)"
    assert words in rejection(trusting(authority.pem), model)


def test_a_certificate_for_servers_does_not_count(model, signed, trusting, authority):
    signed(usage=ExtendedKeyUsageOID.SERVER_AUTH)
    assert "its certificate is not for signatures" in rejection(trusting(authority.pem), model)


def test_a_certificate_next_to_the_signature_of_another_key_does_not_count(
    model, signed, trusting, authority, tmp_path
):
    signed()
    material = json.loads((model / "model.sig").read_text())["verificationMaterial"]
    signers.sign(model, signers.key_pair(tmp_path, "another")[0])
    bundle = json.loads((model / "model.sig").read_text())
    (model / "model.sig").write_text(json.dumps({**bundle, "verificationMaterial": material}))
    assert "it was not made with the key of its certificate" in rejection(trusting(authority.pem), model)


def test_a_bare_key_does_not_count_where_certificates_are_asked_for(model, trusting, authority, tmp_path):
    signers.sign(model, signers.key_pair(tmp_path)[0])
    assert "it was made with a bare key" in rejection(trusting(authority.pem), model)


@pytest.mark.parametrize("raw", ["", "AAAA", 5, None])
def test_a_damaged_certificate_does_not_count(model, signed, trusting, authority, raw):
    signed()
    bundle = json.loads((model / "model.sig").read_text())
    bundle["verificationMaterial"]["x509CertificateChain"]["certificates"][0]["rawBytes"] = raw
    (model / "model.sig").write_text(json.dumps(bundle))
    assert "is not valid" in rejection(trusting(authority.pem), model)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no certificate is in it"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "a certificate in it is damaged"),
    ],
)
def test_a_file_without_authorities_is_rejected_by_its_setting(model, signed, trusting, content, reason):
    signed()
    with pytest.raises(problems.VerifyUnusable, match=f"S2I_VERIFY_CA_FILE='.*ca.pem' can't be used: {reason}"):
        trusting(content).digests_of(model)
