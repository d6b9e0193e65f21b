"""The Dockerfile that builds a repository with the builder image, for machines without s2i."""

import fnmatch
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from nb_builder.common import inside, visible
from nb_builder.problems.notebooks import FileEncoding
from nb_builder.repository import ordinary_files

# The file in which assemble leaves labels for s2i (nb_builder.report.image_labels).
METADATA = "/tmp/.s2i/image_metadata.json"  # noqa: S108 - a path in the image
# The pattern that s2i itself excludes (its option --exclude).
_GIT = ".git"
_IGNORE = ".s2iignore"

_TEXT = """\
FROM {builder}
LABEL io.openshift.s2i.build.image="{builder}"
{variables}COPY --chown=1001:0 src /tmp/src
RUN /usr/libexec/s2i/assemble
CMD ["/usr/libexec/s2i/run"]
"""


def text(builder: str, variables: Mapping[str, str]) -> str:
    """Return the Dockerfile; `variables` are set in the build and in the service."""
    lines = "".join(f"ENV {name}={_quoted(value)}\n" for name, value in variables.items())
    return _TEXT.format(builder=builder, variables=lines)


def lay(folder: Path, context: Path, builder: str, variables: Mapping[str, str]) -> None:
    """Write the Dockerfile and a copy of the repository in `folder` to the folder `context`; raise FileEncoding."""
    for name, value in variables.items():
        if not visible.is_utf_8(value):
            # Variables are decoded like os.environ; a Dockerfile can't contain undecodable bytes.
            raise FileEncoding(subject=f"The value of {name}", file=".s2i/environment", encoding="UTF-8")
    (context / "Dockerfile").write_text(text(builder, variables), encoding="utf-8")
    shutil.copytree(folder, context / "src", symlinks=True, ignore=_left_out(folder))


def _left_out(folder: Path) -> Callable[[str, list[str]], set[str]]:
    path = folder / _IGNORE
    text = path.read_text(encoding="utf-8", errors="replace") if ordinary_files.is_file(path, folder) else ""
    patterns = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]

    def left_out(place: str, names: list[str]) -> set[str]:
        here = os.path.relpath(place, folder)
        return {
            name
            for name in names
            if name == _GIT
            or inside.special(os.path.join(place, name))
            or _is_ignored(os.path.normpath(f"{here}/{name}"), patterns)
        }

    return left_out


def _is_ignored(path: str, patterns: list[str]) -> bool:
    """Return whether the last matching pattern excludes the path; a pattern with `!` includes it again."""
    ignored = False
    for pattern in patterns:
        if _matches(path, pattern.lstrip("!").strip("/")):
            ignored = not pattern.startswith("!")
    return ignored


def _matches(path: str, pattern: str) -> bool:
    """Return whether a pattern of Go's filepath.Match, used by s2i, matches the whole path; `*` matches no slash."""
    names, patterns = path.split("/"), pattern.split("/")
    # fnmatch negates classes with `!`, Go with `^`, so a `!` in a class is a literal.
    return len(names) == len(patterns) and all(
        fnmatch.fnmatchcase(name, part.replace("[!", "[\\!").replace("[^", "[!"))
        for name, part in zip(names, patterns, strict=True)
    )


def _quoted(value: str) -> str:
    """Return a value quoted for ENV, where an unescaped dollar would start a variable."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
    return f'"{escaped}"'
