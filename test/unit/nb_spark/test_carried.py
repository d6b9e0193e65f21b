import os
import sys
import threading
import zipfile
from types import SimpleNamespace

import pytest
from nb_spark import carried, source


@pytest.fixture
def archive(tmp_path):
    """Return an archive as Spark copies it to the folder of an executor."""
    path = tmp_path / "model.zip"
    with zipfile.ZipFile(path, "w") as file:
        for number in range(300):
            file.writestr(f"nb_spark/part{number}.py", f"x = {number}\n")
    return path


@pytest.fixture
def task(archive, tmp_path, monkeypatch):
    """Return the message to a worker, with the test's own folder as that of Spark's files."""
    files = SimpleNamespace(getRootDirectory=lambda: str(tmp_path))
    monkeypatch.setitem(sys.modules, "pyspark", SimpleNamespace(SparkFiles=files))
    return {
        "name": archive.name,
        "digest": carried.digest_of(str(archive)),
        "refusal": source.rejection(archive.name, carried.REASON),
    }


def test_it_is_unpacked_once(task, tmp_path):
    folder = carried.unpacked(task)
    assert folder == str(tmp_path / f"nb-spark-{task['digest'][:16]}")
    (tmp_path / "model.zip").unlink()
    assert carried.unpacked(task) == folder
    assert (tmp_path / folder / "nb_spark/part299.py").read_text() == "x = 299\n"


def test_workers_that_come_at_once_get_one_whole_folder(task, monkeypatch):
    unpackings = []
    extract = zipfile.ZipFile.extractall
    monkeypatch.setattr(
        zipfile.ZipFile, "extractall", lambda self, path: (unpackings.append(path), extract(self, path))
    )
    seen, start = [], threading.Barrier(8)

    def work():
        start.wait()
        seen.append(len(os.listdir(f"{carried.unpacked(dict(task))}/nb_spark")))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [300] * 8
    assert len(unpackings) == 1


def test_what_a_killed_worker_left_is_thrown_away(task, tmp_path):
    part = tmp_path / f"nb-spark-{task['digest'][:16]}.part"
    part.mkdir()
    (part / "torn").write_text("")
    folder = carried.unpacked(task)
    assert os.listdir(folder) == ["nb_spark"]
    assert not part.exists()


def test_another_archive_than_the_driver_s_is_rejected_in_the_words_of_a_problem(task):
    task["digest"] = "0" * 64
    with pytest.raises(RuntimeError) as rejected:
        carried.unpacked(task)
    words = str(rejected.value)
    assert words.startswith("ERROR: model.zip is not a usable model archive: the archive on this executor")
    assert words.endswith("(problem spark-archive)")


@pytest.mark.parametrize(("data", "reason"), [(b"no zip", "File is not a zip file"), (None, "No such file")])
def test_what_can_t_be_unpacked_is_rejected_with_the_reason(data, reason, task, archive):
    if data is None:
        archive.unlink()
    else:
        archive.write_bytes(data)
        task["digest"] = carried.digest_of(str(archive))
    with pytest.raises(RuntimeError, match=reason):
        carried.unpacked(task)


def test_a_folder_that_came_by_archives_is_used_where_it_is(task, tmp_path):
    (tmp_path / "sent").mkdir()
    assert carried.unpacked({**task, "name": "sent"}) == str(tmp_path / "sent")


def test_its_packages_are_imported_from_the_folder(task, monkeypatch):
    monkeypatch.setattr(sys, "path", ["first"])
    carried.enter(task)
    carried.enter(task)
    assert sys.path == [task["folder"], "first"]
