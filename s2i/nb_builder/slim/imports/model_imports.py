"""What the notebook's own code may import in a branch that no golden row takes."""

import json
import os
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from nb_scorer.common import paths
from nb_scorer.protocol import launch

from nb_builder.common import installed
from nb_builder.common.installed import Distribution
from nb_builder.slim.imports import model_imports_program


class ReachFailed(RuntimeError):
    """The model can't be loaded to be read; the process's own words."""


def imports(app_root: Path) -> dict[str, str]:
    """Return {module: where it is named} of what the model under `app_root` may import; raise ReachFailed."""
    model = app_root / paths.MODEL
    told = json.loads((model / paths.MANIFEST).read_text("utf-8"))
    folder = os.path.realpath(app_root / paths.SRC / told.get("folder", "."))
    # As text: beside its file there are modules named as some of the standard library.
    program = Path(model_imports_program.__file__).read_text("utf-8")
    command = [app_root / paths.VENV / "bin" / "python", "-c", program, launch.HOME, model, folder]
    ran = subprocess.run(
        command,
        env=launch.environment(dict(os.environ)),
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
    if ran.returncode:
        raise ReachFailed(ran.stderr.strip() or f"it ended with {ran.returncode}")
    return json.loads(ran.stdout.splitlines()[-1])


def providers(named: Mapping[str, str], held: Iterable[Distribution]) -> dict[str, str]:
    """Return {name of a distribution: the module of it that is named} for the modules `named`.

    A module is the distribution's that has it or its nearest package; a namespace that several share is
    theirs all.
    """
    known = installed.modules(held)
    found: dict[str, str] = {}
    for module in sorted(named):
        for distribution in _providing(module, known):
            found.setdefault(distribution.name, module)
    return found


def _providing(module: str, known: Mapping[str, list[Distribution]]) -> list[Distribution]:
    name = module
    while name:
        if name in known:
            return known[name]
        name = name.rpartition(".")[0]
    below = module + "."
    return [each for inner, those in known.items() if inner.startswith(below) for each in those]
