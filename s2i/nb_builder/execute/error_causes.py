"""Why a cell failed, where its error tells of something outside of it: a file, the network, the environment."""

import os
import re
from collections.abc import Iterable
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import TypedDict

import pathspec

from nb_builder.problems.base import CellProblem, Place
from nb_builder.problems.surroundings import (
    FileIgnored,
    FileMissing,
    LanguageDataMissing,
    NetworkUnreachable,
    PathOfAnotherMachine,
    VariableUnset,
)
from nb_builder.repository import source_tree

# As Python, pandas, numpy, h5py, keras, arrow, polars and fsspec say it, the most telling first.
_NO_FILE = (
    re.compile(r"No such file or directory: b?(?P<quote>['\"])(?P<path>.+?)(?P=quote)(?![\w'\"])"),
    re.compile(r"unable to open file: name = '(?P<path>[^']+)'.*No such file"),
    re.compile(r"Failed to open local file '(?P<path>[^']+)'.*No such file"),
    re.compile(r"[Ff]ile (?:b')?(?P<path>\S+?)'? does not exist"),
    re.compile(r"File not found: filepath=(?P<path>\S+?)\.? "),
    re.compile(r"No file or directory found at (?P<path>\S+)"),
    re.compile(r"No such file or directory \(os error 2\): (?P<path>\S+)"),
)
# Where the error is a FileNotFoundError, and its words may be no more than the path.
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
# os.environ[…] without the variable, in the words of Python and of each IPython; and python-decouple's.
_ENVIRON = re.compile(r"(?:<frozen os>|[/\\]os\.py)\"?(?::\d+|, line \d+)?,? in (?:_Environ\.)?__getitem__")
_DECLARED = re.compile(r"^(\w+) not found\. Declare it as envvar")

# What spaCy and nltk say of data that are downloaded apart from them, what they call it, and how it is got.
_DATA = (
    (re.compile(r"\[E050\] Can't find model '(?P<name>[\w.-]+)'"), "spaCy's model", "!python -m spacy download {}"),
    (re.compile(r"Resource (?P<name>[\w.-]+) not found\.\s[^>]*NLTK"), "nltk's resource", "nltk.download('{}')"),
)
_POINTER = b"version https://git-lfs.github.com/spec/v1\n"
# Where cells make files: what is not there is no path of another machine.
_TEMPORARY = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 - looked at, nothing is made there


class _Rule(TypedDict):
    rules: Path
    number: int
    pattern: str


def problem(name: str, words: str, repository: Path, place: Place) -> CellProblem | None:
    """Return the problem behind an error of `cell`, or None for one that is the cell's own.

    `name` and `words` are the error's class and text; `place` is what a problem of a cell needs.
    """
    traceback = place["traceback"]
    if unset := _unset(name, words, traceback):
        return VariableUnset(**place, name=unset)
    for form, kind, command in _DATA:
        if data := form.search(words):
            thing = f"{kind} {data['name']}"
            return LanguageDataMissing(**place, thing=thing, command=command.format(data["name"]))
    if unreached := _unreached(words, traceback):
        if unreached != words:
            place = {**place, "error": f"{unreached} (and then {place['error']})"}
        address = _address(unreached) or _address(place["cell"].source) or "something outside"
        return NetworkUnreachable(**place, address=address)
    # A program that is to be started is no file that the cell reads.
    path = None if "_execute_child" in traceback else _missing_path(name, words)
    return _of_file(path, repository, (repository / place["notebook"]).parent, place) if path else None


def pointers(repository: Path) -> list[str]:
    """Return the files of the repository, relative to it, that are pointers of Git LFS instead of content."""
    return [str(path) for path in source_tree.files(repository) if is_pointer(repository / path)]


def is_pointer(path: Path) -> bool:
    """Return whether a file is what a clone without Git LFS has in another's place."""
    try:
        with path.open("rb") as file:
            return file.read(len(_POINTER)) == _POINTER
    except OSError:
        return False


def _unset(name: str, words: str, traceback: str) -> str | None:
    if name == "KeyError" and _ENVIRON.search(traceback):
        return words.strip().strip("'\"")
    declared = _DECLARED.search(words)
    return declared[1] if declared else None


def _unreached(words: str, traceback: str) -> str | None:
    """Return the words that tell of a network that is not there: of an error, or of the one that it came from."""
    if _UNREACHED.search(words):
        return words
    # Its last line is the error, in the form that Python writes at the end of a traceback.
    before = [part.strip().splitlines()[-1] for part in _CHAINED.split(traceback)[:-1] if part.strip()]
    return before[-1] if before and _UNREACHED.search(before[-1]) else None


def _address(text: str) -> str | None:
    found = _HOST.search(text)
    return found["host"] or found["url"] if found else None


def _missing_path(name: str, words: str) -> str | None:
    forms = [*_NO_FILE, _ONLY_PATH] if name == "FileNotFoundError" else _NO_FILE
    found = next((match for form in forms if (match := form.search(words))), None)
    if not found or not ("quote" in found.groupdict() or re.search(r"[./\\]", found["path"])):
        return None
    # Python shows a path as it would be written in code.
    return found["path"].replace("\\\\", "\\")


def _of_file(
    path: str, repository: Path, folder: Path, place: Place
) -> FileMissing | FileIgnored | PathOfAnotherMachine:
    """Return the problem of a file that is not at `path`, by what the repository has."""
    pure, foreign = _parsed(path, repository)
    there = _same_name(pure, repository, folder)
    # Of several that are called so, none can be named for sure.
    right = os.path.relpath(repository / there[0], folder) if len(there) == 1 else None
    instead = f"Write '{right}', which is in the repository" if right else None
    if foreign:
        instead = (
            instead or f"Write a path from the notebook's folder ('{pure.name}'), and commit the file if it is read"
        )
        return PathOfAnotherMachine(**place, path=path, instead=instead)
    target = os.path.relpath(os.path.normpath(folder / pure), repository)
    if not instead and (ignored := _ignored(target, repository)):
        return FileIgnored(**place, path=path, **ignored)
    return FileMissing(**place, path=path, instead=instead or _advice(pure, folder))


def _advice(pure: PurePath, folder: Path) -> str:
    if (folder / pure).parent.is_dir():
        return "Commit the file, or have a cell make or download it before"
    return f"Commit the file; if it is to be written, make its folder '{pure.parent}' first, for git keeps no empty one"


def _parsed(path: str, repository: Path) -> tuple[PurePath, bool]:
    """Return a path in its parts, and whether it can only be meant for another machine."""
    windows = PureWindowsPath(path)
    if windows.drive:
        return windows, True
    if "\\" in path:
        return PurePosixPath(windows.as_posix()), False
    pure = PurePosixPath(path)
    ours = (*_TEMPORARY, str(repository))
    foreign = pure.is_absolute() and not any(pure.is_relative_to(place) for place in ours)
    return pure, foreign or path.startswith("~")


def _same_name(pure: PurePath, repository: Path, folder: Path) -> list[Path]:
    """Return the repository's files of that name; the one that fits the path best alone, if one does."""
    named = [path for path in source_tree.files(repository) if path.name.lower() == pure.name.lower()]
    longest = max((_alike(path, pure, repository, folder) for path in named), default=0)
    return [path for path in named if _alike(path, pure, repository, folder) == longest]


def _alike(path: Path, pure: PurePath, repository: Path, folder: Path) -> tuple[int, bool, bool]:
    """Return how well a file fits a path: by parts from the end, by its capitals, by lying beside the notebook."""
    pairs = list(zip(reversed(path.parts), reversed(pure.parts), strict=False))
    length = next((at for at, (one, other) in enumerate(pairs) if one.lower() != other.lower()), len(pairs))
    return length, path.name == pure.name, (repository / path).parent == folder


def _ignored(target: str, repository: Path) -> _Rule | None:
    """Return which rule of a .gitignore leaves a path out, as facts of FileIgnored; None for none."""
    if target.startswith(os.pardir):
        return None
    for holder in Path(target).parents:
        rules = repository / holder / ".gitignore"
        if not rules.is_file():
            continue
        lines = rules.read_text("utf-8", "replace").splitlines()
        name = os.path.relpath(target, holder)
        # It may be a folder, for which there are rules of their own.
        results = map(pathspec.GitIgnoreSpec.from_lines(lines).check_file, (name, name + "/"))
        result = next((each for each in results if each.include is not None), None)
        if result is not None and result.index is not None:
            facts: _Rule = {"rules": holder / ".gitignore", "number": result.index + 1, "pattern": lines[result.index]}
            return facts if result.include else None
    return None


def named_in(sources: Iterable[str], paths: Iterable[str]) -> list[str]:
    """Return those of `paths` whose last part stands in one of the cells' `sources`."""
    text = "\n".join(sources)
    return [path for path in paths if Path(path).name in text]
