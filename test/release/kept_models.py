"""Keeps models as a version has built them, for the tests of all versions that come after it."""

import shutil
import tempfile
from pathlib import Path

from cases import named
from flow import stage

# With a validator; with numpy in pickle and answers; with a batch form; with a baseline for drift.
FIXTURES = ("ok-pure-python", "ok-numpy-answers", "ok-batch-predictor", "ok-drift-of-fit")
# What a service needs of APP_ROOT, and the lock, by which its environment is made again.
KEPT = ("model", "src", "build/requirements.lock")


def keep(version: str, folder: Path) -> list[Path]:
    """Build the fixtures, and keep them as `folder`/VERSION/NAME; return these folders.

    Raise RuntimeError where one does not build.
    """
    kept = []
    for name in FIXTURES:
        case = named(name)
        to = folder / version / name.removeprefix("ok-")
        shutil.rmtree(to, ignore_errors=True)
        with tempfile.TemporaryDirectory() as scratch:
            build, _ = stage.assemble(case, Path(scratch))
            if build.status:
                raise RuntimeError(f"{name} is not built:\n{build.stdout}{build.stderr}")
            for part in KEPT:
                source, target = build.app_root / part, to / part
                target.parent.mkdir(parents=True, exist_ok=True)
                if source.is_dir():
                    shutil.copytree(source, target)
                else:
                    shutil.copy(source, target)
        kept.append(to)
    return kept
