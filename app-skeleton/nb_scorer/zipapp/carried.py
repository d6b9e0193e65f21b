"""Reads the contents of a model's single file by name, from one descriptor, verifying them while reading."""

import hashlib
import io
import json
import os
import shutil
import stat
import zipfile
from pathlib import PurePosixPath

from nb_scorer.signature import files
from nb_scorer.zipapp import layout, one_reading
from nb_scorer.zipapp.problems import ZipappDamaged, ZipappUntrusted

AT_ONCE = 1 << 20
# Files that are read completely have a few kilobytes; in a sparse file, these could expand to gigabytes.
MAX_CONTENT = 1 << 26
_EXECUTABLE = 0o100


class Carried(object):
    """The contents of one file, opened once: later changes at its path have no effect."""

    def __init__(self, path):
        """Open the file; raise ZipappDamaged if it is not such a file, or is ambiguous."""
        self.path = path
        try:
            # Opening a pipe would block until a writer opens it.
            if not stat.S_ISREG(os.stat(path).st_mode):
                raise ZipappDamaged(path, "it is not a file")
            self._file = io.open(path, "rb")  # noqa: SIM115 - closed by __exit__
        except OSError as error:
            raise ZipappDamaged(path, error.strerror or str(error))
        try:
            self._read_names()
        except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError) as error:
            self._file.close()
            raise ZipappDamaged(path, getattr(error, "strerror", None) or str(error))
        except BaseException:
            self._file.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._archive.close()
        self._file.close()

    def _read_names(self):
        path = self.path
        reason = one_reading.directory_problem_of(self._file)
        if reason is not None:
            raise ZipappDamaged(path, reason)
        self._archive = zipfile.ZipFile(self._file)
        entries = self._archive.infolist()
        self._entries = {entry.filename: entry for entry in entries}
        odd = [entry.filename for entry in entries if not _is_plain(entry)]
        if odd or len(self._entries) != len(entries):
            name = files.shown(odd[0]) if odd else "a name"
            raise ZipappDamaged(path, "{} in it is not a file, or occurs twice".format(name))
        reason = one_reading.problem_of(self._file, entries)
        if reason is not None:
            raise ZipappDamaged(path, "it is ambiguous: {}".format(reason))
        self.names = frozenset(self._entries)
        self.facts = self._facts()

    def _facts(self):
        try:
            facts = json.loads(self.content(layout.FACTS).decode("utf-8"))
            number = facts["format"]
        except (KeyError, TypeError, ValueError, RecursionError):
            raise ZipappDamaged(self.path, "it was not written by 'nb-builder zipapp'")
        if number != layout.FORMAT:
            raise ZipappDamaged(self.path, "it has format {}, but this program reads {}".format(number, layout.FORMAT))
        return facts

    def content(self, name, digest=None):
        """Return the bytes of a small file; raise KeyError, ZipappDamaged, or ZipappUntrusted for another digest."""
        if self._entries[name].file_size > MAX_CONTENT:
            raise ZipappDamaged(self.path, "{} in it is larger than allowed".format(files.shown(name)))
        target = io.BytesIO()
        self._copy(name, target, digest)
        return target.getvalue()

    def digest_of(self, name, digest=None):
        """Return the SHA-256 of a file without holding it in memory; raise as `content` does."""
        return self._copy(name, None, digest)

    def unpack(self, name, path, digest=None):
        """Write a file to `path`; raise OSError, ZipappDamaged, or ZipappUntrusted for another digest.

        The caller must not use the file before the digest was checked, and renames it afterwards.
        """
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with io.open(path, "wb") as target:
            self._copy(name, target, digest)
        if self._entries[name].external_attr >> 16 & _EXECUTABLE:
            os.chmod(path, 0o700)

    def _copy(self, name, target, digest):
        sha = hashlib.sha256()
        entry = self._entries[name]
        try:
            with self._archive.open(entry) as source:
                for block in iter(lambda: source.read(AT_ONCE), b""):
                    sha.update(block)
                    if target is not None:
                        target.write(block)
        except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
            raise ZipappDamaged(self.path, "{} in it is truncated or was changed ({})".format(files.shown(name), error))
        if digest not in (None, sha.hexdigest()):
            raise ZipappUntrusted(self.path, "{} has changed since it was signed".format(files.shown(name)))
        return sha.hexdigest()


def _is_plain(entry):
    """Return whether an entry is a file whose name is the same single path below a folder on every system."""
    name = entry.filename
    parts = name.split("/")
    is_named = str(PurePosixPath(name)) == name and not {"", ".", ".."} & set(parts)
    # Stored uncompressed, so that a few bytes can't expand to many.
    return is_named and "\\" not in name and "\0" not in name and entry.compress_type == zipfile.ZIP_STORED


def unpack_once(carried, names, digests, folder):
    """Unpack `names` into a folder below `folder` that is named after their content; return it.

    It is created completely or not at all. Raise OSError, ZipappDamaged or ZipappUntrusted.
    """
    sha = hashlib.sha256()
    for name in sorted(names):
        sha.update("{} {}\n".format(digests[name], name).encode("utf-8"))
    place = os.path.join(folder, sha.hexdigest()[:32])
    if os.path.isdir(place):
        return place
    part = "{}.{}".format(place, os.getpid())
    shutil.rmtree(part, ignore_errors=True)
    try:
        for name in sorted(names):
            carried.unpack(name, os.path.join(part, *name.split("/")), digests[name])
        try:
            os.rename(part, place)
        except OSError:
            # Another process was faster.
            if not os.path.isdir(place):
                raise
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return place
