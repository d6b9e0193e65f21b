"""The back end `model`: writes the model as one file, with its dependencies and the signed statement of its origin."""

from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, BinaryIO

from nb_service import problems
from nb_service.backends.stdout_archive import StdoutArchive
from nb_service.export import archive, contents, wheels

if TYPE_CHECKING:
    from nb_service.log import Log
    from nb_service.model_folder import ModelFolder

HELP = """\
Usage: model [--with-wheels] > model.tar

Write the model as a tar archive: the model folder with its signature, the lock of its environment with hashes, the
packages in it (SBOM), and where it comes from. Two exports of a model are the same bytes.

With --with-wheels also wheels of these packages, made of what is installed, for places without an index.

docs/how-to/sign-and-verify.md says more."""
WITH_WHEELS = "--with-wheels"


class ModelExport(StdoutArchive):
    """Writes the archive to stdout."""

    name = "model"
    help = HELP
    options = (WITH_WHEELS,)
    rejection = problems.ModelWords

    def write(self, model: "ModelFolder", log: "Log", stream: IO[bytes]) -> tuple[int, int]:
        """Write the archive of `model`; return its number of files and its size in bytes."""
        exported = contents.list_contents(model)
        names = [*exported.files]

        def made() -> Iterator[tuple[str, BinaryIO]]:
            for name, file in wheels.build_wheels(model) if WITH_WHEELS in self.arguments else ():
                names.append(name)
                yield name, file

        size = sum(map(stream.write, archive.pieces(exported, made())))
        return len(names), size
