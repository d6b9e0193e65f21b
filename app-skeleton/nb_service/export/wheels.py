"""Wheels of the packages in the model's environment, rebuilt from the installed files.

So an installation needs no index, and gets the packages with which the model was verified. Their digests differ from
those in the lock, so they have their own list, from which pip and uv install them.
"""

import base64
import hashlib
import json
import os
import re
import tempfile
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from nb_scorer.common.digests import sha256_of_rest

from nb_service import problems
from nb_service.export import zip_entries
from nb_service.model_folder import ModelFolder

FOLDER = "wheels"
LIST = "requirements.lock"
# Files in a distribution's own folder: the installer's records, and those that are written again.
_OF_INSTALLERS = frozenset(("RECORD", "RECORD.jws", "RECORD.p7s", "INSTALLER", "REQUESTED", "direct_url.json"))
_OF_UV = "uv_"
_TAG = re.compile(r"^Tag:\s*([\w.]+)-([\w.]+)-([\w.]+)\s*$", re.MULTILINE)
# Names and versions by PEP 508 and 440, because both become part of a line of the list.
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?", re.ASCII)
_VERSION = re.compile(r"[A-Za-z0-9.!+_-]+", re.ASCII)
_SHEBANG = re.compile(rb"^#!.*python[\d.]*\s*\n")


def build_wheels(model: ModelFolder) -> Iterator[tuple[str, BinaryIO]]:
    """Yield (name in the export, file) of each wheel and of their list; a file is closed when the next is requested.

    Raise WheelImpossible for a package that can't be made into a wheel, and OSError if there is no space for temporary
    files.
    """
    lines = []
    venv = os.path.realpath(model.python.parent.parent)
    for distribution in _installed(model):
        with tempfile.TemporaryFile() as file:
            name = _write(distribution, venv, file)
            file.seek(0)
            lines.append(f"{distribution.name}=={distribution.version} --hash=sha256:{sha256_of_rest(file)}\n")
            file.seek(0)
            yield f"{FOLDER}/{name}", file
    with tempfile.TemporaryFile() as file:
        file.write("".join(lines).encode())
        file.seek(0)
        yield f"{FOLDER}/{LIST}", file


def _installed(model: ModelFolder) -> list[metadata.Distribution]:
    """Return the distributions in the model's environment, by name; raise WheelImpossible."""
    venv = model.python.parent.parent
    folders = {os.path.realpath(folder) for folder in venv.glob("lib*/python*/site-packages")}
    distributions = {}
    for each in metadata.distributions(path=sorted(folders)):
        # Both are None for a package without METADATA, whatever their type hints promise.
        name, version = each.name or "", each.version or ""
        if not (_NAME.fullmatch(name) and _VERSION.fullmatch(version)):
            raise problems.WheelImpossible(repr(name), "its METADATA has no name and version of a package")
        distributions[name.lower()] = each
    return [distributions[name] for name in sorted(distributions)]


def _write(distribution: metadata.Distribution, venv: str, target: BinaryIO) -> str:
    """Write the wheel of a distribution in the environment `venv`; return its file name."""
    sources = dict(_sources(distribution, venv))
    own = _own_folder(distribution, sources)
    record = []
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        # The distribution's own folder comes last, so that its record can be read without reading the rest.
        for name in sorted(sources, key=lambda name: (name.startswith(own), name)):
            path = sources[name]
            content = path.read_bytes()
            if name.startswith(f"{own.removesuffix('.dist-info')}.data/scripts/"):
                content = _SHEBANG.sub(b"#!python\n", content)
            archive.writestr(zip_entries.entry(name, len(content), os.stat(path).st_mode & 0o100), content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode("ascii")
            record.append(f"{_quoted(name)},sha256={digest},{len(content)}\n")
        text = "".join([*record, f"{own}/RECORD,,\n"]).encode()
        archive.writestr(zip_entries.entry(f"{own}/RECORD", len(text)), text)
    return f"{own.removesuffix('.dist-info')}-{_tags(distribution)}.whl"


def _quoted(name: str) -> str:
    return '"{}"'.format(name.replace('"', '""')) if {",", '"'} & set(name) else name


def _own_folder(distribution: metadata.Distribution, sources: dict[str, Path]) -> str:
    for name in sources:
        folder, _, file = name.partition("/")
        if folder.endswith(".dist-info") and file == "METADATA":
            return folder
    raise _no_wheel(distribution, "it has no METADATA")


def _sources(distribution: metadata.Distribution, venv: str) -> Iterator[tuple[str, Path]]:
    """Yield (name in the wheel, path) of a distribution's files in `venv`; raise WheelImpossible."""
    if json.loads(distribution.read_text("direct_url.json") or "{}").get("dir_info", {}).get("editable"):
        raise _no_wheel(distribution, "it is installed from a folder (-e)")
    if distribution.files is None:
        raise _no_wheel(distribution, "it has no record of its files")
    commands = {each.name for each in distribution.entry_points if each.group in ("console_scripts", "gui_scripts")}
    data = next(
        (f"{each.parts[0].removesuffix('.dist-info')}.data" for each in distribution.files if _is_own(each)), ""
    )
    for each in distribution.files:
        path = Path(str(distribution.locate_file(each)))
        is_left = _is_own(each) and (each.name in _OF_INSTALLERS or each.name.startswith(_OF_UV))
        if is_left or each.suffix in (".pyc", ".pyo") or not path.is_file():
            continue
        # Compares names, because installers may create an environment's files as links.
        if not os.path.abspath(path).startswith(f"{venv}{os.sep}"):
            raise _no_wheel(distribution, f"{each} is outside the model's environment")
        if each.parts[0] != "..":
            yield each.as_posix(), path
            continue
        # Outside site-packages, relative to the environment: data, and commands, which pip creates again.
        rest = PurePosixPath(*(part for part in each.parts if part != ".."))
        if rest.parts[0] != "bin":
            yield f"{data}/data/{rest}", path
        elif rest.name not in commands:
            yield f"{data}/scripts/{rest.name}", path


def _is_own(path: PurePosixPath) -> bool:
    return len(path.parts) > 1 and path.parts[0].endswith(".dist-info")


def _tags(distribution: metadata.Distribution) -> str:
    """Return a wheel's tags for its file name: the values of each part joined with dots."""
    tags = _TAG.findall(distribution.read_text("WHEEL") or "")
    if not tags:
        raise _no_wheel(distribution, "it has no platform tags")
    return "-".join(".".join(sorted(set(values))) for values in zip(*tags, strict=True))


def _no_wheel(distribution: metadata.Distribution, reason: str) -> problems.Problem:
    return problems.WheelImpossible(distribution.name, reason)
