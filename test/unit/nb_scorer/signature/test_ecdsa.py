import random

import pytest
from cryptography import exceptions
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from nb_scorer.signature import ecdsa
from nb_service.signature import keys

KINDS = [(ec.SECP256R1(), hashes.SHA256()), (ec.SECP384R1(), hashes.SHA384()), (ec.SECP521R1(), hashes.SHA512())]
NAMES = ["P-256", "P-384", "P-521"]
MESSAGE = b"what is signed"


def pem(key):
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def read(private):
    (key,) = ecdsa.keys_in(pem(private.public_key()))
    return key


def takes(private, signature, message, hashed):
    """Return the verdict of the library."""
    try:
        private.public_key().verify(signature, message, ec.ECDSA(hashed))
    except exceptions.InvalidSignature:
        return False
    return True


def der(*numbers):
    return ecdsa._der_of(numbers)


@pytest.mark.parametrize(("curve", "hashed"), KINDS, ids=NAMES)
def test_what_the_library_signs_is_taken_and_no_other_message(curve, hashed):
    for number in range(8):
        private = ec.generate_private_key(curve)
        signature = private.sign(MESSAGE + bytes([number]), ec.ECDSA(hashed))
        assert read(private).has_signed(signature, MESSAGE + bytes([number]))
        assert not read(private).has_signed(signature, MESSAGE)
        assert not read(ec.generate_private_key(curve)).has_signed(signature, MESSAGE + bytes([number]))


@pytest.mark.parametrize(("curve", "hashed"), KINDS, ids=NAMES)
def test_keys_at_the_ends_of_the_group(curve, hashed):
    """Their points are the base, its double and its opposite: sums of them have no slope, or are infinite."""
    n = dict(zip(NAMES, ecdsa.CURVES, strict=True))[NAMES[[kind for kind, _ in KINDS].index(curve)]].n
    for number in (1, 2, n - 1, n - 2):
        private = ec.derive_private_key(number, curve)
        for text in (b"", b"a", b"b" * 1000):
            signature = private.sign(text, ec.ECDSA(hashed))
            assert read(private).has_signed(signature, text)
            assert not read(private).has_signed(signature, text + b" ")


@pytest.mark.parametrize(("curve", "hashed"), KINDS, ids=NAMES)
def test_each_changed_signature_gets_the_verdict_of_the_library(curve, hashed):
    chance = random.Random(curve.name)
    private = ec.generate_private_key(curve)
    key, verdicts = read(private), []
    good = private.sign(MESSAGE, ec.ECDSA(hashed))
    for _ in range(150):
        changed = bytearray(good)
        for _ in range(chance.choice((1, 1, 2, 5))):
            kind = chance.randrange(3)
            place = chance.randrange(len(changed))
            if kind == 0:
                changed[place] ^= 1 << chance.randrange(8)
            elif kind == 1:
                del changed[place]
            else:
                changed.insert(place, chance.choice((0, 1, 2, 0x30, 0x80, 0x81, 0xFF)))
        verdicts.append((key.has_signed(bytes(changed), MESSAGE), takes(private, bytes(changed), MESSAGE, hashed)))
    assert [ours for ours, _ in verdicts] == [theirs for _, theirs in verdicts]


@pytest.mark.parametrize(("curve", "hashed"), KINDS, ids=NAMES)
def test_numbers_and_forms_at_their_limits_get_the_verdict_of_the_library(curve, hashed):
    private = ec.generate_private_key(curve)
    key = read(private)
    n, good = key.curve.n, private.sign(MESSAGE, ec.ECDSA(hashed))
    r, s = ecdsa._numbers(good)
    forms = {
        "as it is": good,
        "the other of the two": der(r, n - s),
        "zeros": der(0, 0),
        "r zero": der(0, s),
        "s zero": der(r, 0),
        "r one": der(1, s),
        "n": der(n, n),
        "r above n": der(r + n, s),
        "s above n": der(r, s + n),
        "a byte more": good + b"\0",
        "a byte less": good[:-1],
        "nothing": b"",
        "no numbers": b"\x30\x00",
        "one number": b"\x30\x03\x02\x01\x01",
        "three numbers": b"\x30\x09\x02\x01\x01\x02\x01\x01\x02\x01\x01",
        "no sequence": b"\x31" + good[1:],
        "a length in a longer form": b"\x30\x82\x00" + (good[1:] if good[1] != 0x81 else good[2:]),
        "negative numbers": b"\x30\x06\x02\x01\xff\x02\x01\xff",
        "a number of no bytes": b"\x30\x04\x02\x00\x02\x00",
    }
    verdicts = {
        name: (key.has_signed(form, MESSAGE), takes(private, form, MESSAGE, hashed)) for name, form in forms.items()
    }
    assert {name for name, (ours, theirs) in verdicts.items() if ours != theirs} == set()
    assert {name for name, (ours, _) in verdicts.items() if ours} == {"as it is", "the other of the two"}


def test_the_hint_is_that_of_bundles():
    private = ec.generate_private_key(ec.SECP384R1())
    assert read(private).hint == keys.hint_of(private.public_key())


def test_all_keys_of_a_file_are_read():
    privates = [ec.generate_private_key(curve) for curve, _ in KINDS]
    found = ecdsa.keys_in(b"# ours\n" + b"\n".join(pem(each.public_key()) for each in privates))
    assert [key.curve.name for key in found] == NAMES
    assert ecdsa.keys_in(b"nothing") == []


def private_pem():
    form = serialization.PrivateFormat.PKCS8
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, form, serialization.NoEncryption()
    )


def off_the_curve():
    import base64

    curve = ecdsa.CURVES[0]
    text = base64.b64encode(curve.prefix + b"\1" * 64).decode()
    return f"-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n".encode()


def compressed():
    import base64

    point = serialization.PublicFormat.CompressedPoint
    key = ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(serialization.Encoding.X962, point)
    text = base64.b64encode(ecdsa.CURVES[0].prefix[:-1] + key).decode()
    return f"-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n".encode()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (private_pem, "it contains a private key; verification needs only the public key"),
        (off_the_curve, "its point is not on the curve P-256"),
        (compressed, "it is not an EC key"),
        (lambda: pem(ed25519.Ed25519PrivateKey.generate().public_key()), "it is not an EC key"),
        (lambda: pem(ec.generate_private_key(ec.SECP256K1()).public_key()), "it is not an EC key"),
        (lambda: pem(rsa.generate_private_key(65537, 2048).public_key()), "it is not an EC key"),
        (lambda: b"-----BEGIN PUBLIC KEY-----\n*\n-----END PUBLIC KEY-----", "is not a public key"),
    ],
)
def test_what_is_no_such_key_is_rejected(make, words):
    with pytest.raises(ecdsa.NoKey, match=words):
        ecdsa.keys_in(make())
