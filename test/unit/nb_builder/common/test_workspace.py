"""APP_ROOT during a build."""

import os

import pytest
from nb_builder.common.workspace import Workspace


def test_a_failed_build_leaves_no_venv_and_no_model_but_what_explains_it(tmp_path):
    workspace = Workspace(tmp_path)
    with pytest.raises(KeyboardInterrupt), workspace.fresh():
        (workspace.build / "script.py").write_text("x")
        workspace.venv.mkdir()
        workspace.model.mkdir()
        raise KeyboardInterrupt
    assert sorted(os.listdir(tmp_path)) == ["build"]
    assert os.listdir(workspace.build) == ["script.py"]


def test_an_earlier_build_leaves_nothing_to_this_one(tmp_path):
    workspace = Workspace(tmp_path)
    with workspace.fresh():
        (workspace.build / "old").write_text("x")
        workspace.model.mkdir()
    assert workspace.model.is_dir()
    with workspace.fresh():
        assert sorted(os.listdir(tmp_path)) == ["build"]
        assert os.listdir(workspace.build) == []


def test_group_0_may_do_what_the_owner_may_and_the_world_may_write_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "getgid", lambda: 0)
    (tmp_path / "file").write_text("x")
    (tmp_path / "file").chmod(0o600)
    (tmp_path / "tool").write_text("x")
    (tmp_path / "tool").chmod(0o755)
    (tmp_path / "lock").write_text("")
    (tmp_path / "lock").chmod(0o666)
    (tmp_path / "link").symlink_to("/nowhere")
    Workspace(tmp_path).open_to_group()
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("file", "tool", "lock")] == [0o660, 0o775, 0o664]


def test_other_groups_are_left_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "getgid", lambda: 1000)
    (tmp_path / "file").write_text("x")
    (tmp_path / "file").chmod(0o600)
    Workspace(tmp_path).open_to_group()
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600
