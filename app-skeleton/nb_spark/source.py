"""The archive as the driver sees it: its identity, and the schema of its model's predictions."""

import contextlib
import json
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nb_scorer.common import paths
from nb_service import problems
from nb_service.backends.spark_model import layout
from nb_service.model_folder import ModelFolder
from nb_service.signature.trust import Trust

from nb_spark.carried import digest_of


class Source:
    """The archive at `path`: a zip file, or the folder that Spark has unpacked for --archives."""

    def __init__(self, path: str, name: str) -> None:
        self.path = path
        self.name = name
        with _guarded(name):
            manifest = json.loads(self._bytes(layout.MANIFEST))
            if manifest.get("format") != layout.FORMAT:
                raise problems.SparkArchive(
                    name, f"its format is {manifest.get('format')}, and this nb_spark reads {layout.FORMAT}"
                )
            self._model = json.loads(self._bytes(f"{layout.APP_ROOT}/{paths.MODEL}/{paths.MANIFEST}"))
            self.digest = digest_of(path) if os.path.isfile(path) else ""

    @property
    def answer_schema(self) -> dict:
        """Return the JSON schema of the model's predictions; {} if unknown."""
        return ModelFolder(Path(), Path(), Path(), self._model).answer_schema

    def digests(self, trust: Trust | None) -> dict[str, str] | None:
        """Verify the model's signature; return the digests of its files, for the executors.

        Returns None if `trust` is None. Raises ModelUnsigned, SignatureInvalid or VerifyUnusable.
        """
        if trust is None:
            return None
        try:
            content = self._bytes(f"{layout.APP_ROOT}/{paths.MODEL}/{paths.SIGNATURE}")
        except (KeyError, FileNotFoundError):
            raise problems.ModelUnsigned(self.name) from None
        return dict(trust.digests_in(content, self.name))

    def _bytes(self, name: str) -> bytes:
        if os.path.isdir(self.path):
            with open(os.path.join(self.path, name), "rb") as file:
                return file.read()
        with zipfile.ZipFile(self.path) as archive:
            return archive.read(name)


@contextlib.contextmanager
def _guarded(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise problems.SparkArchive(name, error.strerror or str(error)) from None
    except (KeyError, ValueError, AttributeError, zipfile.BadZipFile):
        raise problems.SparkArchive(name, "it is not an archive that spark-model wrote") from None


def rejection(name: str, reason: str) -> str:
    """Return the text of SparkArchive with `reason`, for code that can't import the problem yet."""
    return str(problems.SparkArchive(name, reason))


def shipped(spark: Any, archive: str) -> Source:
    """Make Spark send the archive to the executors; return it as the driver sees it. Raise SparkArchive."""
    from pyspark import SparkFiles

    if is_connect(spark):
        source = Source(archive, os.path.basename(archive))
        spark.addArtifacts(archive, file=True)
        return source
    name = os.path.basename(archive.rstrip("/"))
    context = spark.sparkContext
    path = SparkFiles.get(name)
    if os.path.isfile(archive) or "://" in archive:
        if not os.path.exists(path):
            context.addFile(archive)
        elif "://" not in archive and not (os.path.isfile(path) and _same(path, archive)):
            raise problems.SparkArchive(archive, f"another {name} was sent to the executors before")
    elif not os.path.exists(path):
        raise problems.SparkArchive(archive, "there is no such file, and none was passed with --archives or --py-files")
    return Source(path, name)


def _same(one: str, other: str) -> bool:
    return os.path.getsize(one) == os.path.getsize(other) and digest_of(one) == digest_of(other)


def is_connect(spark: Any) -> bool:
    """Return whether this is a Spark Connect session, which has no SparkContext."""
    return type(spark).__module__.startswith("pyspark.sql.connect")
