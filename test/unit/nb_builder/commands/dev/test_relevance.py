"""Which saves make another model."""

import json
from pathlib import Path

import pytest
from nb_builder.commands.dev.relevance import Relevance


def notebook(folder, source, name="model.ipynb", outputs=()):
    cell = {"cell_type": "code", "metadata": {}, "outputs": list(outputs), "execution_count": None, "source": source}
    text = json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 4})
    (folder / name).write_text(text, encoding="utf-8")


def built(folder, **facts):
    """Write the report of a build, and return its APP_ROOT."""
    (folder / "root/build").mkdir(parents=True, exist_ok=True)
    reported = {"notebooks": {"model.ipynb": "x"}, "read": {"data.csv": "x"}, "read_complete": True, **facts}
    (folder / "root/build/report.json").write_text(json.dumps(reported))
    return folder / "root"


@pytest.fixture
def repository(tmp_path):
    """Return a folder with a notebook, and what judges it after a build of it."""
    (tmp_path / "repo").mkdir()
    notebook(tmp_path / "repo", "a = 1")
    relevance = Relevance(tmp_path / "repo")
    relevance.remember([Path("model.ipynb"), Path("data.csv")])
    relevance.succeeded(built(tmp_path))
    return tmp_path / "repo", relevance


def changed(relevance, *names):
    return relevance.describe({Path(name) for name in names})


def test_a_cell_that_changes_is_named(repository):
    folder, relevance = repository
    notebook(folder, "a = 2")
    assert changed(relevance, "model.ipynb") == "model.ipynb changed; cell 1"
    assert changed(relevance, "model.ipynb") is None


def test_outputs_are_nothing_new(repository):
    folder, relevance = repository
    notebook(folder, "a = 1", outputs=[{"output_type": "stream", "name": "stdout", "text": "1"}])
    assert changed(relevance, "model.ipynb") is None


def test_a_notebook_that_is_not_built_is_none_of_our_business(repository):
    folder, relevance = repository
    notebook(folder, "b = 1", "other.ipynb")
    assert changed(relevance, "other.ipynb") is None


@pytest.mark.parametrize(
    ("names", "reported"),
    [
        (["data.csv"], "data.csv changed"),
        (["train.log"], None),
        (["pictures/a.png", "data.csv"], "data.csv changed"),
        (["features.py"], "features.py changed"),
        (["requirements.txt", ".s2i/environment"], ".s2i/environment, requirements.txt changed"),
        (["a.py", "b.py", "c.py", "d.py"], "a.py, b.py and 2 more files changed"),
    ],
)
def test_files_count_that_were_read_or_declare_something(repository, names, reported):
    assert changed(repository[1], *names) == reported


def test_every_file_counts_where_no_one_saw_what_was_read(repository, tmp_path):
    relevance = repository[1]
    relevance.succeeded(built(tmp_path, read_complete=False))
    assert changed(relevance, "train.log") == "train.log changed"


def test_after_a_failure_every_file_and_every_save_counts(repository):
    relevance = repository[1]
    relevance.failed()
    assert changed(relevance, "train.log") == "train.log changed"
    assert changed(relevance, "model.ipynb") == "model.ipynb saved"


def test_a_script_in_cells_is_compared_by_its_cells(tmp_path):
    (tmp_path / "model.py").write_text("# %%\na = 1\n\n# %%\nb = 2\n")
    relevance = Relevance(tmp_path)
    relevance.succeeded(built(tmp_path, notebooks={"model.py": "x"}))
    (tmp_path / "model.py").write_text("# %%\na = 1\n\n# %%\nb = 3\n")
    assert changed(relevance, "model.py") == "model.py changed; cell 2"


def test_half_a_notebook_is_waited_for_and_a_file_that_is_gone_is_not(repository):
    folder, relevance = repository
    (folder / "model.ipynb").write_text('{"cells": [')
    assert not relevance.is_whole(Path("model.ipynb"))
    (folder / "model.ipynb").unlink()
    assert relevance.is_whole(Path("model.ipynb")) and relevance.is_whole(Path("data.csv"))
