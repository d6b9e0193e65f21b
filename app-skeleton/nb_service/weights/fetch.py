"""Fetches files of weights into a store: several at a time, continuing earlier attempts, and verifies them."""

import errno
import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import NamedTuple

from nb_scorer.common.digests import sha256_of

from nb_service import problems
from nb_service.weights import sources
from nb_service.weights.lock import MAX_FILES, Entry, Lock, LockedFile, is_digest, is_inside, shared_place
from nb_service.weights.sources import Remote, Restarted, Source
from nb_service.weights.store import Part, Store

AT_ONCE = 4
# Attempts per file before its source counts as failed; the data received are kept between attempts.
ATTEMPTS = 3
PAUSE_SECONDS = 1.0
PROGRESS_SECONDS = 10.0
# Errors for which a retry is pointless.
_OF_DISK = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES))
_FINAL = _OF_DISK | {errno.EFBIG}


class Wanted(NamedTuple):
    """A file to fetch: its entry and source, its listing there, and its row in the lock, None without a lock."""

    entry: Entry
    source: Source
    remote: Remote
    locked: LockedFile | None


class Progress:
    """Counts the bytes of all threads, and reports them with `say`; `stalled` is the seconds since the last byte."""

    def __init__(self, say: Callable[[str], object]) -> None:
        self._say = say
        self._lock = threading.Lock()
        self._last = self._said = time.monotonic()
        self._bytes = 0
        self.expected = 0
        self.doing = "fetched"

    def add(self, size: int) -> None:
        """Count `size` bytes, and report progress every PROGRESS_SECONDS."""
        with self._lock:
            self._bytes += size
            self._last = now = time.monotonic()
            if now - self._said < PROGRESS_SECONDS:
                return
            self._said = now
            text = f"Weights: {amount(self._bytes)} of {amount(max(self._bytes, self.expected))} {self.doing}."
        self._say(text)

    def beat(self) -> None:
        """Record activity without any bytes."""
        self.add(0)

    def begin(self, doing: str, expected: int) -> None:
        """Restart the count from zero; `doing` is the verb for reports, such as "fetched"."""
        with self._lock:
            self._bytes, self.expected, self.doing = 0, expected, doing
            self._last = time.monotonic()

    @property
    def stalled(self) -> float:
        """Return the seconds since the last byte."""
        with self._lock:
            return time.monotonic() - self._last


def amount(size: int) -> str:
    """Return a number of bytes in readable units."""
    for unit, name in ((1_000_000_000, "GB"), (1_000_000, "MB"), (1000, "kB")):
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{size} bytes"


def fetch(lock: Lock, store: Store, progress: Progress, *, seconds: float, max_bytes: int, locked: bool) -> Lock:
    """Fetch all files of the entries into the store; return the lock with them.

    If `locked`, fetch exactly the files in the lock, which must match it; otherwise fetch all files that the sources
    list now. Raises WeightsUnavailable, WeightsDiffer, WeightsTooLarge or WeightsDisk.
    """
    wanted: list[Wanted] = []
    entries = []
    for entry in lock.entries:
        missing = [file for file in entry.files if not store.has(file.sha256, file.size)] if locked else []
        if locked and not missing:
            entries.append(entry)
            continue
        listed, now = _listed(entry, seconds, missing if locked else None)
        entries.append(now)
        wanted += listed
    expected = sum(each.remote.size or 0 for each in wanted)
    if expected > max_bytes or len(wanted) > MAX_FILES:
        raise problems.WeightsTooLarge(f"{len(wanted)} files with {amount(expected)}", max_bytes)
    if expected > store.free():
        raise problems.WeightsDisk(store.root, f"{amount(expected)} are needed, and {amount(store.free())} are free")
    progress.begin("fetched", expected)
    found = _in_parallel(wanted, store, progress, max_bytes)
    if locked:
        return lock
    by_entry: dict[int, list[LockedFile]] = {id(each): [] for each in entries}
    for each, file in zip(wanted, found, strict=True):
        by_entry[id(each.entry)].append(file)
    return Lock(tuple(entry._replace(files=tuple(by_entry[id(entry)])) for entry in entries))


def remove_changed(lock: Lock, store: Store, progress: Progress, say: Callable[[str], object]) -> dict[str, LockedFile]:
    """Remove stored files whose content no longer matches the lock; return the others by digest.

    Raises WeightsDisk if a file can't be removed.
    """
    kept = {file.sha256: file for file in lock.files if store.has(file.sha256, file.size)}
    files = {digest: (str(store.path(digest)), file) for digest, file in kept.items()}
    for digest in list(differing(files, progress)):
        say(f"Weights: {store.path(digest)} has changed since it was fetched, and is fetched again.")
        kept.pop(digest)
        try:
            store.remove(digest)
        except OSError as error:
            raise problems.WeightsDisk(store.root, error.strerror or str(error)) from error
    return kept


def _listed(entry: Entry, seconds: float, missing: Sequence[LockedFile] | None) -> tuple[list[Wanted], Entry]:
    """Return the files of an entry to fetch, and the entry with its revision."""
    if reason := sources.fault(entry.source):
        # The platform may have named the revision.
        raise problems.WeightsUnavailable(entry.source, reason)
    try:
        source = sources.opened(entry.source, entry.revision, seconds)
        remotes = sources.chosen(source.files(), entry.patterns)
    except sources.LibraryMissing as error:
        raise problems.WeightsLibrary(entry.source, str(error)) from error
    except Exception as error:
        raise problems.WeightsUnavailable(entry.source, sources.error_text(error)) from error
    odd = next((remote.name for remote in remotes if not is_inside(remote.name)), None)
    if odd is not None:
        raise problems.WeightsUnavailable(entry.source, f"it has a file {odd!r}, which would be outside its folder")
    if place := shared_place(remote.name for remote in remotes):
        raise problems.WeightsUnavailable(entry.source, f"it has several files at {place!r}")
    false = next((remote.name for remote in remotes if remote.sha256 and not is_digest(remote.sha256)), None)
    if false is not None:
        raise problems.WeightsUnavailable(entry.source, f"it has a file {false!r} with a SHA-256 that is none")
    if not remotes:
        matching = f" that fit {', '.join(entry.patterns)}" if entry.patterns else ""
        raise problems.WeightsUnavailable(entry.source, f"it has no files{matching}")
    if missing is None:
        now = entry._replace(revision=source.revision, files=())
        return [Wanted(now, source, remote, None) for remote in remotes], now
    by_name = {remote.name: remote for remote in remotes}
    gone = next((file.name for file in missing if file.name not in by_name), None)
    if gone is not None:
        raise problems.WeightsUnavailable(entry.source, f"it no longer has {gone}, which weights.lock lists")
    return [Wanted(entry, source, by_name[file.name], file) for file in missing], entry


def _in_parallel(wanted: Sequence[Wanted], store: Store, progress: Progress, max_bytes: int) -> list[LockedFile]:
    with ThreadPoolExecutor(AT_ONCE) as threads:
        futures: list[Future[LockedFile]] = [
            threads.submit(_fetched, each, store, progress, max_bytes) for each in wanted
        ]
        done, _ = wait(futures, return_when=FIRST_EXCEPTION)
        if any(future.exception() for future in done):
            threads.shutdown(cancel_futures=True)
        return [future.result() for future in futures if not future.cancelled()]


def _fetched(wanted: Wanted, store: Store, progress: Progress, max_bytes: int) -> LockedFile:
    """Fetch a file unless the store has it; return its row for the lock. Raise the problem that prevents it."""
    remote, source = wanted.remote, wanted.entry.source
    try:
        return _stored(wanted, store, progress, max_bytes)
    except problems.Problem:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _OF_DISK:
            raise problems.WeightsDisk(store.root, os.strerror(error.errno or 0)) from error
        raise problems.WeightsUnavailable(source, f"{remote.name}: {sources.error_text(error)}") from error


def _stored(wanted: Wanted, store: Store, progress: Progress, max_bytes: int) -> LockedFile:
    remote, locked, source = wanted.remote, wanted.locked, wanted.entry.source
    expected = locked.size if locked else remote.size
    known = locked.sha256 if locked else remote.sha256
    name = f"{wanted.entry.folder}/{remote.name}"
    if locked and remote.size not in (None, locked.size):
        raise problems.WeightsDiffer(name, source, "another size than")
    facts = (source, wanted.entry.revision, remote.name, remote.version, expected, known)
    # Waiting for another process, or verifying, does not mean that a source stalls.
    with store.part(hashlib.sha256(repr(facts).encode()).hexdigest(), progress.beat) as part:
        if known and expected is not None and store.has(known, expected):
            # Another process has fetched it in the meantime.
            return LockedFile(remote.name, expected, known)
        if expected is None or part.size > expected:
            part.drop()
        progress.add(part.size)
        _complete(part, wanted, progress, expected, max_bytes)
        size, digest = part.size, part.digest(lambda _size: progress.beat())
        if known and digest != known:
            part.drop()
            raise problems.WeightsDiffer(name, source, "another SHA-256 than")
        part.keep(digest)
    return LockedFile(remote.name, size, digest)


def _complete(part: Part, wanted: Wanted, progress: Progress, expected: int | None, max_bytes: int) -> None:
    """Read the missing part of `part`, in several attempts; raise the error of the last one."""
    limit = max_bytes if expected is None else expected
    for attempt in range(ATTEMPTS):
        progress.beat()
        try:
            if part.size != expected:
                part.append(wanted.source.blocks(wanted.remote, part.size), limit, progress.add)
            if expected in (None, part.size):
                return
            error: Exception = OSError(f"{part.size} of {expected} bytes have arrived")
        except Exception as raised:  # noqa: BLE001 - each source has a library with errors of its own
            error = raised
        if isinstance(error, Restarted) or expected is None:
            part.drop()
        if attempt == ATTEMPTS - 1 or (isinstance(error, OSError) and error.errno in _FINAL):
            raise error
        time.sleep(PAUSE_SECONDS * 2**attempt)


def differing(files: Mapping[str, tuple[str, LockedFile]], progress: Progress) -> Iterator[str]:
    """Yield the names of files that differ from the lock; `files` has, by name, the path and the locked file."""

    def is_same(pair: tuple[str, LockedFile]) -> bool:
        path, locked = pair
        try:
            return os.path.getsize(path) == locked.size and sha256_of(path, progress.add) == locked.sha256
        except OSError:
            return False

    progress.begin("compared with weights.lock", sum(file.size for _, file in files.values()))
    with ThreadPoolExecutor(AT_ONCE) as threads:
        for name, same in zip(files, threads.map(is_same, files.values()), strict=True):
            if not same:
                yield name
