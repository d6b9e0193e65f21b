"""Common code of back ends that write a page of text to stdout, and accept no arguments."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from nb_service import backends, problems

if TYPE_CHECKING:
    from nb_service.log import Log
    from nb_service.model_folder import ModelFolder
    from nb_service.pool import Pool
    from nb_service.pool.turns import TurnLoop
    from nb_service.settings import Settings


class StdoutPage:
    """Base of back ends that write a page; a subclass has a name, help and the page. The pool is not started."""

    keeps_stdout = True
    name = ""
    help = ""

    def take(self, arguments: Sequence[str]) -> bool:
        """Check the command-line arguments; return whether to continue. Raise BackendWithoutWords."""
        if [*arguments] in (["--help"], ["-h"]):
            backends.show_help(self.help)
            return False
        if arguments:
            raise problems.BackendWithoutWords(self.name, arguments)
        # The log captures both standard streams, so the page is written to a copy.
        self._stdout = os.dup(1)
        return True

    def serve(self, loop: "TurnLoop", pool: "Pool", log: "Log", settings: "Settings", environ: dict) -> int:
        """Write the page; return the exit status, or raise HelpUnwritten."""
        page = self.page(pool.model, settings)
        try:
            with os.fdopen(self._stdout, "w", encoding="utf-8", errors="backslashreplace") as stdout:
                stdout.write(page)
        except OSError as error:
            raise problems.HelpUnwritten(error) from error
        return 0

    def page(self, model: "ModelFolder", settings: "Settings") -> str:
        """Return the page's text."""
        raise NotImplementedError
