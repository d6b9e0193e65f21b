"""The build: converts a repository with a notebook to a verified model in a single folder.

In a kernel, `%load_ext nb_builder` loads the magics of `nb_builder.magics`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Register the magics with `shell`; IPython calls this for `%load_ext nb_builder`."""
    # Imported here because every build program imports this package, and few need IPython.
    from nb_builder.magics import commands

    commands.register(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Unregister the magics from `shell`, and stop their services; IPython calls this for `%unload_ext nb_builder`."""
    from nb_builder.magics import commands

    commands.unregister(shell)
