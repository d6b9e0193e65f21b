"""What predictor writes while it is proved is not there afterwards."""

import errno
import os
import shutil
from types import SimpleNamespace

import pytest
from nb_builder.common.log import Log
from nb_builder.common.workspace import Workspace
from nb_builder.execute import file_guard


@pytest.fixture
def place(tmp_path):
    made = Workspace(tmp_path)
    for folder in (made.src / "data" / "empty", made.build):
        folder.mkdir(parents=True)
    (made.src / "data" / "asked.db").write_text("1")
    (made.src / "gone.txt").write_text("here")
    (made.src / "link").symlink_to("gone.txt")
    return made


def tree(src):
    return {
        str(path.relative_to(src)): path.readlink() if path.is_symlink() else path.is_file() and path.read_text()
        for path in src.rglob("*")
    }


def meddle(src):
    with (src / "data" / "asked.db").open("r+") as file:
        file.write("2")
    (src / "gone.txt").unlink()
    (src / "link").unlink()
    (src / "link").write_text("no link")
    (src / "new" / "deep").mkdir(parents=True)
    (src / "new" / "deep" / "log.txt").write_text("asked")
    (src / "data" / "empty").rmdir()


def test_files_are_as_they_were_kept_however_often_they_are_changed(place, capsys):
    before = tree(place.src)
    with file_guard.files(place, Log()) as files:
        for _ in range(2):
            files.keep()
            meddle(place.src)
            files.put_back()
            assert tree(place.src) == before
    said = "note: predictor writes files when it is called (data/asked.db, gone.txt, link and 1 more)"
    assert capsys.readouterr().out.count(said) == 2
    assert os.listdir(place.build) == []


def test_times_and_modes_are_those_of_before(place):
    file = place.src / "data" / "asked.db"
    file.chmod(0o640)
    os.utime(file, (1, 2))
    with file_guard.files(place, Log()) as files:
        files.keep()
        file.write_text("more")
        file.chmod(0o600)
        files.put_back()
    assert (file.stat().st_mode & 0o777, file.stat().st_mtime) == (0o640, 2)


def test_where_nothing_was_written_nothing_is_said_and_compiled_modules_stay(place, capsys):
    with file_guard.files(place, Log()) as files:
        files.put_back()
        files.keep()
        (place.src / "__pycache__").mkdir()
        (place.src / "__pycache__" / "a.pyc").write_text("")
        (place.src / "new" / "__pycache__").mkdir(parents=True)
        files.put_back()
    assert capsys.readouterr().out == ""
    assert (place.src / "__pycache__" / "a.pyc").exists()


def test_files_are_put_back_when_the_build_fails(place):
    before = tree(place.src)
    with pytest.raises(KeyboardInterrupt), file_guard.files(place, Log()) as files:
        files.keep()
        meddle(place.src)
        raise KeyboardInterrupt
    assert tree(place.src) == before


@pytest.mark.parametrize("wrong", [KeyboardInterrupt, OSError(errno.EIO, "Input/output error")])
def test_of_half_a_copy_nothing_is_put_back(place, monkeypatch, wrong):
    def stop(source, target):
        raise wrong

    monkeypatch.setattr(shutil, "copyfile", stop)
    before = tree(place.src)
    with pytest.raises((KeyboardInterrupt, OSError)), file_guard.files(place, Log()) as files:
        files.keep()
    assert tree(place.src) == before
    assert os.listdir(place.build) == []


def test_a_file_that_can_not_be_read_is_left_alone(place, monkeypatch):
    copy = shutil.copyfile

    def guarded(source, target):
        if source.name == "gone.txt":
            raise PermissionError(errno.EACCES, "Permission denied", str(source))
        copy(source, target)

    monkeypatch.setattr(shutil, "copyfile", guarded)
    with file_guard.files(place, Log()) as files:
        files.keep()
        (place.src / "gone.txt").write_text("its own")
        files.put_back()
    assert (place.src / "gone.txt").read_text() == "its own"


def test_a_disk_without_room_for_the_copy_is_said_and_no_error(place, capsys, monkeypatch):
    def full(source, target):
        raise OSError(errno.ENOSPC, "No space left on device", str(target))

    monkeypatch.setattr(shutil, "copyfile", full)
    says_that_there_is_no_room(place, capsys)


def test_nor_is_the_last_room_taken_from_the_model(place, capsys, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=10))
    says_that_there_is_no_room(place, capsys)


def says_that_there_is_no_room(place, capsys):
    with file_guard.files(place, Log()) as files:
        files.keep()
        files.keep()
        files.put_back()
        assert os.listdir(place.build) == []
    assert capsys.readouterr().out.count("the disk has no room for a copy") == 1
