"""`nb-builder sign`: signs an existing model, with a key that must not be present during a build."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from nb_scorer.common import paths
from nb_scorer.signature.files import Odd
from nb_scorer.signature.statement import Malformed

from nb_builder.commands import command_line
from nb_builder.common.log import Log
from nb_builder.common.settings import Settings
from nb_builder.problems.build_problem import BuildProblem
from nb_builder.signing import attestation, model, zipapp
from nb_builder.signing.signer import KEY, Signer

USAGE = "Usage: nb_builder sign APP_ROOT | FILE"


class NotSignable(BuildProblem):
    """There is no model to sign, or it contains an entry that a signature can't cover."""

    code = "not-signable"
    what_text = "The model in {folder} can't be signed: {reason}."
    why_text = "A signature covers only the contents of regular files in the model's folder."
    fix_text = (
        "Use an image built with '{nb_builder} build' or s2i, or remove files from its model folder that no build "
        "put there."
    )


class ProvenanceNotSignable(BuildProblem):
    """The provenance statement is damaged, or describes another model."""

    code = "provenance-not-signable"
    what_text = "{file} can't be signed: {reason}."
    why_text = "Your signature would cover another model than the one you sign."
    fix_text = "Use the image as it was built, or ask the person who changed that file."


def main(arguments: Sequence[str]) -> None:
    """Sign the model and its provenance in the APP_ROOT that `arguments` name, or a model file.

    Raises SignKeyUnusable, NotSignable, ProvenanceNotSignable or ZipappDamaged, and SystemExit with the usage for other
    arguments.
    """
    settings = Settings()
    command_line.require(USAGE, arguments, 1)
    if settings.sign_key_file is None:
        print(f"{USAGE}, with {KEY} set", file=sys.stderr)
        raise SystemExit(2)
    app_root = Path(arguments[0])
    folder = app_root / paths.MODEL
    signer = Signer(settings.sign_key_file, settings.sign_certificate_file)
    if app_root.is_file():
        Log().step(f"The file {zipapp.sign(app_root, signer)} is signed with {signer.name}")
        return
    if folder.is_symlink():
        raise NotSignable(folder=folder, reason="it is a symbolic link")
    if not (folder / paths.MANIFEST).is_file():
        raise NotSignable(folder=folder, reason=f"it has no {paths.MANIFEST}")
    try:
        digest = model.sign(folder, signer)
    except Odd as error:
        raise NotSignable(folder=folder, reason=str(error)) from error
    if os.path.lexists(app_root / paths.BUILD / paths.PROVENANCE):
        try:
            attestation.sign(app_root / paths.BUILD, signer, model.digests_of(folder))
        except Malformed as error:
            raise ProvenanceNotSignable(file=f"{paths.BUILD}/{paths.PROVENANCE}", reason=str(error)) from error
    Log().step(f"The model {digest} is signed with {signer.name}")
