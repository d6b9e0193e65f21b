"""Finds the cause of a cell's failure if it lies outside the cell: a file, the network, an environment variable."""

import os
import re
from collections.abc import Iterable
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import TypedDict

import pathspec

from nb_builder.analysis import downloads
from nb_builder.problems.build_problem import CellProblem, Place
from nb_builder.problems.surroundings import (
    FileIgnored,
    FileMissing,
    LanguageDataMissing,
    NetworkUnreachable,
    PathOfAnotherMachine,
    VariableUnset,
)
from nb_builder.repository import file_writers, source_tree

# Messages of Python, pandas, numpy, h5py, keras, arrow, polars and fsspec, the most specific first.
_NO_FILE = (
    re.compile(r"No such file or directory: b?(?P<quote>['\"])(?P<path>.+?)(?P=quote)(?![\w'\"])"),
    re.compile(r"unable to open file: name = '(?P<path>[^']+)'.*No such file"),
    re.compile(r"Failed to open local file '(?P<path>[^']+)'.*No such file"),
    re.compile(r"File b(?P<quote>')(?P<path>[^']+)' does not exist"),
    re.compile(r"[Ff]ile (?:b')?(?P<path>\S+?)'? does not exist"),
    re.compile(r"File not found: filepath=(?P<path>\S+?)\.? "),
    re.compile(r"No file or directory found at (?P<path>\S+)"),
    re.compile(r"No such file or directory \(os error 2\): (?P<path>\S+)"),
)
# Only for a FileNotFoundError, whose message may be just the path.
_ONLY_PATH = re.compile(r"^(?P<path>[^\s:'\"]+?)(?: not found\.?)?$")

_UNREACHED = re.compile(
    r"Name or service not known|Temporary failure in name resolution|getaddrinfo failed|Failed to resolve|"
    r"Network is unreachable|No route to host|Tunnel connection failed|couldn't connect to ['\"]?https?:|"
    r"Max retries exceeded|ConnectTimeout|timed out.*connect|Could not connect to the endpoint|"
    r"<urlopen error (?:\[Errno 111\]|timed out|Tunnel)|\[Errno 111\] Connection refused"
)
_CHAINED = re.compile(
    r"^During handling of the above exception, another exception occurred:$|"
    r"^The above exception was the direct cause of the following exception:$",
    re.MULTILINE,
)
_HOST = re.compile(r"host='(?P<host>[^']+)'|https?://(?:[^/\s'\"@]*@)?(?P<url>[^/\s'\"):]+(?::\d+)?)")
# A KeyError of os.environ[…] in tracebacks of Python and of each IPython version, and python-decouple's message.
_ENVIRON = re.compile(r"(?:<frozen os>|[/\\]os\.py)\"?(?::\d+|, line \d+)?,? in (?:_Environ\.)?__getitem__")
_DECLARED = re.compile(r"^(\w+) not found\. Declare it as envvar")

# For separately downloaded data: the message of spaCy or nltk, the kind of data, and the command to download it.
_DATA = (
    (re.compile(r"\[E050\] Can't find model '(?P<name>[\w.-]+)'"), "spaCy's model", "!python -m spacy download {}"),
    (re.compile(r"Resource (?P<name>[\w.-]+) not found\.\s[^>]*NLTK"), "nltk's resource", "nltk.download('{}')"),
)
_POINTER = b"version https://git-lfs.github.com/spec/v1\n"
# Cells create files in these folders, so a missing path below them isn't a path of another machine.
_TEMPORARY = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 - only compared with, nothing is created there


class _Rule(TypedDict):
    rules: Path
    number: int
    pattern: str


def problem(name: str, message: str, repository: Path, location: Place) -> CellProblem | None:
    """Return the problem behind a cell's error, or None if the cause is the cell's own code.

    `name` and `message` are the error's class and text; `location` contains the cell's facts for the problem.
    """
    traceback = location["traceback"]
    if unset := _unset_variable(name, message, traceback):
        return VariableUnset(**location, name=unset)
    for pattern, kind, command in _DATA:
        if data := pattern.search(message):
            data_name = f"{kind} {data['name']}"
            return LanguageDataMissing(**location, thing=data_name, command=command.format(data["name"]))
    if network_error := _unreached(message, traceback):
        if network_error != message:
            location = {**location, "error": f"{network_error} (and then {location['error']})"}
        cell = location["cell"]
        hosts = [each.host for each in downloads.find([cell])]
        address = _address(network_error) or _address(cell.source) or next(iter(hosts), "something outside")
        return NetworkUnreachable(**location, address=address)
    # A program that could not be started is not an input of the cell.
    path = None if "_execute_child" in traceback else _missing_path(name, message)
    return _of_file(path, repository, (repository / location["notebook"]).parent, location) if path else None


def pointers(repository: Path) -> list[str]:
    """Return the files of the repository, relative to it, that are Git LFS pointers instead of content."""
    return [str(path) for path in source_tree.files(repository) if is_pointer(repository / path)]


def is_pointer(path: Path) -> bool:
    """Return whether a file is a Git LFS pointer, which a clone without Git LFS contains instead of the content."""
    try:
        with path.open("rb") as file:
            return file.read(len(_POINTER)) == _POINTER
    except OSError:
        return False


def _unset_variable(name: str, message: str, traceback: str) -> str | None:
    if name == "KeyError" and _ENVIRON.search(traceback):
        return message.strip().strip("'\"")
    declared = _DECLARED.search(message)
    return declared[1] if declared else None


def _unreached(message: str, traceback: str) -> str | None:
    """Return the message that shows that the network could not be reached, from the error or its cause; else None."""
    if _UNREACHED.search(message):
        return message
    # Each part of a chained traceback ends with its own error.
    causes = [part.strip().splitlines()[-1] for part in _CHAINED.split(traceback)[:-1] if part.strip()]
    return causes[-1] if causes and _UNREACHED.search(causes[-1]) else None


def _address(text: str) -> str | None:
    match = _HOST.search(text)
    return match["host"] or match["url"] if match else None


def _missing_path(name: str, message: str) -> str | None:
    patterns = [*_NO_FILE, _ONLY_PATH] if name == "FileNotFoundError" else _NO_FILE
    match = next(filter(None, (pattern.search(message) for pattern in patterns)), None)
    if not match or not ("quote" in match.groupdict() or re.search(r"[./\\]", match["path"])):
        return None
    # Python quotes the path as a string literal, in which each backslash is doubled.
    return match["path"].replace("\\\\", "\\")


def _of_file(
    path: str, repository: Path, folder: Path, location: Place
) -> FileMissing | FileIgnored | PathOfAnotherMachine:
    """Return the problem of a file missing at `path`, with advice that depends on the repository's files."""
    pure, foreign = _parsed(path, repository)
    matches = _same_name(pure, repository, folder)
    # With several files of that name, any suggestion would be a guess.
    suggestion = os.path.relpath(repository / matches[0], folder) if len(matches) == 1 else None
    advice = f"Write '{suggestion}', which is in the repository" if suggestion else None
    if foreign:
        advice = (
            advice or f"Use a path relative to the notebook's folder ('{pure.name}'), and commit the file if it is read"
        )
        return PathOfAnotherMachine(**location, path=path, instead=advice)
    target = os.path.relpath(os.path.normpath(folder / pure), repository)
    advice = advice or _writers(Path(location["notebook"]), Path(target), repository)
    if not advice and (ignored := _ignored(target, repository)):
        return FileIgnored(**location, path=path, **ignored)
    return FileMissing(**location, path=path, instead=advice or _advice(pure, folder))


def _writers(notebook: Path, target: Path, repository: Path) -> str | None:
    """Return the advice to build the notebooks that write `target` before this one, or None if none writes it."""
    order = file_writers.before(notebook, target, repository)
    if not order:
        return None
    names = ", ".join(str(path) for path in (*order, notebook))
    return (
        f"{order[-1]} writes it: commit the file, or write S2I_SOURCE_NOTEBOOK_LIST={names} into .s2i/environment, "
        "which runs them in this order"
    )


def _advice(pure: PurePath, folder: Path) -> str:
    if (folder / pure).parent.is_dir():
        return "Commit the file, or create or download it in an earlier cell"
    first = f"create the folder '{pure.parent}' first, because git keeps no empty folders"
    return f"Commit the file. If the cell writes it, {first}"


def _parsed(path: str, repository: Path) -> tuple[PurePath, bool]:
    """Return the parsed path, and whether it can exist only on another machine."""
    windows = PureWindowsPath(path)
    if windows.drive:
        return windows, True
    if "\\" in path:
        return PurePosixPath(windows.as_posix()), False
    pure = PurePosixPath(path)
    local_roots = (*_TEMPORARY, str(repository))
    foreign = pure.is_absolute() and not any(pure.is_relative_to(root) for root in local_roots)
    return pure, foreign or path.startswith("~")


def _same_name(pure: PurePath, repository: Path, folder: Path) -> list[Path]:
    """Return the repository's files of that name that match the path best; several if they match equally."""
    candidates = [path for path in source_tree.files(repository) if path.name.lower() == pure.name.lower()]
    longest = max((_similarity(path, pure, repository, folder) for path in candidates), default=0)
    return [path for path in candidates if _similarity(path, pure, repository, folder) == longest]


def _similarity(path: Path, pure: PurePath, repository: Path, folder: Path) -> tuple[int, bool, bool]:
    """Return how well a file matches a path: equal trailing parts, equal case, and being next to the notebook."""
    pairs = list(zip(reversed(path.parts), reversed(pure.parts), strict=False))
    length = next((at for at, (one, other) in enumerate(pairs) if one.lower() != other.lower()), len(pairs))
    return length, path.name == pure.name, (repository / path).parent == folder


def _ignored(target: str, repository: Path) -> _Rule | None:
    """Return the .gitignore rule that ignores `target`, as facts of FileIgnored, or None."""
    if target.startswith(os.pardir):
        return None
    for folder in Path(target).parents:
        gitignore = repository / folder / ".gitignore"
        if not gitignore.is_file():
            continue
        lines = gitignore.read_text("utf-8", "replace").splitlines()
        name = os.path.relpath(target, folder)
        # The path may be a folder, which rules that end in a slash match.
        results = map(pathspec.GitIgnoreSpec.from_lines(lines).check_file, (name, name + "/"))
        result = next((candidate for candidate in results if candidate.include is not None), None)
        if result is not None and result.index is not None:
            facts: _Rule = {"rules": folder / ".gitignore", "number": result.index + 1, "pattern": lines[result.index]}
            return facts if result.include else None
    return None


def named_in(sources: Iterable[str], paths: Iterable[str]) -> list[str]:
    """Return the `paths` whose file name occurs in one of the cells' `sources`."""
    text = "\n".join(sources)
    return [path for path in paths if Path(path).name in text]
