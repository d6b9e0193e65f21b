"""The back end `zipapp`: writes the model as one file that Python runs without any installation of nb-builder."""

from typing import IO, TYPE_CHECKING, BinaryIO

from nb_service import identity, problems
from nb_service.backends.stdout_archive import StdoutArchive
from nb_service.export import wheels, zipapp
from nb_service.weights import lock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nb_service.log import Log
    from nb_service.model_folder import ModelFolder

HELP = """\
Usage: zipapp [--with-wheels] > my-model

Write the model as one file that Python runs, on any Linux machine with a Python of the model's minor version:

    python my-model '[0.2, 0.7]'                # the answer on stdout; samples as lines of stdin, too
    python my-model --key sign.pub --serve 8080

It makes the model's environment once, of its lock; with --with-wheels, of packages that are in the file.

docs/how-to/run-a-model-directly.md says more."""
WITH_WHEELS = "--with-wheels"


class ZipappExport(StdoutArchive):
    """Writes the file to stdout."""

    name = "zipapp"
    help = HELP
    options = (WITH_WHEELS,)
    rejection = problems.ZipappWords

    def write(self, model: "ModelFolder", log: "Log", stream: IO[bytes]) -> tuple[int, int]:
        """Write the file of `model`; return its number of files and its size in bytes."""
        lock.require_none(model, "a model in one file")
        exported, left = zipapp.list_contents(model)
        if left:
            log.say(
                f"Files of the repository that were left out: {', '.join(sorted(left))}: links to folders, "
                "special files, or names that are not UTF-8."
            )
        packages: Iterator[tuple[str, BinaryIO]] = (
            wheels.build_wheels(model) if WITH_WHEELS in self.arguments else iter(())
        )
        return zipapp.write(exported, identity.read_identity(model).name, packages, stream)
