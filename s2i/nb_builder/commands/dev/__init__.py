"""`nb-builder dev`: builds a notebook each time it is saved, and serves it alongside JupyterLab."""

import asyncio
import os
from collections.abc import Sequence

from nb_builder.commands import target
from nb_builder.commands.dev import workbench
from nb_builder.commands.dev.settings import Settings
from nb_builder.common.log import Log
from nb_builder.common.settings import Settings as BuildSettings


def main(arguments: Sequence[str]) -> None:
    """Work on the notebook that the only argument names, a folder or an .ipynb, until a signal ends it."""
    log = Log()
    settings = Settings(os.environ)
    folder, notebook = target.here(arguments[0] if arguments else ".")
    with workbench.state_folder(BuildSettings().home.resolve()) as state:
        workbench.clear(state)
        asyncio.run(workbench.Workbench(folder, notebook, state, settings, os.environ, log).run())
