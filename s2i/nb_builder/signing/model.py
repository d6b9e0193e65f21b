"""Signs the model folder: the signature is one more file in it, over all others."""

import hashlib
from pathlib import Path

from nb_scorer.common import paths
from nb_scorer.signature import files, statement

from nb_builder.signing.signer import Signer

AT_ONCE = 1 << 20


def digests_of(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file of a model, by its name; raise files.Odd for what no signature can name."""
    return {name: _digest(folder / name) for name in sorted(files.names(folder))}


def sign(folder: Path, signer: Signer) -> str:
    """Write the signature of the model in `folder` into it; return the digest that stands for the whole model.

    Raise files.Odd, which no model that a build has made is.
    """
    digests = digests_of(folder)
    # One name for all models: where a model lies must not change what is signed.
    text = signer.signed(statement.of(digests, paths.MODEL, paths.SIGNATURE), statement.PAYLOAD_TYPE)
    # A link there would lead elsewhere.
    (folder / paths.SIGNATURE).unlink(missing_ok=True)
    (folder / paths.SIGNATURE).write_text(text, encoding="ascii")
    return statement.root_of(digests)


def _digest(path: Path) -> str:
    sha = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(AT_ONCE):
            sha.update(block)
    return sha.hexdigest()
