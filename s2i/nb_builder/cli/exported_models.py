"""Writes a service image's model as a single file."""

import os
import tempfile
from pathlib import Path

from nb_scorer.common import paths

from nb_builder.cli.calls import Call
from nb_builder.cli.engine import Engine
from nb_builder.cli.problems import ImageWithoutModel
from nb_builder.images import conditions
from nb_builder.images.engine import Image
from nb_builder.images.files import Files, Link, followed

_WHY = "The file contains the model of a service image that 'nb-builder build' or 's2i build' built."
# The limit for files of a build that accompany its model; builds write no larger ones.
_OF_BUILD = (paths.LOCK, paths.SBOM, paths.PROVENANCE, paths.PROVENANCE_SIGNATURE)
_MAX_SIZE = 64 << 20


def spark_model(docker: Engine, name: str, part: Path) -> int:
    """Write the archive for Spark with a program of the image, which has the right Python; return the exit status.

    Raises ImageMissing, and the problems of nb_builder.images.
    """
    image = docker.require(name, _WHY)
    with image.container([*conditions.SERVICE, "spark-model"]) as container:
        return docker.write_output(container, image.name, part)


def zipapp(call: Call, docker: Engine, name: str, part: Path) -> int:
    """Write the model as one file that Python runs, with this machine's program; return the exit status.

    A signature of the file also covers the code in it, which therefore must not come from the image. Raises
    ImageMissing, ImageWithoutModel, and the problems of nb_builder.images.
    """
    image = docker.require(name, _WHY)
    with tempfile.TemporaryDirectory(prefix="nb-zipapp-") as scratch:
        app_root = Path(scratch) / "app-root"
        app_root.mkdir()
        with image.files() as files:
            for folder in (paths.MODEL, paths.SRC, *([paths.VENV] if call.given.wheels else [])):
                _take(image, files, folder, app_root)
            (app_root / paths.BUILD).mkdir()
            for each in _OF_BUILD:
                content = files.content(f"{image.app_root}/{paths.BUILD}/{each}", _MAX_SIZE)
                if content is not None:
                    (app_root / paths.BUILD / each).write_bytes(content)
        options = ["--with-wheels"] if call.given.wheels else []
        return call.builder("zipapp", *options, str(app_root), str(part.absolute()), image.architecture, returns=True)


def _take(image: Image, files: Files, folder: str, app_root: Path) -> None:
    """Write a folder of APP_ROOT; a link to a file of the same folder becomes a hard link."""
    place = f"{image.app_root}/{folder}"
    links: dict[str, Link] | None = None if folder == paths.MODEL else {}
    if not files.write_folder(place, app_root / folder, links):
        raise ImageWithoutModel(image=image.name, folder=place)
    for name in links or ():
        target = followed(name, links or {}, place)
        if target is not None and (app_root / folder / target).is_file():
            # Hard links take no space, however many there are.
            os.link(app_root / folder / target, app_root / folder / name)
