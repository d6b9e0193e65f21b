"""Signs the model folder: the signature is one more file in it, over all others."""

from pathlib import Path

from nb_scorer.common import paths
from nb_scorer.signature import files, statement

from nb_builder.common import digests
from nb_builder.signing.signer import Signer


def digests_of(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file of a model, by its name; raise files.Odd for what no signature can name."""
    return {name: digests.digest(folder / name) for name in sorted(files.names(folder))}


def sign(folder: Path, signer: Signer) -> str:
    """Write the signature of the model in `folder` into it; return the digest that stands for the whole model.

    Raise files.Odd, which no model that a build has made is.
    """
    by_name = digests_of(folder)
    if (folder / paths.SIGNATURE).is_dir():
        raise files.Odd(f"{paths.SIGNATURE} is a folder")
    # One name for all models: where a model lies must not change what is signed.
    text = signer.signed(statement.of(by_name, paths.MODEL, paths.SIGNATURE), statement.PAYLOAD_TYPE)
    # A link there would lead elsewhere.
    (folder / paths.SIGNATURE).unlink(missing_ok=True)
    (folder / paths.SIGNATURE).write_text(text, encoding="ascii")
    return statement.root_of(by_name)
