"""git is asked for facts: no program that a checkout names runs, and no folder above or next to it counts."""

import contextlib
import os
import select
import shutil
import subprocess
from pathlib import Path

import pytest
from nb_builder.repository import git, git_metadata


def call(folder, *arguments):
    environ = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    done = subprocess.run(
        ["git", "-C", folder, *who, *arguments], env=environ, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path):
    """Return a checkout with a committed file."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    call(folder, "init", "-q", "--initial-branch=main")
    (folder / "a.ipynb").write_text("{}")
    call(folder, "add", ".")
    call(folder, "commit", "-q", "-m", "one")
    return folder


@pytest.fixture
def canary(tmp_path):
    """Return a program that leaves a file alongside itself, and whether it has run."""
    program = tmp_path / "canary"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\nexit 1\n")
    program.chmod(0o755)
    return program


def asked(folder):
    """Ask for all facts."""
    return (
        git_metadata.commit(folder),
        git_metadata.last_commit(folder, Path("a.ipynb")),
        git_metadata.uncommitted(folder),
        git_metadata.origin(folder),
        git.top_of(folder),
    )


CONFIGS = {
    "fsmonitor": '[core]\nfsmonitor = "{canary}"',
    "hooks": '[core]\nhooksPath = "{folder}"',
    "pager": '[core]\npager = "{canary}"\n[pager]\nlog = "{canary}"\nstatus = "{canary}"',
    "signatures": '[log]\nshowSignature = true\n[gpg]\nprogram = "{canary}"',
    "filter": '[filter "x=y"]\nclean = "{canary}"\nsmudge = "{canary}"\nrequired = true',
    "process": '[filter "x=y"]\nprocess = "{canary}"\nrequired = true',
    "differ": '[diff]\nexternal = "{canary}"\n[diff "x=y"]\ntextconv = "{canary}"\ncommand = "{canary}"',
    "alias": '[alias]\nstatus = "!{canary}"\nlog = "!{canary}"\nrev-parse = "!{canary}"',
    "askpass": '[core]\naskPass = "{canary}"\n[credential]\nhelper = "!{canary}"',
    "lazy fetch": '[extensions]\npartialClone = origin\n[remote "origin"]\nurl = {remote}\npromisor = true\n'
    'uploadpack = "{canary}"\n[protocol]\nallow = always\n[protocol "file"]\nallow = always',
    "lazy fetch by ssh": '[extensions]\npartialClone = origin\n[remote "origin"]\nurl = ssh://localhost/x\n'
    'promisor = true\n[core]\nsshCommand = "{canary}"\n[protocol "ssh"]\nallow = always',
    "lazy fetch by ext": '[extensions]\npartialClone = origin\n[remote "origin"]\nurl = "ext::{canary}"\n'
    'promisor = true\n[protocol "ext"]\nallow = always',
}


@pytest.mark.parametrize("name", CONFIGS)
def test_no_program_of_a_checkout_runs(name, checkout, canary, tmp_path):
    remote = tmp_path / "remote"
    shutil.copytree(checkout / ".git", remote)
    lacking = call(checkout, "rev-parse", "HEAD")
    for hook in ("post-index-change", "fsmonitor-watchman", "reference-transaction", "post-checkout"):
        shutil.copy(canary, checkout / ".git" / "hooks" / hook)
    (checkout / ".git" / "info").mkdir(exist_ok=True)
    (checkout / ".git" / "info" / "attributes").write_text("* filter=x=y diff=x=y\n")
    (checkout / ".gitattributes").write_text("* filter=x=y diff=x=y\n")
    # Other content of the same length at another time, so that git has to look at it.
    (checkout / "a.ipynb").write_text("[]")
    os.utime(checkout / "a.ipynb", (1, 1))
    config = CONFIGS[name].format(canary=canary, folder=tmp_path, remote=remote)
    (checkout / ".git" / "config").write_text(f"[core]\nrepositoryformatversion = 1\nbare = false\n{config}\n")
    if name.startswith("lazy"):
        (checkout / ".git" / "objects" / lacking[:2] / lacking[2:]).unlink()
    asked(checkout)
    assert not (tmp_path / "ran").exists()


def test_facts_are_those_that_git_has(checkout):
    commit, when, uncommitted, origin, top = asked(checkout)
    assert (commit, uncommitted, origin, top) == (call(checkout, "rev-parse", "HEAD"), [], "", checkout)
    assert when.startswith("20")
    (checkout / "b").write_text("")
    assert git_metadata.uncommitted(checkout) == ["b"]


def test_variables_of_a_hook_name_no_other_repository(checkout, tmp_path, monkeypatch):
    other = tmp_path / "other"
    shutil.copytree(checkout, other)
    call(other, "commit", "-q", "--allow-empty", "-m", "two")
    expected = call(checkout, "rev-parse", "HEAD")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git" / "index"))
    assert git_metadata.commit(checkout) == expected


def bare_in(folder, worktree):
    """Make a folder that is a bare repository, as a clone can contain one, with its files elsewhere."""
    for name in ("objects", "refs"):
        (folder / name).mkdir(parents=True)
    (folder / "HEAD").write_text("ref: refs/heads/main\n")
    (folder / "config").write_text(f"[core]\nrepositoryformatversion = 0\nbare = false\nworktree = {worktree}\n")


def test_a_folder_that_looks_like_a_repository_moves_no_top(checkout):
    bare_in(checkout / "nb", "../../..")
    assert git.top_of(checkout / "nb") in (checkout, None)


def test_a_configuration_moves_no_top(checkout, tmp_path):
    (tmp_path / "sibling").mkdir()
    for worktree in ("../..", "../../sibling", str(tmp_path / "sibling")):
        (checkout / ".git" / "config").write_text(f"[core]\nrepositoryformatversion = 0\nworktree = {worktree}\n")
        assert git.top_of(checkout) in (checkout, None)
        (tmp_path / "sibling" / "secret").write_text("")
        assert not any("secret" in name for name in git_metadata.uncommitted(checkout))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to another user")
def test_another_user_s_checkout_is_not_asked(checkout, canary, tmp_path, monkeypatch):
    monkeypatch.delenv("SUDO_UID", raising=False)
    expected = call(checkout, "rev-parse", "HEAD")
    (checkout / ".git" / "config").write_text(f'[core]\nrepositoryformatversion = 0\nfsmonitor = "{canary}"\n')
    for path in (checkout, *checkout.rglob("*")):
        os.chown(path, 12345, 12345)
    assert git.facts(checkout, "rev-parse", "HEAD", top=checkout) is None
    # Its files say so, too.
    assert git_metadata.commit(checkout) == expected
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["HEAD", "config", "index", "refs/heads/main"])
def test_a_pipe_in_the_place_of_git_s_files_ends_in_time(name, checkout, monkeypatch):
    for limit in ("TIME_LIMIT", "LONG_LIMIT"):
        monkeypatch.setattr(git, limit, 0.5)
    path = checkout / ".git" / name
    path.unlink()
    os.mkfifo(path)
    asked(checkout)


def test_a_checkout_that_makes_git_wait_is_asked_once(checkout, monkeypatch):
    monkeypatch.setattr(git, "TIME_LIMIT", 0.5)
    os.mkfifo(checkout / "pipe")
    (checkout / ".git" / "config").write_text(f"[include]\npath = {checkout}/pipe\n")
    calls = []
    monkeypatch.setattr(git, "_output", lambda *words, original=git._output: calls.append(words) or original(*words))
    asked(checkout)
    assert git.facts(checkout / ".git", "rev-parse", "HEAD") is None
    assert len(calls) == 1


def git_that_runs(script, folder, monkeypatch):
    """Put a program before git on PATH that reports a version, and otherwise runs a script of bash."""
    # Folders of tests that succeed are removed, and others get their names.
    monkeypatch.setattr(git, "_late", {})
    program = folder / "git"
    program.write_text(f'#!/bin/bash\n[ "$1" = --version ] && echo git version 2.39.5 && exit\n{script}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)


def test_a_git_whose_children_hold_its_output_is_killed_with_them(checkout, tmp_path, monkeypatch):
    monkeypatch.setattr(git, "TIME_LIMIT", 1)
    # It ends at once; the other would end much later than this test's own limit.
    git_that_runs(f"sleep 9999 & echo $! > {tmp_path}/pid; exit 0", tmp_path, monkeypatch)
    assert git.facts(checkout, "rev-parse", "HEAD") is None
    with contextlib.suppress(ProcessLookupError):
        descriptor = os.pidfd_open(int((tmp_path / "pid").read_text()))
        # Readable once it has ended.
        assert select.select([descriptor], [], [], 60)[0]
        os.close(descriptor)


@pytest.mark.parametrize("of_which", [1, 2])
def test_a_git_that_prints_too_much_is_killed_and_then_left_alone(of_which, checkout, tmp_path, monkeypatch):
    monkeypatch.setattr(git, "MAX_OUTPUT", 1 << 16)
    # Only with a limit of its own is it killed before the test is.
    monkeypatch.setattr(git, "TIME_LIMIT", 9999)
    count = f"echo >> {tmp_path}/calls"
    git_that_runs(f"{count}; [ $(wc -l < {tmp_path}/calls) -lt {of_which} ] || exec yes", tmp_path, monkeypatch)
    assert git.facts(checkout, "rev-parse", "HEAD") is None
    assert git.facts(checkout, "rev-parse", "HEAD") is None
    assert len((tmp_path / "calls").read_text().splitlines()) == of_which


def test_a_git_that_is_too_old_to_be_reported_is_not_asked(checkout, tmp_path, monkeypatch):
    program = tmp_path / "git"
    program.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo git version 2.30.2 || touch {tmp_path}/ran\n')
    program.chmod(0o755)
    expected = call(checkout, "rev-parse", "HEAD")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert git_metadata.commit(checkout) == expected
    assert not (tmp_path / "ran").exists()
