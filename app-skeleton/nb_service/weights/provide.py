"""Provides a model's weights at the paths that its predictor uses: mounted, in the image, or fetched; verified."""

import os
import stat
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from nb_scorer.common import paths, phrases

from nb_service import problems
from nb_service.settings import Settings
from nb_service.weights import fetch, store
from nb_service.weights.fetch import Progress, amount
from nb_service.weights.lock import Entry, Lock
from nb_service.weights.store import Store

# The folders where KServe and SageMaker mount models.
PLATFORM_MOUNTS = ("/mnt/models", "/opt/ml/model")
# The name in the user's cache folder.
CACHE = "nb-builder/weights"
DIFFERING_SHOWN = 3
Say = Callable[[str], object]


class Place(NamedTuple):
    """A folder that a platform may have filled, and the setting that names it; "" for a conventional folder."""

    folder: Path
    setting: str = ""


def cache_folder(setting: str, app_root: Path, environ: Mapping[str, str]) -> Path:
    """Return the folder for fetched files: the configured one, or one in this user's cache outside APP_ROOT."""
    if setting:
        return Path(setting)
    home = environ.get("XDG_CACHE_HOME") or os.path.join(environ.get("HOME") or "/", ".cache")
    folder = Path(home) / CACHE
    # In an image, HOME contains a copy of the repository.
    if not Path(home).is_absolute() or folder.is_relative_to(app_root) or not _may_make(folder):
        return _temporary_cache()
    return folder


def own_cache(folder: Path) -> None:
    """Create the cache in the temporary folder; raise WeightsDisk if another user has created it."""
    if folder == _temporary_cache():
        own_folder(folder)


def _temporary_cache() -> Path:
    return Path(tempfile.gettempdir()) / f"nb-weights-cache-{os.geteuid()}"


def _may_make(folder: Path) -> bool:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return os.access(folder, os.W_OK | os.X_OK)


def provide(lock: Lock, settings: Settings, environ: Mapping[str, str], progress: Progress, say: Say) -> None:
    """Provide the weights of the model under APP_ROOT; raise the problem that prevents it."""
    app_root = Path(settings.app_root).absolute()
    src = app_root / paths.SRC
    alone = len(lock.entries) == 1
    mounted: dict[int, Path] = {}
    to_fetch: dict[int, Entry] = {}
    for number, entry in enumerate(lock.entries):
        folder = src / entry.folder
        if not folder.is_symlink():
            _require_same(entry, folder, "the image", progress)
            say(f"Weights for {entry.folder}: {_counted(entry)} in the image, as in weights.lock.")
        elif place := _mounted(entry, settings, alone=alone):
            _require_same(entry, place, str(place), progress)
            say(f"Weights for {entry.folder}: {_counted(entry)} in {place}, as in weights.lock.")
            mounted[number] = place
        else:
            to_fetch[number] = _from_vertex(entry, settings, alone=alone)
    blobs = Store(cache_folder(settings.weights_cache, app_root, environ))
    if to_fetch:
        own_cache(blobs.root)
        _fetch(list(to_fetch.values()), blobs, settings.weights_timeout, progress, say)
    for number, entry in enumerate(lock.entries):
        if number in mounted:
            targets = {file.name: (mounted[number] / file.name).absolute() for file in entry.files}
        elif number in to_fetch:
            targets = {file.name: blobs.path(file.sha256).absolute() for file in entry.files}
        else:
            continue
        view = own_folder(lock.view) / str(number)
        try:
            store.lay(view, targets)
        except OSError as error:
            raise problems.WeightsDisk(view, error.strerror or str(error)) from error


def own_folder(path: Path) -> Path:
    """Create a folder that only this user can write to; raise WeightsDisk if the path exists as something else."""
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        status = path.lstat()
    except OSError as error:
        raise problems.WeightsDisk(path, error.strerror or str(error)) from error
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
        raise problems.WeightsDisk(path, "it is not a folder that belongs to this user alone")
    return path


def _counted(entry: Entry) -> str:
    return f"{phrases.counted(len(entry.files), 'file')} ({amount(entry.size)})"


def _mounted(entry: Entry, settings: Settings, *, alone: bool) -> Path | None:
    """Return the mounted folder with the files of an entry; None if no platform has mounted one.

    Raises WeightsDiffer if a folder named by a setting has none of the files, because the setting is deliberate.
    """
    for place in places(settings):
        candidates = [place.folder / entry.folder, place.folder / Path(entry.folder).name]
        candidates += [place.folder] if alone else []
        for folder in candidates:
            if any((folder / file.name).is_file() for file in entry.files):
                return folder
        if place.setting:
            raise problems.WeightsNotThere(place.setting, place.folder, entry.folder, entry.files[0].name)
    return None


def places(settings: Settings) -> list[Place]:
    """Return the folders that a platform may have filled, the most explicit first."""
    named = [
        ("S2I_WEIGHTS_DIR", settings.weights_dir),
        ("HF_MODEL_DIR", settings.hf_model_dir),
        ("AIP_STORAGE_URI", "" if "://" in settings.aip_storage_uri else settings.aip_storage_uri),
    ]
    chosen = [Place(Path(folder), name) for name, folder in named if folder]
    return [*chosen, *(Place(Path(folder)) for folder in PLATFORM_MOUNTS)]


def _fetch(entries: Sequence[Entry], blobs: Store, seconds: float, progress: Progress, say: Say) -> None:
    """Fetch the files of the entries into the cache, verifying them against the lock."""
    wanted = {file.sha256: file for entry in entries for file in entry.files}
    cached = fetch.remove_changed(Lock(tuple(entries)), blobs, progress, say)
    missing = [file for digest, file in wanted.items() if digest not in cached]
    if missing:
        size = amount(sum(file.size for file in missing))
        named = ", ".join(entry.source for entry in entries)
        count = f"{len(missing)} of {phrases.counted(len(wanted), 'file')}, {size}"
        say(f"Weights: fetching {count}, from {named} into {blobs.root}.")
        most = sum(file.size for file in wanted.values())
        fetch.fetch(Lock(tuple(entries)), blobs, progress, seconds=seconds, max_bytes=most, locked=True)
    for entry in entries:
        say(f"Weights for {entry.folder}: {_counted(entry)} in {blobs.root}, as in weights.lock.")


def _from_vertex(entry: Entry, settings: Settings, *, alone: bool) -> Entry:
    """Return an entry with the address of the bucket to which Vertex AI has copied its files, if it has one."""
    uri = settings.aip_storage_uri.rstrip("/")
    if "://" not in uri:
        return entry
    return entry._replace(source=uri if alone else f"{uri}/{entry.folder}", revision="", patterns=())


def _require_same(entry: Entry, folder: Path, where: str, progress: Progress) -> None:
    files = {file.name: (str(folder / file.name), file) for file in entry.files}
    others = list(fetch.differing(files, progress))
    if others:
        more = f" and {len(others) - DIFFERING_SHOWN} more" if len(others) > DIFFERING_SHOWN else ""
        names = ", ".join(f"{entry.folder}/{name}" for name in others[:DIFFERING_SHOWN])
        raise problems.WeightsDiffer(names + more, where, "another content than")
