"""What predictor writes during verification is gone afterwards."""

import errno
import os
import shutil
from types import SimpleNamespace

import pytest
from nb_builder.common.log import Log
from nb_builder.common.workspace import Workspace
from nb_builder.execute import file_guard


@pytest.fixture
def workspace(tmp_path):
    workspace = Workspace(tmp_path)
    for folder in (workspace.src / "data" / "empty", workspace.build):
        folder.mkdir(parents=True)
    (workspace.src / "data" / "asked.db").write_text("1")
    (workspace.src / "gone.txt").write_text("here")
    (workspace.src / "link").symlink_to("gone.txt")
    return workspace


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


def test_files_are_as_they_were_kept_however_often_they_are_changed(workspace, capsys):
    before = tree(workspace.src)
    with file_guard.files(workspace, Log()) as files:
        for _ in range(2):
            files.keep()
            meddle(workspace.src)
            files.put_back()
            assert tree(workspace.src) == before
    note = "note: predictor writes files when it is called (data/asked.db, gone.txt, link and 1 more)"
    assert capsys.readouterr().out.count(note) == 2
    assert os.listdir(workspace.build) == []


def test_times_and_modes_are_those_of_before(workspace):
    file = workspace.src / "data" / "asked.db"
    file.chmod(0o640)
    os.utime(file, (1, 2))
    with file_guard.files(workspace, Log()) as files:
        files.keep()
        file.write_text("more")
        file.chmod(0o600)
        files.put_back()
    assert (file.stat().st_mode & 0o777, file.stat().st_mtime) == (0o640, 2)


def test_where_nothing_was_written_nothing_is_said_and_compiled_modules_stay(workspace, capsys):
    with file_guard.files(workspace, Log()) as files:
        files.put_back()
        files.keep()
        (workspace.src / "__pycache__").mkdir()
        (workspace.src / "__pycache__" / "a.pyc").write_text("")
        (workspace.src / "new" / "__pycache__").mkdir(parents=True)
        files.put_back()
    assert capsys.readouterr().out == ""
    assert (workspace.src / "__pycache__" / "a.pyc").exists()


def test_files_are_put_back_when_the_build_fails(workspace):
    before = tree(workspace.src)
    with pytest.raises(KeyboardInterrupt), file_guard.files(workspace, Log()) as files:
        files.keep()
        meddle(workspace.src)
        raise KeyboardInterrupt
    assert tree(workspace.src) == before


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(errno.EIO, "Input/output error")])
def test_of_half_a_copy_nothing_is_put_back(workspace, monkeypatch, error):
    def stop(source, target):
        raise error

    monkeypatch.setattr(shutil, "copyfile", stop)
    before = tree(workspace.src)
    with pytest.raises((KeyboardInterrupt, OSError)), file_guard.files(workspace, Log()) as files:
        files.keep()
    assert tree(workspace.src) == before
    assert os.listdir(workspace.build) == []


def test_a_file_that_can_not_be_read_is_left_alone(workspace, monkeypatch):
    copy = shutil.copyfile

    def guarded(source, target):
        if source.name == "gone.txt":
            raise PermissionError(errno.EACCES, "Permission denied", str(source))
        copy(source, target)

    monkeypatch.setattr(shutil, "copyfile", guarded)
    with file_guard.files(workspace, Log()) as files:
        files.keep()
        (workspace.src / "gone.txt").write_text("its own")
        files.put_back()
    assert (workspace.src / "gone.txt").read_text() == "its own"


def test_a_disk_without_room_for_the_copy_is_said_and_no_error(workspace, capsys, monkeypatch):
    def full(source, target):
        raise OSError(errno.ENOSPC, "No space left on device", str(target))

    monkeypatch.setattr(shutil, "copyfile", full)
    says_that_there_is_no_room(workspace, capsys)


def test_nor_is_the_last_room_taken_from_the_model(workspace, capsys, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=10))
    says_that_there_is_no_room(workspace, capsys)


def says_that_there_is_no_room(workspace, capsys):
    with file_guard.files(workspace, Log()) as files:
        files.keep()
        files.keep()
        files.put_back()
        assert os.listdir(workspace.build) == []
    assert capsys.readouterr().out.count("the disk is too full for a copy") == 1


def test_three_files_are_all_named_and_one_alone_too(workspace, capsys):
    with file_guard.files(workspace, Log()) as files:
        files.keep()
        for name in ("b", "c", "a"):
            (workspace.src / name).write_text("new")
        files.put_back()
        (workspace.src / "b").write_text("new")
        files.put_back()
        files.remove()
        (workspace.src / "c").write_text("new")
        files.put_back()
    says = (
        "predictor writes files when it is called ({}). The service starts with the content that the notebook left."
    ).format
    assert [line.split("note: ")[1] for line in capsys.readouterr().out.splitlines()] == [says("a, b, c"), says("b")]
    assert (workspace.src / "c").exists()


def test_links_to_folders_and_modes_come_back_and_git_s_own_files_are_left_alone(workspace):
    (workspace.src / "folder").symlink_to("data")
    (workspace.src / ".git").mkdir()
    (workspace.src / "deep/deeper").mkdir(parents=True)
    (workspace.src / "deep/deeper/a.txt").write_text("a")
    before = tree(workspace.src)
    with file_guard.files(workspace, Log()) as files:
        files.keep()
        (workspace.src / "folder").unlink()
        (workspace.src / "gone.txt").unlink()
        (workspace.src / "gone.txt").symlink_to("data/asked.db")
        shutil.rmtree(workspace.src / "deep")
        (workspace.src / ".git" / "index").write_text("git's")
        files.put_back()
    assert tree(workspace.src) == {**before, ".git/index": "git's"}
    assert (workspace.src / "data/asked.db").read_text() == "1"
