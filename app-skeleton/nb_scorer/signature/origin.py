"""The signed statement of a model's origin: in-toto with SLSA's predicate, parsed strictly.

Signers and verifiers use the same parser.
"""

import json

from nb_scorer.common import paths
from nb_scorer.signature.statement import TYPE, Malformed

PREDICATE = "https://slsa.dev/provenance/v1"
# The statement names each package. Together with its signature, it must fit into a bundle.
MAX_SIZE = 3 << 20
_KEYS = {"_type", "subject", "predicateType", "predicate"}


def read(payload):
    """Return the statement in these bytes; raise Malformed if it is of another kind or ambiguous.

    Ambiguous means a duplicate key, of which parsers use the first or the last, or unknown keys.
    """
    try:
        statement = json.loads(payload.decode("utf-8"), object_pairs_hook=_once)
        if statement["predicateType"] != PREDICATE or not isinstance(statement["predicate"], dict):
            raise Malformed("it contains no provenance")
        if set(statement) != _KEYS or statement["_type"] != TYPE:
            raise Malformed("it is not an in-toto statement about the origin of a model")
        model_of(statement)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise error if isinstance(error, Malformed) else Malformed("it is not a statement")
    return statement


def model_of(statement):
    """Return the digest of the model that a statement is about; raise Malformed unless it names exactly one."""
    digests = [each["digest"]["sha256"] for each in statement["subject"] if each["name"] == paths.MODEL]
    if len(digests) != 1 or not isinstance(digests[0], str):
        raise Malformed("it does not name its model")
    return digests[0]


def _once(pairs):
    """Return the object with these pairs; raise Malformed for a duplicate key."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Malformed("it contains a key twice")
    return found
