"""What a job carries to the executors in itself, not by its name: it unpacks the archive in which all else is.

So it needs the standard library alone, until that is done. Not by zipimport, which would read the list of ten thousand
files in each worker, and before Python 3.13 knows no archive above 4 GiB or 65,535 files.
"""

import fcntl
import hashlib
import os
import shutil
import sys
import zipfile

# What problems.SparkArchive says in the refusal that the driver has made, where the reason goes.
REASON = "{reason}"
AT_ONCE = 1 << 20


def arrow_batches(task: dict, batches):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201 - Spark reads hints
    """Score Arrow record batches in a worker of Spark, as mapInArrow calls it."""
    enter(task)
    from nb_spark import worker

    yield from worker.tables(task, batches)


def columns(task: dict, groups):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201 - Spark reads hints
    """Score groups of columns in a worker of Spark, as an iterator UDF calls it."""
    enter(task)
    from nb_spark import worker

    yield from worker.columns(task, groups)


def enter(task: dict) -> None:
    """Have the archive's packages on sys.path, and its folder in `task`; unpack it where no other worker has."""
    folder = unpacked(task)
    task["folder"] = folder
    if folder not in sys.path:
        sys.path.insert(0, folder)


def unpacked(task: dict) -> str:
    """Return the folder of the archive: Spark's own for one that came by --archives, else one next to it."""
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
    """Unpack the archive at `path`, once for all workers of an executor; raise ValueError where it is another one."""
    with open(folder + ".lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.isdir(folder):
            return
        found = digest_of(path)
        if found != digest:
            raise ValueError("what reached this executor is not what the driver has read, digest " + found[:16])
        part = folder + ".part"
        shutil.rmtree(part, ignore_errors=True)
        with zipfile.ZipFile(path) as archive:
            # Names are made safe by zipfile: none leads out of the folder.
            archive.extractall(part)
        os.rename(part, folder)


def digest_of(path: str) -> str:
    """Return the SHA-256 of a file."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while data := file.read(AT_ONCE):
            digest.update(data)
    return digest.hexdigest()
