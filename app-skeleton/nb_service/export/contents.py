"""The contents of an exported model: the model, its dependencies, its origin, and the signatures of both."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from nb_scorer.common import paths
from nb_scorer.signature import files

from nb_service import problems
from nb_service.model_folder import ModelFolder

# Files of the build, if they exist.
OF_BUILD = (paths.LOCK, paths.SBOM, paths.PROVENANCE, paths.PROVENANCE_SIGNATURE)


class Contents(NamedTuple):
    """The files of an export by name, and the digests that the model's files must have, if it is signed."""

    files: Mapping[str, Path]
    digests: Mapping[str, str]


def list_contents(model: ModelFolder) -> Contents:
    """Return the contents of the export of `model`; raise ModelDamaged or ModelMissing if it can't be read."""
    try:
        names = files.names(model.folder)
    except files.Odd as error:
        raise problems.not_as_written(model.folder, str(error)) from error
    except OSError as error:
        raise problems.unreadable(error.filename or model.folder, error) from error
    if (model.folder / paths.SIGNATURE).is_file():
        names.add(paths.SIGNATURE)
    exported = {f"{paths.MODEL}/{name}": model.folder / name for name in names}
    build = model.folder.parent / paths.BUILD
    exported.update({f"{paths.BUILD}/{name}": build / name for name in OF_BUILD if (build / name).is_file()})
    digests = {f"{paths.MODEL}/{name}": digest for name, digest in (model.digests or {}).items()}
    return Contents(exported, digests)
