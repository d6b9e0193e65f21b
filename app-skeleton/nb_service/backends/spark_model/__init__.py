"""The back end `spark-model`: writes the archive with which a Spark cluster scores with this model."""

from typing import IO, TYPE_CHECKING

from nb_service import problems
from nb_service.backends.spark_model import archive, contents
from nb_service.backends.stdout_archive import StdoutArchive
from nb_service.weights import lock

if TYPE_CHECKING:
    from nb_service.log import Log
    from nb_service.model_folder import ModelFolder

HELP = """\
Usage: spark-model > model.zip

Write the archive that scores with this model on a Spark cluster: the model, its environment, and the code that runs it.

    from nb_spark import score                  # model.zip on sys.path, or spark-submit --py-files model.zip
    score(df, "model.zip")                      # the same rows, with the columns prediction and prediction_error

docs/how-to/score-with-spark.md says more."""


class SparkModel(StdoutArchive):
    """Writes the archive to stdout."""

    name = "spark-model"
    help = HELP
    rejection = problems.SparkModelWords

    def write(self, model: "ModelFolder", log: "Log", stream: IO[bytes]) -> tuple[int, int]:
        """Write the archive of `model`; return its number of files and its size in bytes."""
        lock.require_none(model, "an archive for Spark")
        exported = contents.list_contents(model)
        if not exported.interpreter:
            log.say(
                f"The model's Python belongs to the system, so the archive does not contain it: executors need Python "
                f"{exported.python}, which can be the cluster's own."
            )
        return len(exported.files), archive.write(exported, stream)
