"""Signs the model folder: the signature is another file in it, and covers all others."""

from pathlib import Path

from nb_scorer.common import paths
from nb_scorer.signature import files, statement

from nb_builder.common import digests
from nb_builder.signing.signer import Signer


def digests_of(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file of a model, by name; raise files.Odd for entries that a signature can't cover."""
    return {name: digests.digest(folder / name) for name in sorted(files.names(folder))}


def sign(folder: Path, signer: Signer) -> str:
    """Write the signature of the model in `folder` to it; return the digest of the whole model.

    Raises files.Odd, which can't happen for a model made by a build.
    """
    by_name = digests_of(folder)
    if (folder / paths.SIGNATURE).is_dir():
        raise files.Odd(f"{paths.SIGNATURE} is a folder")
    # The same name for all models, because the location of a model must not affect its signature.
    text = signer.signed(statement.build_statement(by_name, paths.MODEL, paths.SIGNATURE), statement.PAYLOAD_TYPE)
    # A link could lead to another file.
    (folder / paths.SIGNATURE).unlink(missing_ok=True)
    (folder / paths.SIGNATURE).write_text(text, encoding="ascii")
    return statement.root_of(by_name)
