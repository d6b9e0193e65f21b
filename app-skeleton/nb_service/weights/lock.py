"""weights.lock: the source of each folder of weights, and the size and SHA-256 of every file in it."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from nb_scorer.common import paths
from nb_scorer.model import verified_file

from nb_service import problems
from nb_service.model_folder import ModelFolder

FORMAT = 1
MAX_FILES = 10_000
# In bytes: the file systems' limit for a name, and a limit for a path that leaves room for its folder.
MAX_PART, MAX_NAME = 255, 1024
# The folder for the targets of links in an image without weights: only /tmp is writable for every user, even with a
# read-only root.
VIEWS = "/tmp"  # noqa: S108 - a folder of its own in it, which must belong to this user
_DIGEST = re.compile("[0-9a-f]{64}")


class LockedFile(NamedTuple):
    """A file by its name below the folder of its entry, with its size in bytes and its SHA-256."""

    name: str
    size: int
    sha256: str


class Entry(NamedTuple):
    """A source, the folder for its files relative to the repository, and the files themselves.

    `revision` is the fixed version of a source that can change, such as a commit; "" if there is none.
    """

    source: str
    folder: str
    patterns: tuple[str, ...] = ()
    revision: str = ""
    files: tuple[LockedFile, ...] = ()

    @property
    def size(self) -> int:
        """Return the total size of all files in bytes."""
        return sum(file.size for file in self.files)


class Lock(NamedTuple):
    """The entries of a lock, in the notebook's order."""

    entries: tuple[Entry, ...]

    @property
    def files(self) -> Iterator[LockedFile]:
        """Yield the files of all entries."""
        return (file for entry in self.entries for file in entry.files)

    @property
    def text(self) -> str:
        """Return the lock as text; equal locks have equal bytes."""
        entries = [{**entry._asdict(), "files": [file._asdict() for file in entry.files]} for entry in self.entries]
        return json.dumps({"format": FORMAT, "weights": entries}, indent=1, sort_keys=True) + "\n"

    @property
    def view(self) -> Path:
        """Return the folder that the links of an image without weights point to."""
        return Path(VIEWS) / f"nb-weights-{hashlib.sha256(self.text.encode()).hexdigest()[:16]}"


def is_inside(name: str) -> bool:
    """Return whether a path stays inside its folder on every operating system."""
    try:
        data = name.encode()
    except UnicodeEncodeError:
        return False
    parts = data.split(b"/")
    is_odd = any(part in (b"", b".", b"..") or len(part) > MAX_PART for part in parts)
    return not is_odd and len(data) < MAX_NAME and not any(byte < 32 or byte == ord("\\") for byte in data)


def shared_place(names: Iterable[str]) -> str:
    """Return the first name, in sorted order, that occurs twice or is also another name's folder; "" if none does."""
    counts = Counter(names)
    folders = {str(folder) for name in counts for folder in PurePosixPath(name).parents}
    return next((name for name in sorted(counts) if counts[name] > 1 or name in folders), "")


def is_digest(text: str) -> bool:
    """Return whether a text is the lower-case hexadecimal form of a SHA-256."""
    return _DIGEST.fullmatch(text) is not None


def of_text(text: str) -> Lock:
    """Return the lock in `text`; raise ValueError with the reason if it is invalid."""
    content = json.loads(text)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError(f"it is not a lock of format {FORMAT}")
    listed = content.get("weights")
    if not isinstance(listed, list):
        raise ValueError("it has no list 'weights'")  # noqa: TRY004 - of a file's content
    lock = Lock(tuple(_entry(each) for each in listed))
    if sum(1 for _ in lock.files) > MAX_FILES:
        raise ValueError(f"it has more than {MAX_FILES} files")
    return lock


def _entry(content: Any) -> Entry:
    try:
        files = tuple(LockedFile(**file) for file in content["files"])
        entry = Entry(**{**content, "patterns": tuple(content["patterns"]), "files": files})
    except (TypeError, KeyError) as error:
        raise ValueError("an entry has missing or unknown fields") from error
    texts = (entry.source, entry.folder, entry.revision, *entry.patterns)
    if not all(isinstance(each, str) for each in texts) or not is_inside(entry.folder):
        raise ValueError(f"{entry.folder!r} is not a folder of the repository")
    for file in files:
        valid = isinstance(file.name, str) and isinstance(file.sha256, str) and type(file.size) is int
        if not valid or not is_inside(file.name) or not is_digest(file.sha256) or file.size < 0:
            raise ValueError(f"{file.name!r} is not a file with its size and digest")
    if place := shared_place(file.name for file in files):
        raise ValueError(f"it has several files at {place!r}")
    return entry


def require_none(model: ModelFolder, form: str) -> None:
    """Raise WeightsLeftOut if the model has weights; `form` is the export format, which can't contain them."""
    lock = of_model(model)
    if lock is not None:
        raise problems.WeightsLeftOut(", ".join(entry.folder for entry in lock.entries), form)


def of_model(model: ModelFolder) -> Lock | None:
    """Return the lock of a model, None for one without weights; raise ModelDamaged or ModelNotAsSigned."""
    path = model.folder / paths.WEIGHTS_LOCK
    try:
        if model.digests is not None and path.exists():
            content = verified_file.content(path, model.digests.get(path.name))
        else:
            content = path.read_bytes()
        return of_text(content.decode())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise problems.unreadable(path, error) from error
    except (ValueError, RecursionError) as error:
        raise problems.not_as_written(path, str(error)) from error
