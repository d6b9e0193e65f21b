import hashlib
import json
import shutil
import sys
import zipfile
from types import SimpleNamespace

import pytest
from nb_service import problems
from nb_service.signature.trust import Trust
from nb_spark.source import Source, shipped

import signers


def _archive(path, **manifest):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("nb-spark.json", json.dumps({"format": 1, **manifest}))
        file.writestr("app-root/model/manifest.json", json.dumps({"answer_schema": {"type": "integer"}}))
    return str(path)


def test_the_driver_reads_what_the_model_answers(tmp_path):
    path = _archive(tmp_path / "model.zip")
    assert Source(path, "model.zip").answer_schema == {"type": "integer"}
    assert len(Source(path, "model.zip").digest) == 64


def test_a_folder_that_spark_has_unpacked_is_read_as_well(tmp_path):
    with zipfile.ZipFile(_archive(tmp_path / "model.zip")) as file:
        file.extractall(tmp_path / "model")
    source = Source(str(tmp_path / "model"), "model")
    assert (source.answer_schema, source.digest) == ({"type": "integer"}, "")


def test_an_archive_of_another_form_is_rejected(tmp_path):
    with pytest.raises(problems.SparkArchive, match="its format is 7, and this nb_spark reads 1"):
        Source(_archive(tmp_path / "model.zip", format=7), "model.zip")


@pytest.mark.parametrize("data", [b"", b"no zip", b"PK\x05\x06" + bytes(18)])
def test_any_other_file_is_rejected(data, tmp_path):
    (tmp_path / "model.zip").write_bytes(data)
    with pytest.raises(problems.SparkArchive, match="it is not an archive that spark-model wrote"):
        Source(str(tmp_path / "model.zip"), "model.zip")


def test_a_file_that_is_not_there_is_rejected(tmp_path):
    with pytest.raises(problems.SparkArchive, match="No such file or directory"):
        Source(str(tmp_path / "model.zip"), "model.zip")


@pytest.fixture
def spark(tmp_path, monkeypatch):
    """Return a session whose files are in a folder of the test; `sent` lists the files that it was asked to ship."""
    (tmp_path / "files").mkdir()
    sent = []

    def add(archive):
        sent.append(archive)
        shutil.copy(archive, tmp_path / "files")

    files = SimpleNamespace(get=lambda name: str(tmp_path / "files" / name))
    monkeypatch.setitem(sys.modules, "pyspark", SimpleNamespace(SparkFiles=files))
    return SimpleNamespace(sparkContext=SimpleNamespace(addFile=add), sent=sent)


def test_an_archive_is_sent_once(spark, tmp_path):
    path = _archive(tmp_path / "model.zip")
    assert shipped(spark, path).digest == shipped(spark, path).digest
    assert spark.sent == [path]


def test_another_archive_of_the_same_name_is_rejected(spark, tmp_path):
    shipped(spark, _archive(tmp_path / "model.zip"))
    (tmp_path / "new").mkdir()
    with pytest.raises(problems.SparkArchive, match="another model.zip was sent to the executors before"):
        shipped(spark, _archive(tmp_path / "new" / "model.zip", more=1))


def test_what_came_by_archives_is_found_by_its_name_and_not_sent(spark, tmp_path):
    with zipfile.ZipFile(_archive(tmp_path / "model.zip")) as file:
        file.extractall(tmp_path / "files" / "model")
    source = shipped(spark, "model")
    assert (source.name, source.digest, spark.sent) == ("model", "", [])


def test_a_name_that_nothing_has_is_rejected(spark):
    with pytest.raises(problems.SparkArchive, match="there is no such file, and none was passed with --archives"):
        shipped(spark, "gone.zip")


def test_the_driver_verifies_for_the_executors(tmp_path):
    model = tmp_path / "model"
    model.mkdir()
    (model / "model.pickle").write_bytes(b"pickle")
    private, public = signers.key_pair(tmp_path)
    signers.sign(model, private)
    path = _archive(tmp_path / "model.zip")
    assert Source(path, "model.zip").digests(None) is None
    with pytest.raises(problems.ModelUnsigned, match=r"The model in model\.zip is not signed"):
        Source(path, "model.zip").digests(Trust(str(public)))
    with zipfile.ZipFile(path, "a") as file:
        file.write(model / "model.sig", "app-root/model/model.sig")
    digest = hashlib.sha256(b"pickle").hexdigest()
    assert Source(path, "model.zip").digests(Trust(str(public))) == {"model.pickle": digest}
    other = signers.key_pair(tmp_path, "other")[1]
    with pytest.raises(problems.SignatureInvalid, match="it was not made with a trusted key"):
        Source(path, "model.zip").digests(Trust(str(other)))
