"""`nb-builder dev`: builds a notebook at each save, and serves it alongside JupyterLab."""

import asyncio
import os
from collections.abc import Sequence

from nb_builder.commands import target
from nb_builder.commands.dev import workbench
from nb_builder.commands.dev.settings import Settings
from nb_builder.common.log import Log
from nb_builder.common.settings import Settings as BuildSettings


def main(arguments: Sequence[str]) -> None:
    """Run `nb-builder dev` for the folder or .ipynb in the only argument, until a signal stops it."""
    log = Log()
    settings = Settings(os.environ)
    folder, notebook = target.here(arguments[0] if arguments else ".")
    with workbench.state_folder(BuildSettings().home.resolve()) as state:
        workbench.clear(state)
        asyncio.run(workbench.Workbench(folder, notebook, state, settings, os.environ, log).run())
