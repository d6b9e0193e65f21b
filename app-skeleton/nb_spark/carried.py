"""Pickled by value with each job; on executors, it unpacks the archive, which contains all other code.

Until then, it may use only the standard library. It doesn't use zipimport, which would read a list of ten thousand
files in each worker, and before Python 3.13 doesn't support archives above 4 GiB or 65,535 files.
"""

import fcntl
import hashlib
import os
import shutil
import sys
import zipfile

# Replaced by the reason in the text of problems.SparkArchive, which the driver has prepared.
REASON = "{reason}"
AT_ONCE = 1 << 20


def arrow_batches(task: dict, batches):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201 - Spark reads hints
    """Score Arrow record batches in a Spark worker. mapInArrow calls this."""
    enter(task)
    from nb_spark import worker

    yield from worker.tables(task, batches)


def columns(task: dict, groups):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201 - Spark reads hints
    """Score groups of columns in a Spark worker. Spark calls this as an iterator UDF."""
    enter(task)
    from nb_spark import worker

    yield from worker.columns(task, groups)


def enter(task: dict) -> None:
    """Add the archive's packages to sys.path, and its folder to `task`; unpack it unless another worker has."""
    folder = unpacked(task)
    task["folder"] = folder
    if folder not in sys.path:
        sys.path.insert(0, folder)


def unpacked(task: dict) -> str:
    """Return the archive's folder: the one that Spark unpacked if passed with --archives, otherwise one next to it."""
    from pyspark import SparkFiles

    root = SparkFiles.getRootDirectory()
    path = os.path.join(root, task["name"])
    if os.path.isdir(path):
        return os.path.abspath(path)
    folder = os.path.abspath(os.path.join(root, "nb-spark-" + task["digest"][:16]))
    if not os.path.isdir(folder):
        try:
            unpack(path, folder, task["digest"])
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise RuntimeError(task["refusal"].replace(REASON, reason)) from None
    return folder


def unpack(path: str, folder: str, digest: str) -> None:
    """Unpack the archive at `path`, once for all workers of an executor; raise ValueError if its digest differs."""
    with open(folder + ".lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.isdir(folder):
            return
        found = digest_of(path)
        if found != digest:
            raise ValueError("the archive on this executor differs from the driver's, digest " + found[:16])
        part = folder + ".part"
        shutil.rmtree(part, ignore_errors=True)
        with zipfile.ZipFile(path) as archive:
            # zipfile sanitises names, so that no file is written outside the folder.
            archive.extractall(part)
        os.rename(part, folder)


def digest_of(path: str) -> str:
    """Return the SHA-256 of a file."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while data := file.read(AT_ONCE):
            digest.update(data)
    return digest.hexdigest()
