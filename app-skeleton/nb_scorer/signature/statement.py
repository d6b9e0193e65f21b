"""What is signed of a model: a statement of in-toto with the digest of each file, as OpenSSF Model Signing has it."""

import hashlib
import json
import re
from pathlib import PurePosixPath

TYPE = "https://in-toto.io/Statement/v1"
PREDICATE = "https://model_signing/signature/v1.0"
# The type of what is signed is part of what is signed. A statement on a model has the one of OpenSSF Model Signing. One
# on where a model comes from has another, so that no signature of it can be taken for one of a model.
PAYLOAD_TYPE = "application/vnd.in-toto+json"
PROVENANCE_TYPE = "application/vnd.in-toto.provenance+json"
# Versions before these types differed have signed statements on where a model comes from as PAYLOAD_TYPE.
OF_PROVENANCE = (PROVENANCE_TYPE, PAYLOAD_TYPE)
OF_MODEL = (PAYLOAD_TYPE,)
_DIGEST = re.compile("[0-9a-f]{64}")


class Malformed(ValueError):
    """It is no such statement; the message is the end of a sentence that says why."""


def of(digests, name, signature):
    """Return the statement on a model called `name`, whose signature lies among its files as `signature`.

    The same digests make the same bytes.
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
    """Return the names of files in the format's order: that of paths, folder by folder."""
    return sorted(names, key=PurePosixPath)


def root_of(digests):
    """Return the digest of a whole model, which stands for it: SHA-256 of the digests of its files."""
    sha = hashlib.sha256()
    for name in in_order(digests):
        sha.update(bytes.fromhex(digests[name]))
    return sha.hexdigest()


def read(payload):
    """Return the digests in a statement on a model, by the names of its files; raise Malformed.

    Nothing in it is taken that could be read in two ways: other digests than SHA-256, shards, links.
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
    except json.JSONDecodeError as error:
        raise Malformed("the signed content is not JSON") from error
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
