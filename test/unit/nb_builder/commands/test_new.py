"""A new repository, and why there is none."""

import json
import subprocess

import nbformat
import pytest
from nb_builder.commands import new

FILES = [".gitignore", "README.md", "model.ipynb"]


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != ".git")


def rejected(*arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        new.main(["--json", *map(str, arguments)])
    return ended.value.code, json.loads(capsys.readouterr().out)["problem"]


def test_the_notebook_is_as_nbformat_writes_it(tmp_path):
    made = new.make(str(tmp_path / "flats"), None)
    text = (tmp_path / "flats" / "model.ipynb").read_text()
    node = nbformat.reads(text, 4)
    nbformat.validate(node)
    assert nbformat.writes(node) + "\n" == text
    assert (made["name"], names(tmp_path / "flats")) == ("flats", FILES)
    assert "docker run -p 8080:8080 flats\n" in (tmp_path / "flats" / "README.md").read_text()


def test_an_empty_folder_is_taken_and_a_name_of_its_own(tmp_path):
    assert new.make(str(tmp_path), "team.rent-2")["name"] == "team.rent-2"
    assert names(tmp_path) == FILES


@pytest.mark.parametrize(("folder", "name"), [("Ein Büro!", "ein-b-ro"), ("__", "my-service"), ("A_b.C", "a-b-c")])
def test_a_folder_s_name_becomes_one_of_an_image(folder, name, tmp_path):
    assert new.make(str(tmp_path / folder), None)["name"] == name


def test_inside_of_a_repository_there_is_no_second_one(tmp_path):
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    assert new.make(str(tmp_path / "a"), None)["git"] is False
    assert not (tmp_path / "a" / ".git").exists()


def test_nothing_of_the_user_s_is_overwritten(tmp_path, capsys):
    (tmp_path / "README.md").write_text("mine")
    assert rejected(tmp_path, capsys=capsys) == (2, "folder-not-empty")
    assert rejected(tmp_path / "README.md", capsys=capsys) == (2, "folder-not-empty")
    assert ((tmp_path / "README.md").read_text(), names(tmp_path)) == ("mine", ["README.md"])


def test_what_can_not_be_an_image_s_name_is_rejected(tmp_path, capsys):
    assert rejected("--name", "My Flats", tmp_path / "a", capsys=capsys) == (2, "name-unusable")
    assert not (tmp_path / "a").exists()


def test_a_folder_that_can_not_be_made_is_reported(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert rejected(tmp_path / "file" / "a", capsys=capsys) == (1, "folder-not-written")


@pytest.mark.parametrize("arguments", [(), ("",), ("a", "b"), ("--no-such-option", "a")])
def test_a_wrong_call_is_reported_how_to_call(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        new.main(arguments)
    usage, reason = capsys.readouterr().out.splitlines()
    assert (ended.value.code, usage) == (2, new.USAGE) and reason
