"""Files that cells read, that git tracks, and that the working copy lacks."""

import subprocess
from pathlib import Path

import pytest
from nb_builder.common.cell import Cell
from nb_builder.repository import data_files


def found(repository, *sources):
    cells = [Cell(source, number, number) for number, source in enumerate(sources, 1)]
    return [
        (problem.facts["path"], problem.facts["file"])
        for problem in data_files.not_checked_out(cells, Path("work/m.ipynb"), repository)
    ]


@pytest.fixture
def repository(tmp_path):
    (tmp_path / "work").mkdir()
    (tmp_path / "data").mkdir()
    for name in ("data/heart.csv", "work/model.pkl", "work/here.csv"):
        (tmp_path / name).write_text("a\n")
    git = ["git", "-C", tmp_path, "-c", "user.name=n", "-c", "user.email=e@example.org"]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "m"]):
        subprocess.run([*git, *arguments], check=True)
    (tmp_path / "data/heart.csv").unlink()
    (tmp_path / "work/model.pkl").unlink()
    return tmp_path


def test_a_tracked_file_that_is_missing_is_found(repository):
    assert found(repository, "df = pd.read_csv('../data/heart.csv')") == [("../data/heart.csv", "data/heart.csv")]


@pytest.mark.parametrize("mode", ["", ", 'rb'", ", mode='r+'", ", how"])
def test_a_file_that_is_opened_is_found_unless_it_is_written(repository, mode):
    assert found(repository, f"file = open('model.pkl'{mode})") == [("model.pkl", "work/model.pkl")]


@pytest.mark.parametrize(
    "source",
    [
        "df = pd.read_csv('here.csv')",
        "df = pd.read_csv('none.csv')",
        "df = pd.read_csv('/data/heart.csv')",
        "df = pd.read_csv('https://example.org/data/heart.csv')",
        "df = pd.read_csv('../../data/heart.csv')",
        "joblib.dump(model, 'model.pkl')\nmodel = joblib.load('model.pkl')",
        "pickle.dump(model, open('model.pkl', 'wb'))\nmodel = pickle.load(open('model.pkl', 'rb'))",
        "with open('model.pkl', mode='xb') as file:\n    pickle.dump(model, file)",
        "open('model.pkl', 'w+').write('a')",
    ],
)
def test_other_files_are_not(repository, source):
    assert found(repository, source) == []


def test_nothing_is_found_without_git(tmp_path):
    assert found(tmp_path, "df = pd.read_csv('../data/heart.csv')") == []
