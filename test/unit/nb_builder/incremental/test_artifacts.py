"""The artifacts that one build hands to the next, and when they are dropped."""

import io
import json
import os
import subprocess
import tarfile

import pytest
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
    return artifacts.find(src, FACTS, Log(stream or io.StringIO()), uploaded=src)


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
        ({"python": "3.9.2"}, "they are of Python 3.9.2, and this build has 3.11.2."),
        (
            {"platform": "aarch64-glibc-2.36"},
            "they are of platform aarch64-glibc-2.36, and this build has x86_64-glibc-2.36.",
        ),
        ({"builder": "0.0.9-xyz"}, "they are of another version of nb-builder."),
    ],
)
def test_artifacts_of_other_circumstances_are_dropped_with_a_note(tmp_path, facts, words):
    log = io.StringIO()
    assert find(upload(tmp_path, **facts), log) is None
    assert f"the artifacts of the build before are dropped: {words}" in log.getvalue()
    assert not (tmp_path / "artifacts").exists()


@pytest.mark.parametrize("damage", ["build/report.json", "venv.tar", "model"])
def test_half_of_an_artifact_is_none(tmp_path, damage):
    src = upload(tmp_path)
    os.rename(tmp_path / "artifacts" / damage, tmp_path / "elsewhere")
    log = io.StringIO()
    assert find(src, log) is None
    assert "are dropped: can't be read." in log.getvalue()


def test_a_build_of_ones_own_folder_looks_at_nothing_beside_it(tmp_path):
    src = upload(tmp_path)
    assert artifacts.find(src, FACTS, Log(io.StringIO())) is None
    artifacts.remove(src)
    assert (tmp_path / "artifacts/model").is_dir()
