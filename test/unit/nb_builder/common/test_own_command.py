import pytest
from nb_builder.common.own_command import own_command


@pytest.fixture
def clone(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    (tmp_path / "a clone").mkdir()
    (tmp_path / "a clone" / "Makefile").touch()
    return tmp_path / "a clone"


def test_a_wheel_or_an_image_has_the_command(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert own_command(tmp_path) == "nb-builder"


def test_a_clone_has_a_script_relative_to_the_folder_that_the_reader_is_in(clone, monkeypatch):
    monkeypatch.chdir(clone)
    assert own_command(clone) == "s2i/nb-builder"


def test_outside_of_the_clone_the_script_has_its_whole_path(clone, monkeypatch):
    (clone.parent / "elsewhere").mkdir()
    monkeypatch.chdir(clone.parent / "elsewhere")
    assert own_command(clone) == f"'{clone}/s2i/nb-builder'"


def test_an_installed_command_is_preferred_to_the_script_of_a_clone(clone, monkeypatch, tmp_path):
    (tmp_path / "nb-builder").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert own_command(clone) == "nb-builder"
