"""What back ends share that write one archive to stdout, which is for it alone."""

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
    """A back end of that kind: a subclass has the words of its command line, and writes."""

    keeps_stdout = True
    name = ""
    help = ""
    options: tuple[str, ...] = ()
    refusal: type[
        problems.SparkModelWords | problems.ModelWords | problems.ZipappWords
    ]  # of words that it does not take

    def take(self, words: Sequence[str]) -> bool:
        """Take the words of the command line; return whether there is something to write. Raise the refusal."""
        if [*words] in (["--help"], ["-h"]):
            backends.show_help(self.help)
            return False
        unknown = [word for word in words if word not in self.options]
        if unknown:
            takes = " and ".join(self.options) or "no arguments"
            raise self.refusal(f"{self.name} takes {takes}; got: {' '.join(words)}.")
        if os.isatty(1):
            raise self.refusal("stdout is a terminal.")
        if stdio_capture.was_closed(1):
            raise problems.ArchiveOutput("stdout is closed")
        self.words = frozenset(words)
        # The log takes both standard streams; the archive is no part of it.
        self._stdout = os.dup(1)
        return True

    def serve(self, loop: "TurnLoop", pool: "Pool", log: "Log", settings: "Settings", environ: dict) -> int:
        """Write everything; return the exit code."""
        try:
            # Closing it writes the rest, and may fail as well.
            with os.fdopen(self._stdout, "wb") as stream:
                files, size = self.write(pool.model, log, stream)
        except OSError as error:
            if error.filename is not None:
                raise problems.unreadable(error.filename, error) from error
            raise problems.ArchiveOutput(error.strerror or str(error)) from error
        log.say(f"The archive has {files} files, {size / 1e6:.1f} MB.")
        return 0

    def write(self, model: "ModelFolder", log: "Log", stream: IO[bytes]) -> tuple[int, int]:
        """Write the archive of `model`; return how many files it has, and its size in bytes."""
        raise NotImplementedError
