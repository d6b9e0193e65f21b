"""What is read must be in the repository, and a file."""

import io
import os
from pathlib import Path

import pytest
from nb_builder.commands import check
from nb_builder.problems.notebooks import FileRefused
from nb_builder.repository import ordinary_files

READ = [
    "model.ipynb",
    "requirements.txt",
    "environment.yml",
    "Pipfile",
    "uv.lock",
    "pyproject.toml",
    "setup.cfg",
    "requirements.lock",
    "apt.txt",
    ".s2i/environment",
    ".python-version",
    "runtime.txt",
    "binder/requirements.txt",
    "more.txt",
]
NOTEBOOK = '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
SCRIPT = "requirements = []\n\n\ndef predictor(x):\n    return x\n"


@pytest.fixture
def repo(tmp_path):
    (tmp_path / "repo").mkdir()
    (tmp_path / "outside").write_text(NOTEBOOK)
    return tmp_path / "repo"


def found(repo, tmp_path, **env):
    result = check.examine(repo, env, tmp_path, check.NotesLog(io.StringIO()))
    return [(problem.code, getattr(problem, "facts", {}).get("file")) for problem in result.findings]


@pytest.mark.parametrize("name", READ)
@pytest.mark.parametrize("kind", ["link", "fifo"])
def test_what_a_check_reads_is_a_file_of_the_repository(name, kind, repo, tmp_path):
    if name != "model.ipynb":
        (repo / "model.py").write_text(SCRIPT)
    if name == "more.txt":
        (repo / "requirements.txt").write_text("-r more.txt\n")
    path = repo / name
    path.parent.mkdir(exist_ok=True)
    if kind == "link":
        path.symlink_to(tmp_path / "outside")
    else:
        os.mkfifo(path)
    assert ("file-refused", name) in found(repo, tmp_path)


def test_a_notebook_that_is_named_is_a_file_of_the_repository(repo, tmp_path):
    (repo / "model.py").write_text(SCRIPT)
    os.mkfifo(repo / "a.ipynb")
    (repo / "b.ipynb").symlink_to("../outside")
    (repo / "folder").symlink_to("..")
    for name in ("a.ipynb", "b.ipynb", "folder/outside"):
        assert found(repo, tmp_path, S2I_SOURCE_NOTEBOOK=name) == [("file-refused", name)]
        assert found(repo, tmp_path, S2I_SOURCE_NOTEBOOK_LIST=f"model.py,{name}") == [("file-refused", name)]


def test_links_inside_the_repository_are_followed(repo, tmp_path):
    (repo / "sub").mkdir()
    (repo / "sub" / "model.py").write_text(SCRIPT)
    (repo / "model.py").symlink_to("sub/model.py")
    (repo / "all.txt").write_text("numpy==1.26.4\n")
    (repo / "requirements.txt").symlink_to("all.txt")
    # The top itself may be a link, too.
    (tmp_path / "link").symlink_to(repo)
    assert found(tmp_path / "link", tmp_path, S2I_SOURCE_NOTEBOOK="model.py") == []


def test_the_reason_is_reported(repo, tmp_path):
    (repo / "a").symlink_to(tmp_path / "outside")
    with pytest.raises(FileRefused, match=r"^ERROR: a was not read: it is a link that leads out of .*, to /"):
        ordinary_files.require(repo / "a", repo)


@pytest.mark.parametrize("name", ["huge.py", "model.ipynb", "requirements.txt", "pyproject.toml", "more.txt", "m.md"])
def test_a_huge_file_is_not_read(name, repo, tmp_path, monkeypatch):
    """It takes no room on a disk, nor in an archive."""
    (repo / "model.py").write_text("import huge\n" + SCRIPT)
    (repo / "requirements.txt").write_text("-r more.txt\n")
    (repo / "more.txt").touch()
    with (repo / name).open("ab") as file:
        file.truncate(1 << 40)
    read = Path.read_bytes, Path.read_text
    for method in read:

        def bounded(path, *words, original=method, **options):
            assert path.stat().st_size < 1 << 30, path
            return original(path, *words, **options)

        monkeypatch.setattr(Path, method.__name__, bounded)
    found(repo, tmp_path)
