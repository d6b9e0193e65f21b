"""The back end `spark-model`: writes the archive by which a Spark cluster scores with this model."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from nb_service import backends, problems, stdio_capture
from nb_service.backends.spark_model import archive, contents

if TYPE_CHECKING:
    from nb_service.log import Log
    from nb_service.pool import Pool
    from nb_service.pool.turns import TurnLoop
    from nb_service.settings import Settings

HELP = """\
Usage: spark-model > model.zip

Write the archive that scores with this model on a Spark cluster: the model, its environment, and the code that runs it.

    from nb_spark import score                  # model.zip on sys.path, or spark-submit --py-files model.zip
    score(df, "model.zip")                      # the same rows, with the columns prediction and prediction_error

docs/how-to/score-with-spark.md says more."""


class SparkModel:
    """Writes the archive to stdout, which is for it alone."""

    keeps_stdout = True

    def take(self, words: Sequence[str]) -> bool:
        """Take the words of the command line; return whether there is something to write. Raise SparkModelWords."""
        if [*words] in (["--help"], ["-h"]):
            backends.show_help(HELP)
            return False
        if words:
            raise problems.SparkModelWords(f"spark-model takes no words, and was given: {' '.join(words)}.")
        if os.isatty(1):
            raise problems.SparkModelWords("The archive would go to a terminal.")
        if stdio_capture.was_closed(1):
            raise problems.SparkModelOutput("it is closed")
        # The log takes both standard streams; the archive is no part of it.
        self._stdout = os.dup(1)
        return True

    def serve(self, loop: "TurnLoop", pool: "Pool", log: "Log", settings: "Settings", environ: dict) -> int:
        """Write everything; return the exit code."""
        found = contents.of(pool.model)
        if not found.interpreter:
            log.say(
                f"The model's Python is one of the system, so the archive is without it: executors need a Python "
                f"{found.python}, which can be the cluster's own."
            )
        with os.fdopen(self._stdout, "wb") as stream:
            try:
                size = archive.write(found, stream)
            except OSError as error:
                raise problems.SparkModelOutput(error.strerror or str(error)) from error
        log.say(f"The archive has {len(found.files)} files, {size / 1e6:.1f} MB.")
        return 0
