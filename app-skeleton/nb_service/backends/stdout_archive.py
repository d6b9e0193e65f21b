"""Common code of back ends that write an archive to stdout."""

import os
from collections.abc import Sequence
from typing import IO, TYPE_CHECKING

from nb_service import backends, problems, stdio_capture

if TYPE_CHECKING:
    from nb_service.log import Log
    from nb_service.model_folder import ModelFolder
    from nb_service.pool import Pool
    from nb_service.pool.turns import TurnLoop
    from nb_service.settings import Settings


class StdoutArchive:
    """Base of back ends that write an archive: a subclass parses the command line and writes the archive."""

    keeps_stdout = True
    name = ""
    help = ""
    options: tuple[str, ...] = ()
    rejection: type[
        problems.SparkModelWords | problems.ModelWords | problems.ZipappWords
    ]  # for arguments that it does not accept

    def take(self, arguments: Sequence[str]) -> bool:
        """Parse the command-line arguments; return whether there is something to write.

        Raise the problem for invalid ones.
        """
        if [*arguments] in (["--help"], ["-h"]):
            backends.show_help(self.help)
            return False
        unknown = [each for each in arguments if each not in self.options]
        if unknown:
            takes = " and ".join(self.options) or "no arguments"
            raise self.rejection(f"{self.name} takes {takes}; got: {' '.join(arguments)}.")
        if os.isatty(1):
            raise self.rejection("stdout is a terminal.")
        if stdio_capture.was_closed(1):
            raise problems.ArchiveOutput("stdout is closed")
        self.arguments = frozenset(arguments)
        # The log captures both standard streams, so the archive is written to a copy.
        self._stdout = os.dup(1)
        return True

    def serve(self, loop: "TurnLoop", pool: "Pool", log: "Log", settings: "Settings", environ: dict) -> int:
        """Write the archive; return the exit status."""
        try:
            # Closing writes the rest, which may fail, too.
            with os.fdopen(self._stdout, "wb") as stream:
                files, size = self.write(pool.model, log, stream)
        except OSError as error:
            if error.filename is not None:
                raise problems.unreadable(error.filename, error) from error
            raise problems.ArchiveOutput(error.strerror or str(error)) from error
        log.say(f"The archive has {files} files, {size / 1e6:.1f} MB.")
        return 0

    def write(self, model: "ModelFolder", log: "Log", stream: IO[bytes]) -> tuple[int, int]:
        """Write the archive of `model`; return its number of files and its size in bytes."""
        raise NotImplementedError
