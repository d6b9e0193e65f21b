"""Verifies ECDSA signatures with Python integers only, for environments without a cryptography library.

It only verifies. Key, signature and message are public, so it doesn't need constant-time arithmetic, as signing would.
The formulas are those of FIPS 186-5 and, for points in Jacobian coordinates, of curves with a = -3; tests compare it
with the library cryptography.
"""

import base64
import binascii
import hashlib
import re
from typing import NamedTuple

MAX_SIZE = 1 << 20
_PEM = re.compile(b"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \\1-----", re.DOTALL)
# A point (X, Y, Z) has the coordinates X/Z² and Y/Z³; the point at infinity has Z = 0.
_INFINITY = (1, 1, 0)


class NoKey(ValueError):
    """Not a public key of a supported curve; the message completes a sentence that explains why."""


class Curve(NamedTuple):
    """A curve y² = x³ - 3x + b over the integers modulo p, with a point g of the prime order n.

    `hash_name` is the hash of matching strength. `prefix` is what comes before the two coordinates of a public key in
    DER; `size` is the length of a coordinate in bytes.
    """

    name: str
    p: int
    b: int
    n: int
    g: tuple
    hash_name: str
    prefix: bytes

    @property
    def size(self):
        """Return the size of a coordinate in bytes."""
        return (self.p.bit_length() + 7) // 8


CURVES = (
    Curve(
        "P-256",
        0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF,
        0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
        0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
        (
            0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
            0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
        ),
        "sha256",
        bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004"),
    ),
    Curve(
        "P-384",
        2**384 - 2**128 - 2**96 + 2**32 - 1,
        0xB3312FA7E23EE7E4988E056BE3F82D19181D9C6EFE8141120314088F5013875AC656398D8A2ED19D2A85C8EDD3EC2AEF,
        0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
        (
            0xAA87CA22BE8B05378EB1C71EF320AD746E1D3B628BA79B9859F741E082542A385502F25DBF55296C3A545E3872760AB7,
            0x3617DE4A96262C6F5D9E98BF9292DC29F8F41DBD289A147CE9DA3113B5F0B8C00A60B1CE1D7E819D7A431D7C90EA0E5F,
        ),
        "sha384",
        bytes.fromhex("3076301006072a8648ce3d020106052b8104002203620004"),
    ),
    Curve(
        "P-521",
        2**521 - 1,
        0x051953EB9618E1C9A1F929A21A0B68540EEA2DA725B99B315F3B8B489918EF109E156193951EC7E937B1652C0BD3BB1BF073573DF883D2C34F1EF451FD46B503F00,
        0x1FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFA51868783BF2F966B7FCC0148F709A5D03BB5C9B8899C47AEBB6FB71E91386409,
        (
            0xC6858E06B70404E9CD9E3ECB662395B4429C648139053FB521F828AF606B4D3DBAA14B5E77EFE75928FE1DC127A2FFA8DE3348B3C1856A429BF97E7E31C2E5BD66,
            0x11839296A789A3BC0045C8A5FB42C7D1BD998F54449579B446817AFBD17273E662C97EE72995EF42640C550B9013FAD0761353C7086A272C24088BE94769FD16650,
        ),
        "sha512",
        bytes.fromhex("30819b301006072a8648ce3d020106052b810400230381860004"),
    ),
)


class PublicKey(NamedTuple):
    """A point on a curve, and the DER from which it was read."""

    curve: Curve
    x: int
    y: int
    der: bytes

    @property
    def hint(self):
        """Return the key's hint in bundles: the SHA-256 of its PEM text."""
        text = base64.b64encode(self.der)
        lines = [text[start : start + 64] for start in range(0, len(text), 64)]
        pem = b"\n".join([b"-----BEGIN PUBLIC KEY-----", *lines, b"-----END PUBLIC KEY-----", b""])
        return hashlib.sha256(pem).hexdigest()

    def has_signed(self, signature, message):
        """Return whether `signature`, in DER, is a valid signature by this key of the bytes `message`."""
        numbers = _numbers(signature)
        curve = self.curve
        if numbers is None or not all(0 < number < curve.n for number in numbers):
            return False
        r, s = numbers
        # No hash here has more bits than its curve's n, so none needs truncation.
        digest = int.from_bytes(hashlib.new(curve.hash_name, message).digest(), "big")
        inverse = pow(s, curve.n - 2, curve.n)
        of_base = digest * inverse % curve.n, (curve.g[0], curve.g[1], 1)
        of_key = r * inverse % curve.n, (self.x, self.y, 1)
        x, _, z = _sum_of_products(curve.p, of_base, of_key)
        if z == 0:
            return False
        return x * pow(z, (curve.p - 2) * 2, curve.p) % curve.p % curve.n == r


def keys_in(pem):
    """Return the public keys in a PEM file's bytes; raise NoKey for an invalid or a private key."""
    return [_key_of(match.group(1), match.group(2)) for match in _PEM.finditer(pem)]


def _key_of(kind, text):
    if b"PRIVATE KEY" in kind:
        raise NoKey("it contains a private key; verification needs only the public key")
    try:
        der = base64.b64decode(b"".join(text.split()), validate=True)
    except binascii.Error:
        raise NoKey("its content is not a public key")
    for curve in CURVES:
        point = der[len(curve.prefix) :]
        if kind == b"PUBLIC KEY" and der.startswith(curve.prefix) and len(point) == 2 * curve.size:
            x, y = (int.from_bytes(part, "big") for part in (point[: curve.size], point[curve.size :]))
            if max(x, y) >= curve.p or (y * y - x * x * x + 3 * x - curve.b) % curve.p:
                raise NoKey("its point is not on the curve {}".format(curve.name))
            return PublicKey(curve, x, y, der)
    raise NoKey("it is not an EC key on the curve P-256, P-384 or P-521 with both coordinates")


def _numbers(signature):
    """Return (r, s) of a signature in DER, or None unless it is in canonical form."""
    numbers = []
    rest = signature
    if len(rest) < 2 or rest[0] != 0x30:
        return None
    # The two numbers of P-521 have at most 139 bytes, so their length is one byte, or 0x81 and one byte.
    start = 3 if rest[1] == 0x81 else 2
    rest = rest[start:]
    while len(rest) >= 2 and rest[0] == 0x02 and rest[1] < 0x80:
        numbers.append(int.from_bytes(rest[2 : 2 + rest[1]], "big", signed=True))
        rest = rest[2 + rest[1] :]
    # Encoding the numbers again must reproduce the signature; otherwise, it was not in canonical form.
    if len(numbers) != 2 or min(numbers) < 0 or _der_of(numbers) != signature:
        return None
    return numbers


def _der_of(numbers):
    body = b""
    for number in numbers:
        content = number.to_bytes(number.bit_length() // 8 + 1, "big")
        body += bytes([0x02, len(content)]) + content
    return b"\x30" + (bytes([len(body)]) if len(body) < 0x80 else bytes([0x81, len(body)])) + body


def _sum_of_products(p, first, second):
    """Return u·P + v·Q for (u, P) and (v, Q), in one pass: one doubling per bit of the longer number."""
    (u, one), (v, other) = first, second
    steps = {(0, 1): other, (1, 0): one, (1, 1): _added(p, one, other)}
    result = _INFINITY
    for bit in range(max(u, v).bit_length() - 1, -1, -1):
        result = _doubled(p, result)
        step = steps.get((u >> bit & 1, v >> bit & 1))
        if step is not None:
            result = _added(p, result, step)
    return result


def _doubled(p, point):
    x, y, z = point
    if z == 0 or y == 0:
        return _INFINITY
    squared = y * y % p
    s = 4 * x * squared % p
    zz = z * z % p
    # 3x² + a·z⁴, for a = -3.
    m = 3 * (x - zz) * (x + zz) % p
    doubled_x = (m * m - 2 * s) % p
    return doubled_x, (m * (s - doubled_x) - 8 * squared * squared) % p, 2 * y * z % p


def _added(p, one, other):
    if one[2] == 0:
        return other
    if other[2] == 0:
        return one
    (x1, y1, z1), (x2, y2, z2) = one, other
    zz1, zz2 = z1 * z1 % p, z2 * z2 % p
    u1, u2 = x1 * zz2 % p, x2 * zz1 % p
    s1, s2 = y1 * zz2 * z2 % p, y2 * zz1 * z1 % p
    if u1 == u2:
        return _doubled(p, one) if s1 == s2 else _INFINITY
    h, r = u2 - u1, s2 - s1
    hh = h * h % p
    hhh, v = h * hh % p, u1 * hh % p
    x3 = (r * r - hhh - 2 * v) % p
    return x3, (r * (v - x3) - s1 * hhh) % p, h * z1 * z2 % p
