"""Downloads the notebook's weights before its cells run, and records what a service needs to provide them.

The service's own environment downloads them, because it includes the libraries for the sources. Until the build is
verified, the working copy has a link to each file. After that, in an image without weights, the folder becomes a single
link to the place where the service will provide them.
"""

import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from nb_scorer.common import paths, phrases
from nb_scorer.common.problem import Problem
from nb_service.weights import lock, provide, store
from nb_service.weights.fetch import amount
from nb_service.weights.lock import Entry, Lock
from nb_service.weights.store import Store

from nb_builder.analysis import weights_list
from nb_builder.common import digests
from nb_builder.common.log import Log
from nb_builder.common.settings import Settings
from nb_builder.common.workspace import Workspace
from nb_builder.preflight.checks import Checked
from nb_builder.problems.weights import WeightsChanged, WeightsLockOutdated

IMAGE = "image"
FILES_SHOWN = 3


def declared(checked: Checked) -> list[Entry]:
    """Return the entries of all notebooks, in the order in which they run; one that several share comes once."""
    return list(
        dict.fromkeys(entry for each in checked.notebooks for entry in weights_list.read(each.cells, each.name))
    )


@dataclass(frozen=True)
class Fetched:
    """The weights of a build: their lock, their store, and the states of its files."""

    lock: Lock
    store: Store
    states: Mapping[str, digests.State]
    stays: bool

    def leave(self, workspace: Workspace) -> None:
        """Write the lock, and create the links for the result; raise WeightsChanged if a cell modified a file."""
        changed = [digest for digest, state in self.states.items() if not _is_same(self.store.path(digest), state)]
        if changed:
            for digest in changed:
                self.store.remove(digest)
            names = [
                f"{entry.folder}/{file.name}"
                for entry in self.lock.entries
                for file in entry.files
                if file.sha256 in changed
            ]
            raise WeightsChanged(files=", ".join(names[:FILES_SHOWN]))
        for folder in (workspace.model, workspace.build):
            (folder / paths.WEIGHTS_LOCK).write_text(self.lock.text, encoding="utf-8")
        for number, entry in enumerate(self.lock.entries if not self.stays else ()):
            folder = workspace.src / entry.folder
            shutil.rmtree(folder)
            folder.symlink_to(self.lock.view / str(number))


@contextlib.contextmanager
def fetched(
    entries: list[Entry], workspace: Workspace, settings: Settings, environ: Mapping[str, str], log: Log
) -> Iterator[Fetched]:
    """Yield the weights, linked in the working copy; remove on exit what the result must not contain.

    Raises WeightsLockOutdated, and the problems of the service's `weights`.
    """
    in_result = workspace.root / paths.WEIGHTS
    stays = settings.weights == IMAGE
    removed = settings.in_image and settings.weights_cache is None and not stays
    if stays or removed:
        root = in_result
    else:
        root = provide.cache_folder(str(settings.weights_cache or ""), workspace.root.absolute(), environ)
        provide.own_cache(root)
    if not stays:
        shutil.rmtree(in_result, ignore_errors=True)
    try:
        blobs = Store(root)
        locked = _fetch(entries, _pinned(entries, workspace), blobs, settings, environ, log)
        if stays:
            _keep_only(locked, blobs)
        for entry in locked.entries:
            _lay(entry, workspace, blobs, log)
        states = {file.sha256: digests.state(blobs.path(file.sha256)) for file in locked.files}
        sizes = [file.size for file in locked.files]
        log.detail(f"{phrases.counted(len(sizes), 'file')}, {amount(sum(sizes))}")
        yield Fetched(locked, blobs, states, stays)
    finally:
        if removed:
            shutil.rmtree(in_result, ignore_errors=True)


def _fetch(
    entries: list[Entry],
    pinned: Lock | None,
    blobs: Store,
    settings: Settings,
    environ: Mapping[str, str],
    log: Log,
) -> Lock:
    order = {
        "entries": [entry._asdict() for entry in entries],
        "pinned": pinned.text if pinned else "",
        "store": str(blobs.root.absolute()),
        "max_bytes": settings.weights_max,
    }
    command: list[str | Path] = [
        settings.home / "service" / "bin" / "python",
        "-I",
        "-m",
        "nb_service",
        "weights",
        "build",
    ]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(environ),
        encoding="utf-8",
        errors="replace",
    ) as process:
        try:
            # The pipes exist, because they were requested.
            assert process.stdin
            assert process.stdout
            assert process.stderr
            with process.stdin as stdin, contextlib.suppress(BrokenPipeError):
                json.dump(order, stdin)
            for line in process.stdout:
                facts = json.loads(line)
                if "say" in facts:
                    log.detail(facts["say"])
                elif "problem" in facts:
                    raise Problem.from_json(facts["problem"])
                else:
                    return lock.of_text(facts["done"]["lock"])
            errors = process.stderr.read()
        finally:
            process.kill()
    raise RuntimeError(f"nb_service weights exited with {process.returncode}:\n{errors}")


def _pinned(entries: list[Entry], workspace: Workspace) -> Lock | None:
    """Return the lock of the repository, if any; raise WeightsLockOutdated if it has other entries."""
    path = workspace.src / paths.WEIGHTS_LOCK
    if not path.is_file():
        return None
    try:
        pinned = lock.of_text(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise WeightsLockOutdated(reason=str(error)) from error
    if [(each.source, each.folder, each.patterns) for each in pinned.entries] != [each[:3] for each in entries]:
        raise WeightsLockOutdated(reason="it has other sources, folders or patterns than the notebook")
    return pinned


def _lay(entry: Entry, workspace: Workspace, blobs: Store, log: Log) -> None:
    """Link the files of an entry into the working copy, replacing those of the repository."""
    folder = workspace.src / entry.folder
    if folder.is_dir() and any(folder.iterdir()):
        log.note(f"{entry.folder} of the repository is replaced by the files of {entry.source}")
        shutil.rmtree(folder)
    targets = {}
    for file in entry.files:
        target = blobs.path(file.sha256).absolute()
        if blobs.root.absolute().is_relative_to(workspace.root.absolute()):
            # The folder is part of APP_ROOT, which may be moved.
            target = Path(os.path.relpath(target, (folder / file.name).absolute().parent))
        targets[file.name] = target
    store.lay(folder, targets)


def _keep_only(locked: Lock, blobs: Store) -> None:
    """Remove files that the result doesn't need, for example those of an earlier build."""
    needed = {blobs.path(file.sha256) for file in locked.files}
    for path in blobs.root.rglob("*"):
        if path not in needed and not path.is_dir():
            path.unlink()
    shutil.rmtree(blobs.root / "parts", ignore_errors=True)


def _is_same(path: Path, state: digests.State) -> bool:
    try:
        return digests.state(path) == state
    except OSError:
        return False
