"""Which file is the notebook, and how the repository is copied."""

import json
import os
from pathlib import Path

import pytest
from nb_builder.problems.notebooks import (
    NotebookAmbiguous,
    NotebookChosenTwice,
    NotebookMissing,
    NotebookName,
    NotebookNotFound,
    PredictorNowhere,
    SourceMissing,
)
from nb_builder.repository import source_tree
from nbformat.v4 import new_code_cell, new_notebook


def repository(tmp_path, *files):
    for name in files:
        path = tmp_path / "repo" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    return tmp_path / "repo"


def found(repo, chosen=None, listed=None):
    return [str(name) for name in source_tree.find_notebooks(repo, chosen, listed)]


def test_a_sole_notebook_is_taken_without_asking(tmp_path):
    assert found(repository(tmp_path, "deep/er/a.ipynb", "b.py")) == ["deep/er/a.ipynb"]


@pytest.mark.parametrize("name", ["a\nb.ipynb", "a\x1b]0;T.ipynb", "a\tb/c.ipynb", os.fsdecode(b"\xff.ipynb")])
def test_a_name_that_cannot_be_printed_is_rejected(name, tmp_path):
    repo = repository(tmp_path, name)
    for chosen in (None, name):
        with pytest.raises(NotebookName) as rejected:
            found(repo, chosen)
        assert str(rejected.value).isascii()
        assert str(rejected.value).count("\n") == 4
    with pytest.raises(NotebookName):
        found(repo, None, [name])


def test_checkpoints_and_virtual_environments_hold_no_candidates(tmp_path):
    repo = repository(
        tmp_path, "a.ipynb", ".ipynb_checkpoints/a-checkpoint.ipynb", "env/pyvenv.cfg", "env/lib/demo.ipynb"
    )
    assert found(repo) == ["a.ipynb"]


def notebook_with(path, *sources):
    path.write_text(json.dumps(new_notebook(cells=[new_code_cell(source) for source in sources])))


def test_several_notebooks_that_bind_predictor_are_listed_and_none_is_guessed(tmp_path):
    repo = repository(tmp_path, "a.ipynb", "b.ipynb", "sub/c.ipynb")
    for name in ("b.ipynb", "sub/c.ipynb"):
        notebook_with(repo / name, "def predictor(x):\n    return x")
    with pytest.raises(NotebookAmbiguous, match=r"contains 2 notebooks that define predictor.*: b.ipynb, sub/c.ipynb"):
        found(repo)


def test_of_several_notebooks_the_only_one_that_binds_predictor_is_taken_aloud(tmp_path):
    repo = repository(tmp_path, "a.ipynb", "b.ipynb", "model.py")
    notebook_with(repo / "b.ipynb", "predictor = max")
    (repo / "model.py").write_text("def predictor(x):\n    return x")
    notes = []
    assert source_tree.find_notebooks(repo, None, None, notes.append) == (Path("b.ipynb"),)
    assert notes == ["b.ipynb is used: it is the only one of 3 notebooks and scripts that defines predictor."]


def test_a_sole_notebook_that_may_bind_predictor_by_an_import_goes_before_a_module_that_does(tmp_path):
    repo = repository(tmp_path)
    (tmp_path / "repo").mkdir()
    notebook_with(repo / "a.ipynb", "from model import *")
    (repo / "model.py").write_text("def predictor(x):\n    return x")
    assert found(repo) == ["a.ipynb"]


def test_a_script_that_binds_predictor_goes_before_a_notebook_that_surely_does_not(tmp_path):
    repo = repository(tmp_path, "predict.py", "tests/test_predict.py")
    notebook_with(repo / "explore.ipynb", "x = 1")
    for name in ("predict.py", "tests/test_predict.py"):
        (repo / name).write_text("def predictor(x):\n    return x")
    assert found(repo) == ["predict.py"]


def test_a_long_list_of_notebooks_is_cut(tmp_path):
    with pytest.raises(PredictorNowhere, match=r"contains 15 notebooks, and none .* n09.ipynb and 5 more"):
        found(repository(tmp_path, *(f"n{number:02}.ipynb" for number in range(15))))


def test_no_notebook_at_all_is_rejected(tmp_path):
    with pytest.raises(NotebookMissing):
        found(repository(tmp_path, "model.py"))


@pytest.mark.parametrize("chosen", ["c.ipynb", "../repo/a.ipynb", "/etc/passwd", "sub"])
def test_a_chosen_notebook_must_be_a_file_of_the_repository(tmp_path, chosen):
    repo = repository(tmp_path, "a.ipynb", "sub/b.ipynb")
    with pytest.raises(NotebookNotFound) as rejected:
        found(repo, chosen)
    assert rejected.value.why == "The repository contains: a.ipynb, sub/b.ipynb."


def test_a_chosen_notebook_may_be_written_with_dots(tmp_path):
    assert found(repository(tmp_path, "a.ipynb", "b.ipynb"), "./b.ipynb") == ["b.ipynb"]


def test_a_list_of_notebooks_keeps_its_order(tmp_path):
    repo = repository(tmp_path, "a.ipynb", "2 Prüfen.ipynb", "c.ipynb")
    assert found(repo, listed=("c.ipynb", "2 Prüfen.ipynb")) == ["c.ipynb", "2 Prüfen.ipynb"]


def test_all_that_a_list_names_and_that_is_not_there_is_said_at_once(tmp_path):
    with pytest.raises(NotebookNotFound, match="S2I_SOURCE_NOTEBOOK_LIST names 'x.ipynb', 'y.ipynb', and"):
        found(repository(tmp_path, "a.ipynb"), listed=("x.ipynb", "a.ipynb", "y.ipynb"))


def test_one_notebook_and_a_list_exclude_each_other(tmp_path):
    with pytest.raises(NotebookChosenTwice, match=r"S2I_SOURCE_NOTEBOOK_LIST \(b, c\) are both set"):
        found(repository(tmp_path, "a.ipynb"), "a.ipynb", ("b", "c"))


SCRIPT = "# %%\ndef predictor(x):\n    return x\n"


def test_a_script_in_cells_that_binds_predictor_is_taken_only_where_no_notebook_is(tmp_path):
    repo = repository(tmp_path, "helper.py", "other.py")
    (repo / "model.py").write_text(SCRIPT)
    (repo / "other.py").write_text(SCRIPT.replace("# %%", "# no cell"))
    (repo / "helper.py").write_text("# %%\nx = 1\n")
    assert found(repo) == ["model.py"]
    (repo / "a.ipynb").write_text("{}")
    assert found(repo) == ["a.ipynb"]


def test_any_script_can_be_chosen(tmp_path):
    assert found(repository(tmp_path, "a.ipynb", "plain.py"), "plain.py") == ["plain.py"]


def test_an_emptied_upload_falls_back_to_what_an_earlier_assemble_kept(tmp_path, monkeypatch):
    copy = repository(tmp_path, "a.ipynb")
    (tmp_path / "upload").mkdir()
    monkeypatch.setattr(source_tree, "UPLOADED", tmp_path / "upload")
    assert source_tree.locate(tmp_path / "upload", copy) == copy


def test_an_empty_folder_is_not_taken_for_the_repository_of_the_build_before(tmp_path):
    copy = repository(tmp_path, "a.ipynb")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceMissing, match="There is no repository in .*: the folder is empty"):
        source_tree.locate(tmp_path / "empty", copy)


def test_no_repository_anywhere_is_rejected(tmp_path):
    with pytest.raises(SourceMissing, match="There is no repository in .*: there is no such folder"):
        source_tree.locate(tmp_path / "none", tmp_path / "neither")


def test_dot_files_modes_and_links_arrive_and_git_stays_behind(tmp_path):
    repo = repository(tmp_path, ".env.sample", "tool.sh", ".git/config", "venv/pyvenv.cfg")
    (repo / "tool.sh").chmod(0o755)
    (repo / "link").symlink_to("tool.sh")
    source_tree.copy_to(repo, tmp_path / "src")
    assert sorted(os.listdir(tmp_path / "src")) == [".env.sample", "link", "tool.sh"]
    assert os.access(tmp_path / "src" / "tool.sh", os.X_OK)
    assert os.readlink(tmp_path / "src" / "link") == "tool.sh"


def test_what_is_no_file_is_not_installed(tmp_path):
    repo = repository(tmp_path, "a.ipynb", "sub/b.txt")
    os.mkfifo(repo / "pipe")
    os.mkfifo(repo / "sub" / "pipe")
    source_tree.copy_to(repo, tmp_path / "src")
    assert [str(path) for path in source_tree.files(repo)] == ["a.ipynb", "sub/b.txt"]
    assert sorted(path.name for path in (tmp_path / "src").rglob("*")) == ["a.ipynb", "b.txt", "sub"]
    assert source_tree.special_files(repo) == ["pipe (a FIFO)", "sub/pipe (a FIFO)"]


def test_what_an_earlier_build_installed_is_gone(tmp_path):
    source_tree.copy_to(repository(tmp_path, "a.ipynb"), tmp_path / "src")
    (tmp_path / "repo" / "a.ipynb").rename(tmp_path / "repo" / "b.ipynb")
    source_tree.copy_to(tmp_path / "repo", tmp_path / "src")
    assert os.listdir(tmp_path / "src") == ["b.ipynb"]


def test_the_upload_of_s2i_is_emptied(tmp_path, monkeypatch):
    repo = repository(tmp_path, "sub/a.ipynb", "b.txt")
    monkeypatch.setattr(source_tree, "UPLOADED", repo)
    source_tree.copy_to(repo, tmp_path / "src")
    assert os.listdir(repo) == []
    assert sorted(os.listdir(tmp_path / "src")) == ["b.txt", "sub"]


def test_a_repository_that_is_in_its_place_already_stays(tmp_path):
    repo = repository(tmp_path, "a.ipynb")
    source_tree.copy_to(repo, repo)
    assert os.listdir(repo) == ["a.ipynb"]
