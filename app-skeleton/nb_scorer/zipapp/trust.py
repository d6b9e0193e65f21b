"""Checks that everything in a file was signed by a trusted key.

Best is a signature over the whole file. A file that a service image wrote has the image's two signatures: one over the
model, and one over its origin, which covers the lock and the repository's files that the notebook read. They don't
cover packages, so a file with packages, or with modules that no notebook has read, must be signed as a whole.
"""

import io
import os

from nb_scorer.signature import bundle, ecdsa, files, origin, statement
from nb_scorer.zipapp import layout
from nb_scorer.zipapp.problems import ZipappKey, ZipappUntrusted

# Parts of the file itself rather than its contents: attackers who can change these can also remove the verification.
_OURS = frozenset((layout.MAIN, layout.FACTS, layout.SIGNATURE, layout.MODEL_SIGNATURE, layout.PROVENANCE_SIGNATURE))


def keys_of(path):
    """Return the public keys in a PEM file; raise ZipappKey if there are none, or if it contains anything else."""
    try:
        with io.open(path, "rb") as file:
            keys = ecdsa.keys_in(file.read(ecdsa.MAX_SIZE))
    except OSError as error:
        raise ZipappKey(path, error.strerror or str(error))
    except ecdsa.NoKey as error:
        raise ZipappKey(path, str(error))
    if not keys:
        raise ZipappKey(path, "it contains no public key")
    return keys


def digests_of(carried, keys):
    """Return ({name: SHA-256} of all signed files, the signer, whether the signature covers the whole file).

    Raise ZipappUntrusted for files that no trusted key has signed. Readers compare the contents.
    """
    try:
        if layout.SIGNATURE in carried.names:
            payload, signer = _opened(carried, layout.SIGNATURE, keys)
            digests, is_whole = _of_whole(carried, payload), True
        elif layout.MODEL_SIGNATURE in carried.names:
            payload, signer = _opened(carried, layout.MODEL_SIGNATURE, keys)
            digests, is_whole = _of_parts(carried, statement.read(payload), keys), False
        else:
            raise _untrusted(carried, "it is not signed")
    except statement.Malformed as error:
        raise _untrusted(carried, "its signature is not valid: {}".format(error))
    return digests, signer, is_whole


def check_program(carried):
    """Raise ZipappUntrusted unless the file's program, which no signature covers, is the running one.

    If the program runs from the file itself, there is nothing to compare it with.
    """
    home = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    if home == carried.path:
        return
    for name in sorted(carried.names):
        if name == layout.MAIN:
            own = layout.MAIN_PROGRAM.encode("ascii")
        elif name.startswith(layout.PROGRAM):
            own = _own(os.path.join(home, *name.split("/")))
        else:
            continue
        if own is None or carried.content(name) != own:
            reason = "{} is not signed, and differs from the program that verifies it".format(files.shown(name))
            raise _untrusted(carried, reason)


def _own(path):
    try:
        with io.open(path, "rb") as file:
            return file.read()
    except OSError:
        return None


def _opened(carried, name, keys, kinds=statement.OF_MODEL):
    """Return the payload of a bundle of one of the types `kinds`, and a description of the key that signed it.

    Raise ZipappUntrusted or Malformed.
    """
    content = carried.content(name)
    if len(content) > bundle.MAX_SIZE:
        raise statement.Malformed("it is too large for a signature")
    parsed = bundle.parsed(content, kinds)
    for key in keys:
        if key.has_signed(parsed.signature, bundle.pae(parsed.payload, parsed.kind)):
            return parsed.payload, "the key {}…".format(key.hint[:16])
    known = ", ".join("{}…".format(key.hint[:16]) for key in keys)
    raise _untrusted(carried, "no trusted key has signed {} (trusted: {})".format(name, known))


def _of_whole(carried, payload):
    digests = statement.read(payload)
    wrong = files.difference(set(digests), set(carried.names) - {layout.SIGNATURE})
    if wrong:
        raise _untrusted(carried, wrong)
    return digests


def _of_parts(carried, model, keys):
    """Return the digests from the two signatures of an image."""
    digests = {layout.MODEL + name: digest for name, digest in model.items()}
    there = {name for name in carried.names if name.startswith(layout.MODEL)} - {layout.MODEL_SIGNATURE}
    wrong = files.difference(set(digests), there)
    if wrong:
        raise _untrusted(carried, wrong)
    if layout.PROVENANCE_SIGNATURE in carried.names:
        payload, _ = _opened(carried, layout.PROVENANCE_SIGNATURE, keys, statement.OF_PROVENANCE)
        if carried.content(layout.PROVENANCE) != payload:
            raise _untrusted(carried, "{} has changed since it was signed".format(layout.PROVENANCE))
        digests.update(_origin(carried, payload, model))
        digests[layout.PROVENANCE] = carried.digest_of(layout.PROVENANCE)
    unsigned = sorted(name for name in carried.names - set(digests) - _OURS if not name.startswith(layout.PROGRAM))
    if unsigned:
        reason = "{} is not signed, and neither is the whole file".format(files.shown(unsigned[0]))
        raise _untrusted(carried, reason)
    return {name: digest for name, digest in digests.items() if name in carried.names}


def _origin(carried, payload, model):
    """Return the digests in the statement about a model's origin: of lock, SBOM and the notebook's files."""
    try:
        reported = origin.read(payload)
        if origin.model_of(reported) != statement.root_of(model):
            raise _untrusted(carried, "{} describes the provenance of another model".format(layout.PROVENANCE))
        resources = reported["predicate"]["buildDefinition"]["resolvedDependencies"]
        resources = resources + reported["predicate"]["runDetails"]["byproducts"]
        named = {each.get("name"): each.get("digest", {}).get("sha256") for each in resources}
    except (KeyError, TypeError, AttributeError, ValueError):
        raise statement.Malformed("{} contains a statement in an unknown format".format(layout.PROVENANCE_SIGNATURE))
    return {name: digest for name, digest in named.items() if name and digest}


def _untrusted(carried, reason):
    return ZipappUntrusted(carried.path, reason)
