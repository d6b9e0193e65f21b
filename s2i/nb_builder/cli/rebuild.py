"""Builds the contents of a service image again and compares the two, without trusting the image.

The image's contents are extracted as files, and copied to a container of the trusted builder image.
"""

import calendar
import json
import os
import sys
import tarfile
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from nb_scorer.common import paths

from nb_builder.cli.calls import Call
from nb_builder.cli.engine import Engine
from nb_builder.cli.problems import ImageUnfitToRebuild, ImageWithoutModel, RebuildFailed
from nb_builder.common.log import Log
from nb_builder.images.engine import Image
from nb_builder.images.files import Link
from nb_builder.repository import author_variables

_WHY = "The image is compared with a second build that uses the same builder image, named with --builder."
# Folders that a build fills without creating links.
_WITHOUT_LINKS = (paths.MODEL, paths.BUILD)
# Facts that only records contain, set to fixed values so that the records are the same.
_FACTS = frozenset(
    ("S2I_COMMIT", "S2I_SOURCE", "OPENSHIFT_BUILD_COMMIT", "OPENSHIFT_BUILD_SOURCE", "S2I_BUILDER_IMAGE")
)
# Settings of the second build that the user may set, but the image may not.
_OF_THIS_USER = ("S2I_ALLOW_INDEXES",)
_MAX_MANIFEST = 16 << 20
ASSEMBLE = "/usr/libexec/s2i/assemble"
# The builder's user owns the files, as when s2i uploads a repository.
_USER, _GROUP = 1001, 0


def check(call: Call, docker: Engine, name: str, builder_name: str) -> int:
    """Rebuild the contents of the image `name` with the image `builder_name`, and compare; return the exit status.

    Raises ImageMissing, ImageWithoutModel, ImageUnfitToRebuild, RebuildFailed, and the problems of nb_builder.images.
    """
    image, builder = (docker.require(each, _WHY) for each in (name, builder_name))
    log = Log(sys.stderr if call.given.json else None)
    with tempfile.TemporaryDirectory(prefix="nb-rebuild-") as scratch:
        first, second = Path(scratch) / "first", Path(scratch) / "second"
        links = _take(image, first)
        variables, left_out = _variables(image, builder, first)
        variables |= {each: call.environ[each] for each in _OF_THIS_USER if call.environ.get(each)}
        variables["SOURCE_DATE_EPOCH"] = str(_date(image, first / paths.MODEL / paths.MANIFEST))
        if left_out:
            log.note(f"the second build doesn't have these variables of the image: {', '.join(left_out)}")
        upload = Path(scratch) / "upload.tar"
        _pack(first, links, upload)
        log.step(f"Building {name} again with the date {variables['SOURCE_DATE_EPOCH']}")
        # The build downloads packages.
        with builder.container([ASSEMBLE], variables, options=()) as container:
            docker.upload(container, upload, "/tmp")  # noqa: S108 - s2i's own place
            status, said = docker.run_container(container)
            if status:
                log.line(said)
                raise RebuildFailed(image=name)
            again = _take_from(docker, builder, container, second)
        for folder, found in ((first, links), (second, again)):
            _note_links(folder, found)
        return call.builder("rebuild-check", str(first), str(second), returns=True, shows=True)


def _take(image: Image, target: Path) -> dict[str, Link]:
    """Write an image's APP_ROOT to `target`; return its links."""
    links: dict[str, Link] = {}
    with image.files() as files:
        if not files.write_folder(image.app_root, target, links):
            raise ImageWithoutModel(image=image.name, folder=image.app_root)
        for name in links:
            if name.partition("/")[0] in _WITHOUT_LINKS or name == paths.SRC:
                raise files.problem_at(f"{image.app_root}/{name}", "it is a symbolic link")
    if not (target / paths.SRC).is_dir():
        raise ImageWithoutModel(image=image.name, folder=f"{image.app_root}/{paths.SRC}")
    return links


def _take_from(docker: Engine, builder: Image, container: str, target: Path) -> dict[str, Link]:
    links: dict[str, Link] = {}
    if not docker.files(container, builder.name).write_folder(builder.app_root, target, links):
        raise ImageWithoutModel(image=builder.name, folder=builder.app_root)
    return links


def _note_links(folder: Path, links: Mapping[str, Link]) -> None:
    """Write the link targets to a file next to the folder, because any file inside could be the image's own."""
    text = json.dumps({name: link._asdict() for name, link in links.items()})
    folder.with_name(f"{folder.name}.links.json").write_text(text, encoding="utf-8")


def _variables(image: Image, builder: Image, first: Path) -> tuple[dict[str, str], list[str]]:
    """Return the first build's settings that the second one gets, and the names of the variables that it doesn't."""
    of_builder = builder.variables
    given = {name: value for name, value in image.variables.items() if of_builder.get(name) != value}
    allowed = author_variables.of_author() | _FACTS | author_variables.read(first / paths.SRC).taken.keys()
    # The first build's secrets are not in its image, and not needed to rebuild the model.
    taken = {
        name: value
        for name, value in given.items()
        if name in allowed and (name in _FACTS or not author_variables.is_of_the_platform(name)) and "\n" not in value
    }
    return taken, sorted(given.keys() - taken.keys())


def _date(image: Image, manifest: Path) -> int:
    """Return the build time of the model in seconds since 1970; raise ImageUnfitToRebuild if it is unknown."""
    try:
        if manifest.stat().st_size > _MAX_MANIFEST:
            raise ValueError("it is too large")  # noqa: TRY301 - one reason of several
        built = json.loads(manifest.read_bytes())["built"]
        return calendar.timegm(time.strptime(built, "%Y-%m-%dT%H:%M:%SZ"))
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise ImageUnfitToRebuild(image=image.name, file=f"{paths.MODEL}/{paths.MANIFEST}") from error


def _pack(first: Path, links: Mapping[str, Link], target: Path) -> None:
    """Archive the repository files that s2i had, adding the build's lock if there was none."""
    with tarfile.open(target, "w", errors="surrogateescape") as archive:
        archive.add(first / paths.SRC, paths.SRC, filter=_owned)
        for name, link in links.items():
            if name.startswith(f"{paths.SRC}/"):
                member = tarfile.TarInfo(name)
                member.type, member.linkname, member.mode = tarfile.SYMTYPE, link.target, 0o777
                archive.addfile(_owned(member))
        lock = f"{paths.SRC}/{paths.LOCK}"
        of_build = first / paths.BUILD / paths.LOCK
        if lock not in links and not os.path.lexists(first / lock) and of_build.is_file():
            archive.add(of_build, lock, filter=_owned)


def _owned(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid, member.gid, member.uname, member.gname = _USER, _GROUP, "", ""
    return member
