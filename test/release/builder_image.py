"""The builder image of a version, made twice; and the list of its files, by which anybody can compare a third."""

import hashlib
import os
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import IO
from urllib.parse import quote

# Where packages come from, and what the image stands on and trusts: as `make builder` takes them.
SETTINGS = ("BASE_IMAGE", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST")
SHOWN = 5


class NotReproducible(Exception):
    """Two builds of one commit differ."""


def made_twice(name: str, version: str, date: int, first: Path, second: Path) -> str:
    """Make the image `name` of two unpacked commits, nothing of a cache; return the list of its files.

    Raise NotReproducible where the two differ, CalledProcessError where the engine fails.
    """
    listed = [_files(_made(tag, version, date, tree)) for tag, tree in ((f"{name}-again", second), (name, first))]
    _docker("image", "rm", f"{name}-again")
    if listed[0] != listed[1]:
        lines = sorted(set(listed[0]) ^ set(listed[1]), key=lambda line: line.rpartition(" ")[2])
        raise NotReproducible(
            f"two builds of {name} differ: {'; '.join(lines[:SHOWN])}\n"
            "  Why: something of the machine, the time or the folder is in the image\n"
            "  Fix: if a package of Debian was updated between the two, try again; else take it from the commit"
        )
    return "".join(f"{line}\n" for line in listed[1])


def _made(name: str, version: str, date: int, tree: Path) -> str:
    bundle = os.environ.get("CA_BUNDLE")
    if bundle:
        (tree / ".nb-builder").mkdir(exist_ok=True)
        shutil.copy(bundle, tree / ".nb-builder" / "ca-bundle.crt")
    given = [f"VERSION={version}", f"SOURCE_DATE_EPOCH={date}", *(one for one in SETTINGS if os.environ.get(one))]
    _docker("build", "--no-cache", *(f"--build-arg={each}" for each in given), "--tag", name, tree)
    return name


def _files(image: str) -> list[str]:
    """Return a line for each file of an image: kind, rights, owner, digest or where it leads, path as in a URL."""
    container = _docker("create", "--network", "none", image, "nothing")
    try:
        command = [_program(), "export", container]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as export:
            lines = lines_of(export.stdout)
        if export.returncode:
            raise subprocess.CalledProcessError(export.returncode, command)
    finally:
        _docker("rm", container)
    return lines


def lines_of(stream: IO[bytes]) -> list[str]:
    """Return the lines of a file system that comes as a tar archive, sorted by path.

    Of a file with several names, all are lines of the file: which comes first in the archive is up to the engine.
    """
    lines, digests = {}, {}
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for member in archive:
            kind, content = "other", "-"
            if member.isreg():
                digests[member.name] = hashlib.file_digest(archive.extractfile(member), "sha256").hexdigest()
                kind, content = "file", digests[member.name]
            elif member.islnk():
                kind, content = "file", digests[member.linkname]
                digests[member.name] = content
            elif member.issym():
                kind, content = "link", quote(member.linkname)
            elif member.isdir():
                kind = "folder"
            lines[member.name] = f"{kind} {member.mode:o} {member.uid}:{member.gid} {content} {quote(member.name)}"
    return [lines[name] for name in sorted(lines)]


def _program() -> str:
    return os.environ.get("DOCKER") or "docker"


def _docker(*words: str | Path) -> str:
    return subprocess.run([_program(), *words], check=True, capture_output=True, text=True).stdout.strip()
