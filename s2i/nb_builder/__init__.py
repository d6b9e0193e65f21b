"""The build: from a repository with a notebook to a verified model under one folder.

In a kernel, `%load_ext nb_builder` brings the magics of `nb_builder.magics`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Give `shell` the magics; IPython calls this for `%load_ext nb_builder`."""
    # Here, because every program of the build imports this package, and few of them know IPython.
    from nb_builder.magics import commands

    commands.register(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Take the magics from `shell` again, and end what they serve; IPython calls this for `%unload_ext nb_builder`."""
    from nb_builder.magics import commands

    commands.unregister(shell)
