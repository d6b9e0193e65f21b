"""A statement and its signature in one file: a Sigstore bundle with a DSSE envelope."""

import base64
import binascii
import json
import os
import stat
from typing import NamedTuple

from nb_scorer.signature.statement import OF_MODEL, PAYLOAD_TYPE, Malformed

MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
# A statement has a few hundred bytes per file. The limit is needed because a bundle is read completely before it is
# trusted.
MAX_SIZE = 4 << 20


class Bundle(NamedTuple):
    """The payload, its signature, and the signer: the hint of a public key, or certificates as DER, the signer's first.

    `kind` is the payload's type, which is signed with it.
    """

    payload: bytes
    signature: bytes
    hint: str = ""
    certificates: tuple = ()
    kind: str = PAYLOAD_TYPE


def pae(payload, kind=PAYLOAD_TYPE):
    """Return the bytes that DSSE signs for `payload` of the type `kind`, including type and length."""
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode("ascii"), len(payload), payload)


def as_json(bundle):
    """Return a bundle as the text of its file."""
    material: dict = {"tlogEntries": []}
    if bundle.certificates:
        material["x509CertificateChain"] = {"certificates": [{"rawBytes": _text(each)} for each in bundle.certificates]}
    else:
        material["publicKey"] = {"hint": bundle.hint}
    content = {
        "mediaType": MEDIA_TYPE,
        "verificationMaterial": material,
        "dsseEnvelope": {
            "payload": _text(bundle.payload),
            "payloadType": bundle.kind,
            "signatures": [{"sig": _text(bundle.signature), "keyid": ""}],
        },
    }
    return json.dumps(content, sort_keys=True) + "\n"


def read(path):
    """Return the first bytes of a bundle's file, for `parsed`, which rejects incomplete ones; raise OSError.

    Empty for anything but a regular file: opening a pipe would block until a writer opens it.
    """
    with open(os.open(str(path), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        return file.read(MAX_SIZE) if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else b""


def parsed(content, kinds=OF_MODEL):
    """Return the bundle in a file's bytes; raise Malformed if it is invalid, or of a type not in `kinds`."""
    try:
        document = json.loads(content)
        envelope, material = document["dsseEnvelope"], document["verificationMaterial"]
        (signature,) = envelope["signatures"]
        media_type, kind = document["mediaType"], envelope["payloadType"]
        chain = (material.get("x509CertificateChain") or {}).get("certificates") or []
        hint = (material.get("publicKey") or {}).get("hint") or ""
        certificates = tuple(_bytes(each["rawBytes"]) for each in chain)
        bundle = Bundle(_bytes(envelope["payload"]), _bytes(signature["sig"]), str(hint), certificates, kind)
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Malformed("it is not a bundle with a statement and its signature") from error
    except ValueError as error:
        raise error if isinstance(error, Malformed) else Malformed("it is truncated or was changed") from error
    if media_type != MEDIA_TYPE or kind not in kinds:
        raise Malformed("its kind differs from that of OpenSSF Model Signing")
    return bundle


def _text(data):
    return base64.b64encode(data).decode("ascii")


def _bytes(text):
    if not isinstance(text, str):
        raise Malformed("it is not a bundle with a statement and its signature")
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise Malformed("it is truncated or was changed") from error
