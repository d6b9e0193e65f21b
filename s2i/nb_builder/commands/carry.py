"""`nb-builder push`, `pull` and `run --model`: store model files in registries, and serve them."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from nb_scorer.common import paths
from nb_scorer.zipapp import environment, layout, trust
from nb_scorer.zipapp.carried import Carried
from nb_scorer.zipapp.problems import ZipappEnvironment

from nb_builder.commands import command_line, run_locally
from nb_builder.commands.app_lock import AppLock
from nb_builder.common.log import Log
from nb_builder.common.settings import Settings
from nb_builder.registry import artifact

# The parts of a model file that APP_ROOT gets unchanged.
_PARTS = (layout.MODEL, layout.SRC, f"{paths.BUILD}/")


def push(arguments: Sequence[str]) -> None:
    """Push the file in `arguments`; print its address with the digest as the last line."""
    command_line.require("Usage: nb_builder push FILE REFERENCE", arguments, 2)
    path, reference = arguments
    log = Log()
    log.step(f"Pushing to {reference}")
    log.line(artifact.push(Path(path), reference))


def pull(arguments: Sequence[str]) -> None:
    """Download the model in `arguments` to a file; print its address with the digest as the last line."""
    command_line.require("Usage: nb_builder pull REFERENCE FILE", arguments, 2)
    reference, path = arguments
    log = Log()
    log.step(f"Pulling {reference}")
    log.line(artifact.pull(reference, Path(path).absolute()))


def serve(arguments: Sequence[str]) -> None:
    """Serve the model file that `arguments` name with nb-builder's service, without its notebook.

    If S2I_VERIFY_KEY_FILE is set, everything in the file is verified before use. Raises AppInUse if another command
    builds or serves in the folder, and the problems of nb_scorer.zipapp.
    """
    command_line.require("Usage: nb_builder serve FILE", arguments, 1)
    (path,) = arguments
    log = Log()
    home = Settings().home.resolve()
    app_root = home / "app"
    lock = AppLock(app_root, f"'{path}' is being unpacked")
    with Carried(str(Path(path).absolute())) as carried:
        key = os.environ.get("S2I_VERIFY_KEY_FILE", "")
        signed = trust.digests_of(carried, trust.keys_of(key))[0] if key else {}
        digests = {name: carried.digest_of(name, signed.get(name)) for name in carried.names}
        minor = environment.minor_of(carried, digests)
        base = environment.python_of(minor)
        log.step(f"Creating the environment of {path} for Python {minor}")
        try:
            shutil.rmtree(app_root, ignore_errors=True)
            for name in carried.names:
                if name.startswith(_PARTS):
                    carried.unpack(name, str(app_root / name), digests[name])
            (app_root / paths.SRC).mkdir(parents=True, exist_ok=True)
            environment.make(carried, digests, base, str(app_root / paths.VENV))
        except OSError as error:
            raise ZipappEnvironment(str(app_root), error.strerror or str(error)) from error
    environ = {**os.environ, "NB_BUILDER_HOME": str(home), "APP_ROOT": str(app_root)}
    run_locally.serve(app_root, environ, log, lock=lock)
