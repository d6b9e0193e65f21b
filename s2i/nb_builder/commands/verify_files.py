"""`nb-builder verify`: verifies the model in files extracted from an image, without loading it."""

from collections.abc import Sequence
from pathlib import Path

from nb_scorer.common import paths
from nb_service import problems
from nb_service.backends import verify
from nb_service.signature.trust import Trust

from nb_builder.commands import command_line

USAGE = "Usage: nb_builder verify APP_ROOT PUBLIC_KEY"


def main(arguments: Sequence[str]) -> None:
    """Print the signer and the origin of the model in an APP_ROOT.

    Raises ModelMissing, ModelUnsigned, SignatureInvalid, ModelNotAsSigned or VerifyUnusable, and SystemExit with the
    usage for other arguments.
    """
    command_line.require(USAGE, arguments, 2)
    folder, trusted = Path(arguments[0]) / paths.MODEL, Trust(arguments[1])
    for name in (paths.MANIFEST, paths.PICKLE):
        if not (folder / name).is_file():
            raise problems.ModelMissing(folder / name)
    print(verify.text(folder, trusted.digests_of(folder), trusted), end="")
