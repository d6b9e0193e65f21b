"""Metadata of a checkout, with git and without."""

import os
import subprocess

import pytest
from nb_builder.repository import git_metadata


def git(repository, *arguments):
    environ = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    command = ["git", "-C", repository, *who, *arguments]
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def clone(tmp_path):
    """Return a clone of a repository with two commits on main and a tag on the first."""
    first = tmp_path / "first"
    first.mkdir()
    git(first, "init", "-q", "--initial-branch=main")
    git(first, "commit", "-q", "--allow-empty", "-m", "one")
    git(first, "tag", "v1")
    git(first, "commit", "-q", "--allow-empty", "-m", "two")
    git(tmp_path, "clone", "-q", f"file://{first}", "clone")
    return tmp_path / "clone"


@pytest.fixture(params=["with git", "without git"])
def way(request, monkeypatch):
    """Use git itself, or do without the program."""
    if request.param == "without git":
        monkeypatch.setattr(git_metadata.git.shutil, "which", lambda name: None)


def test_a_clone_reports_its_commit_and_where_it_came_from(clone, way):
    expected = git(clone, "rev-parse", "main")
    assert git_metadata.commit(clone) == expected
    assert git_metadata.origin(clone) == f"file://{clone.parent}/first"


def test_a_detached_checkout_reports_its_commit(clone, way):
    expected = git(clone, "rev-parse", "v1")
    git(clone, "checkout", "-q", "v1")
    assert git_metadata.commit(clone) == expected


def test_a_packed_reference_is_found(clone, way):
    expected = git(clone, "rev-parse", "main")
    git(clone, "pack-refs", "--all")
    assert not (clone / ".git/refs/heads/main").exists()
    assert git_metadata.commit(clone) == expected


@pytest.mark.parametrize("state", ["no checkout", "no commit yet", "broken"])
def test_what_reports_nothing_gives_nothing(tmp_path, way, state):
    if state != "no checkout":
        git(tmp_path, "init", "-q")
    if state == "broken":
        (tmp_path / ".git/HEAD").write_text("what is this\n")
        (tmp_path / ".git/config").write_text("[[[\n= =\n")
    assert (git_metadata.commit(tmp_path), git_metadata.origin(tmp_path)) == ("", "")


@pytest.mark.parametrize(
    "name", ["../../token", "{folder}/token", "refs/heads/../../../../token", "refs/" + "9" * 5000]
)
def test_no_file_outside_of_git_s_own_is_read(clone, way, name):
    """It could be a secret that looks like a hash."""
    (clone.parent / "token").write_text("0" * 40)
    (clone / ".git" / "HEAD").write_text("ref: " + name.format(folder=clone.parent) + "\n")
    assert git_metadata.commit(clone) == ""
