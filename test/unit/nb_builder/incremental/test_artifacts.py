"""The artifacts that one build hands to the next, and when they are dropped."""

import io
import json
import os
import subprocess
import tarfile

import pytest
from nb_builder.common.build_facts import Circumstances
from nb_builder.common.log import Log
from nb_builder.common.workspace import Workspace
from nb_builder.incremental import artifacts

FACTS = {"python": "3.11.2", "platform": "x86_64-glibc-2.36", "builder": "0.1.0-abc"}


def built(app_root, **facts):
    """Make the results of a build: a report, a venv with a module and its bytecode, a model."""
    for name in ("build", "model", "venv/lib"):
        (app_root / name).mkdir(parents=True)
    (app_root / "build/report.json").write_text(json.dumps({**FACTS, **facts}))
    (app_root / "build/requirements.lock").write_text("six==1.17.0\n")
    (app_root / "venv/lib/a.py").write_text("x = 1\n")
    os.utime(app_root / "venv/lib/a.py", (1_600_000_000, 1_600_000_000))
    return app_root


def upload(tmp_path, **facts):
    """Make what s2i provides in an incremental build; return the repository's folder."""
    with (tmp_path / "a.tar").open("wb") as stream:
        artifacts.save(built(tmp_path / "app-before", **facts), stream)
    (tmp_path / "artifacts").mkdir()
    # s2i loses mtimes.
    subprocess.run(["tar", "-C", tmp_path / "artifacts", "-mxf", tmp_path / "a.tar"], check=True)
    (tmp_path / "src").mkdir()
    return tmp_path / "src"


def names(tar):
    with tarfile.open(tar) as archive:
        return set(archive.getnames())


def find(src, stream=None):
    return artifacts.find(src, Circumstances(**FACTS), Log(stream or io.StringIO()), uploaded=src)


def test_everything_that_the_next_build_can_use_is_saved(tmp_path):
    with (tmp_path / "a.tar").open("wb") as stream:
        artifacts.save(built(tmp_path / "app"), stream)
    assert {"build/report.json", "build/requirements.lock", "venv.tar", "model"} <= names(tmp_path / "a.tar")


def test_a_build_without_a_model_saves_nothing(tmp_path):
    (tmp_path / "build").mkdir()
    with (tmp_path / "a.tar").open("wb") as stream:
        artifacts.save(tmp_path, stream)
    assert names(tmp_path / "a.tar") == set()


def test_the_environment_is_taken_and_its_bytecode_stays_good(tmp_path):
    workspace = Workspace(tmp_path / "app")
    workspace.root.mkdir()
    find(upload(tmp_path)).unpack_venv(workspace)
    assert os.stat(workspace.venv / "lib/a.py").st_mtime == 1_600_000_000
    assert not (tmp_path / "artifacts/venv.tar").exists()


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"python": "3.9.2"}, "they belong to Python 3.9.2, and this build has 3.11.2."),
        (
            {"platform": "aarch64-glibc-2.36"},
            "they belong to platform aarch64-glibc-2.36, and this build has x86_64-glibc-2.36.",
        ),
        ({"builder": "0.0.9-xyz"}, "they belong to another version of nb-builder."),
    ],
)
def test_artifacts_of_other_circumstances_are_dropped_with_a_note(tmp_path, facts, words):
    log = io.StringIO()
    assert find(upload(tmp_path, **facts), log) is None
    assert f"results of the previous build can't be reused: {words}" in log.getvalue()
    assert not (tmp_path / "artifacts").exists()


@pytest.mark.parametrize("damage", ["build/report.json", "venv.tar", "model"])
def test_half_of_an_artifact_is_none(tmp_path, damage):
    src = upload(tmp_path)
    os.rename(tmp_path / "artifacts" / damage, tmp_path / "elsewhere")
    log = io.StringIO()
    assert find(src, log) is None
    assert "can't be reused: can't be read." in log.getvalue()


def test_a_build_of_ones_own_folder_looks_at_nothing_next_to_it(tmp_path):
    src = upload(tmp_path)
    assert artifacts.find(src, Circumstances(**FACTS), Log(io.StringIO())) is None
    artifacts.remove(src)
    assert (tmp_path / "artifacts/model").is_dir()


def find_served(app_root, stream=None):
    return artifacts.find_served(app_root, Circumstances(**FACTS), Log(stream or io.StringIO()))


def with_scripts(app_root):
    """Give the venv of a build what names its own place: pyvenv.cfg, a script, and a link."""
    venv = app_root / "venv"
    (venv / "bin").mkdir()
    (venv / "pyvenv.cfg").write_text(f"command = virtualenv {venv}\n")
    (venv / "bin/tool").write_text(f"#!{venv}/bin/python\n")
    (venv / "bin/tool").chmod(0o755)
    (venv / "bin/python").symlink_to("/usr/bin/python3")
    return app_root


@pytest.mark.parametrize("is_prepared", [False, True])
def test_a_build_next_to_gives_copies_and_stays_whole(tmp_path, is_prepared):
    before, workspace = with_scripts(built(tmp_path / "a")), Workspace(tmp_path / "b")
    (before / "model/model.pickle").write_text("x")
    workspace.root.mkdir()
    if is_prepared:
        artifacts.prepare(workspace.root, before)
        assert sorted(os.listdir(workspace.root)) == [artifacts.COPY]
    find_served(before).unpack_venv(workspace)
    find_served(before).take_model(workspace)
    assert (workspace.venv / "bin/tool").read_text() == f"#!{workspace.venv}/bin/python\n"
    assert os.access(workspace.venv / "bin/tool", os.X_OK)
    assert str(workspace.venv) in (workspace.venv / "pyvenv.cfg").read_text()
    assert os.readlink(workspace.venv / "bin/python") == "/usr/bin/python3"
    assert os.stat(workspace.venv / "lib/a.py").st_mtime == 1_600_000_000
    assert (workspace.model / "model.pickle").read_text() == "x"
    assert sorted(os.listdir(workspace.root)) == ["model", "venv"]
    # What is served goes on as it was.
    assert (before / "venv/bin/tool").read_text() == f"#!{before}/venv/bin/python\n"
    assert (before / "model/model.pickle").is_file() and (before / "venv/lib/a.py").is_file()


def test_preparing_removes_what_was_served_before(tmp_path):
    before, after = with_scripts(built(tmp_path / "a")), built(tmp_path / "b")
    artifacts.prepare(after, before)
    assert sorted(os.listdir(after)) == ["build", artifacts.COPY]


def test_where_the_disk_has_no_hard_links_files_are_copied(tmp_path, monkeypatch):
    def reject(*_, **__):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", reject)
    before, workspace = with_scripts(built(tmp_path / "a")), Workspace(tmp_path / "b")
    find_served(before).unpack_venv(workspace)
    assert os.stat(workspace.venv / "lib/a.py").st_mtime == 1_600_000_000


@pytest.mark.parametrize("missing", ["build/report.json", "venv", "model"])
def test_half_of_a_build_next_to_is_none(tmp_path, missing):
    os.rename(built(tmp_path / "a") / missing, tmp_path / "elsewhere")
    assert find_served(tmp_path / "a") is None


def test_a_build_next_to_of_another_python_is_not_used_and_a_note_says_so(tmp_path):
    log = io.StringIO()
    assert find_served(built(tmp_path / "a", python="3.9.2"), log) is None
    assert (
        "results of the previous build can't be reused: they belong to Python 3.9.2, and this build has 3.11.2."
        in log.getvalue()
    )


@pytest.mark.parametrize(("as_locked", "is_exact"), [(True, True), (False, False), (None, False)])
def test_an_environment_is_exact_where_no_cell_has_changed_it_and_no_one_had_it_meanwhile(
    tmp_path, as_locked, is_exact
):
    assert find_served(built(tmp_path / "a", as_locked=as_locked)).installed.is_exact is is_exact
    assert not find(upload(tmp_path, as_locked=as_locked)).installed.is_exact


def test_the_pythons_that_a_build_has_downloaded_go_to_the_next(tmp_path):
    python = tmp_path / "app-before/python/cpython-3.13.0-x/bin/python3.13"
    python.parent.mkdir(parents=True)
    python.write_text("a program")
    src = upload(tmp_path)
    app_root = tmp_path / "app-root"
    app_root.mkdir()
    artifacts.restore_pythons(src, app_root, uploaded=src)
    assert (app_root / "python/cpython-3.13.0-x/bin/python3.13").read_text() == "a program"


def test_pythons_that_can_t_be_unpacked_count_as_none(tmp_path):
    src = upload(tmp_path)
    (tmp_path / "artifacts/python.tar").write_bytes(b"no archive")
    (tmp_path / "app-root").mkdir()
    artifacts.restore_pythons(src, tmp_path / "app-root", uploaded=src)
    assert list((tmp_path / "app-root").iterdir()) == []
