"""`nb-builder zipapp`: writes a model extracted from an image as one file that Python runs."""

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from nb_scorer.common import paths
from nb_service import identity, manifest
from nb_service.export import wheels, zipapp
from nb_service.model_folder import ModelFolder
from nb_service.settings import Settings

from nb_builder.commands import command_line
from nb_builder.common.log import Log

USAGE = "Usage: nb_builder zipapp APP_ROOT FILE ARCHITECTURE [--with-wheels]"
WITH_WHEELS = "--with-wheels"
# Machine names of engines and of uname; service images are based on Debian.
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


def main(arguments: Sequence[str]) -> None:
    """Write the file; raise a problem if the model was changed after build or signing, SystemExit for wrong usage."""
    places = [argument for argument in arguments if argument != WITH_WHEELS]
    command_line.require(USAGE, places, 3)
    app_root, target, architecture = Path(places[0]), Path(places[1]), places[2]
    model = _read(app_root)
    log = Log(sys.stderr)
    exported, left = zipapp.list_contents(model)
    if left:
        log.line(
            f"Files of the repository that were left out: {', '.join(sorted(left))}: links to folders, special "
            "files, or names that are not UTF-8."
        )
    packages: Iterator[tuple[str, BinaryIO]] = wheels.build_wheels(model) if WITH_WHEELS in arguments else iter(())
    machine = f"{_MACHINES.get(architecture, architecture)} glibc"
    with target.open("wb") as stream:
        files, size = zipapp.write(exported, identity.read_identity(model).name, packages, stream, machine)
    target.chmod(0o755)
    log.line(f"The archive has {files} files, {size / 1e6:.1f} MB.")


def _read(app_root: Path) -> ModelFolder:
    """Return the model, verified if this machine's settings require that; its Python need not be installed."""
    folder = app_root / paths.MODEL
    trust = Settings(dict(os.environ)).trust
    digests = None if trust is None else trust.digests_of(folder)
    facts = manifest.read(folder / paths.MANIFEST, digests)
    python = app_root / paths.VENV / "bin" / "python"
    return ModelFolder(folder, python, app_root / paths.SRC, facts, digests)
