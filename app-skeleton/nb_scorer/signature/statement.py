"""The signed statement about a model: in-toto, with the digest of each file, as in OpenSSF Model Signing."""

import hashlib
import json
import re
from pathlib import PurePosixPath

TYPE = "https://in-toto.io/Statement/v1"
PREDICATE = "https://model_signing/signature/v1.0"
# The payload's type is signed, too. A statement about a model has the type of OpenSSF Model Signing. A statement about
# a model's origin has another type, so that its signature can't be mistaken for a model's.
PAYLOAD_TYPE = "application/vnd.in-toto+json"
PROVENANCE_TYPE = "application/vnd.in-toto.provenance+json"
# Earlier versions signed statements about a model's origin as PAYLOAD_TYPE.
OF_PROVENANCE = (PROVENANCE_TYPE, PAYLOAD_TYPE)
OF_MODEL = (PAYLOAD_TYPE,)
_DIGEST = re.compile("[0-9a-f]{64}")


class Malformed(ValueError):
    """Not a valid statement; the message completes a sentence that explains why."""


def build_statement(digests, name, signature):
    """Return the statement about a model called `name`, whose signature is among its files as `signature`.

    Equal digests give equal bytes.
    """
    resources = [{"name": file, "algorithm": "sha256", "digest": digests[file]} for file in in_order(digests)]
    return as_bytes(
        {
            "_type": TYPE,
            "subject": [{"name": name, "digest": {"sha256": root_of(digests)}}],
            "predicateType": PREDICATE,
            "predicate": {
                "serialization": {
                    "method": "files",
                    "hash_type": "sha256",
                    "allow_symlinks": False,
                    "ignore_paths": [signature],
                },
                "resources": resources,
            },
        }
    )


def as_bytes(statement):
    """Return a statement as the bytes that are signed."""
    return json.dumps(statement, sort_keys=True, separators=(",", ":")).encode("ascii")


def in_order(names):
    """Return file names in the format's order: as paths, folder by folder."""
    return sorted(names, key=PurePosixPath)


def root_of(digests):
    """Return the digest of a whole model: the SHA-256 of the digests of its files."""
    sha = hashlib.sha256()
    for name in in_order(digests):
        sha.update(bytes.fromhex(digests[name]))
    return sha.hexdigest()


def read(payload):
    """Return the digests in a statement about a model, by file name; raise Malformed.

    Anything ambiguous is rejected: digests other than SHA-256, shards, links.
    """
    try:
        statement = json.loads(payload)
        subjects, predicate = statement["subject"], statement["predicate"]
        resources, form = predicate["resources"], predicate["serialization"]
        if statement["_type"] != TYPE or statement["predicateType"] != PREDICATE:
            raise Malformed("it was not created for a model")
        if (form["method"], form["hash_type"], form["allow_symlinks"]) != ("files", "sha256", False):
            raise Malformed("it does not cover whole files, without links, with SHA-256")
        digests = {_name(resource): _digest(resource) for resource in resources}
        if len(digests) != len(resources):
            raise Malformed("it names a file twice")
        if len(subjects) != 1 or subjects[0]["digest"]["sha256"] != root_of(digests):
            raise Malformed("its digest of the model differs from that of its files")
    except (KeyError, IndexError, TypeError, AttributeError, RecursionError, UnicodeDecodeError) as error:
        raise Malformed("the signed statement is not about a model") from error
    except ValueError as error:
        # Also for a number of too many digits.
        raise error if isinstance(error, Malformed) else Malformed("the signed content is not JSON") from error
    return digests


def _name(resource):
    name = resource["name"]
    if not isinstance(name, str) or str(PurePosixPath(name)) != name or {"", ".", "..", "/"} & {*name.split("/"), name}:
        raise Malformed(f"it names a file {name!r}")
    return name


def _digest(resource):
    if resource["algorithm"] != "sha256" or not _DIGEST.fullmatch(resource["digest"]):
        raise Malformed("it has a digest other than SHA-256")
    return resource["digest"]
