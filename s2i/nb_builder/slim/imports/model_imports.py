"""Finds modules that the notebook's own code may import in a branch that no golden row takes."""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from nb_scorer.common import paths, phrases
from nb_scorer.protocol import launch

from nb_builder.common import installed, programs
from nb_builder.common.installed import Distribution
from nb_builder.slim.imports import model_imports_program


class ModelUnreadable(RuntimeError):
    """The model can't be loaded to read its code; the message is the process's output."""


def imports(app_root: Path, digests: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return {module: where it is named} for all that the model of `app_root` may import; raise ModelUnreadable.

    `digests` are those of its signature, if that was verified: no other model is loaded in that case.
    """
    model = app_root / paths.MODEL
    manifest = json.loads((model / paths.MANIFEST).read_text("utf-8"))
    folder = os.path.realpath(app_root / paths.SRC / manifest.get("folder", "."))
    # Passed as text, because Python would put the folder of a script, with this package's modules, on sys.path.
    program = Path(model_imports_program.__file__).read_text("utf-8")
    command = [app_root / paths.VENV / "bin" / "python", "-c", program, launch.HOME, model, folder]
    command.append("" if digests is None else json.dumps(dict(digests)))
    process = programs.run(command, env=launch.environment(dict(os.environ)), cwd="/")
    if process.returncode:
        raise ModelUnreadable(process.stderr.strip() or f"it exited with status {process.returncode}")
    return json.loads(phrases.last_line(process.stdout))


def providers(named: Mapping[str, str], distributions: Iterable[Distribution]) -> dict[str, str]:
    """Return {name of a distribution: the first of its modules that is named} for the modules `named`.

    A module belongs to the distribution that contains it or its nearest package; a shared namespace to all that share
    it.
    """
    by_module = installed.modules(distributions)
    providers: dict[str, str] = {}
    for module in sorted(named):
        for distribution in _providing(module, by_module):
            providers.setdefault(distribution.name, module)
    return providers


def _providing(module: str, by_module: Mapping[str, list[Distribution]]) -> list[Distribution]:
    name = module
    while name:
        if name in by_module:
            return by_module[name]
        name = name.rpartition(".")[0]
    prefix = module + "."
    owners = [distributions for name, distributions in by_module.items() if name.startswith(prefix)]
    return [distribution for distributions in owners for distribution in distributions]
