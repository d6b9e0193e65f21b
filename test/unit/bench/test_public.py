"""The table of public notebooks, on repositories that are made here."""

import importlib
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from nbformat import write
from nbformat.v4 import new_code_cell, new_notebook

BENCH = Path(__file__).parents[2] / "bench"


@pytest.fixture
def public(monkeypatch):
    """Return the module, found as `make bench` finds it."""
    monkeypatch.syspath_prepend(BENCH)
    return importlib.import_module("public")


@pytest.fixture
def example(public, monkeypatch, tmp_path):
    """Return a notebook of a repository in tmp_path, as one of GitHub's is named."""
    folder = tmp_path / "github" / "somebody" / "models"
    (folder / "nbs").mkdir(parents=True)
    write(new_notebook(cells=[new_code_cell("weights = [0.5, 2.0]")]), folder / "nbs" / "fit.ipynb")
    who = ["-c", "user.name=reader", "-c", "user.email=reader@localhost"]
    for words in (["init", "-q"], ["add", "."], [*who, "commit", "-qm", "model"]):
        subprocess.run(["git", *words], cwd=folder, check=True)
    # git itself puts one address in the place of another.
    settings = {"COUNT": "1", "KEY_0": f"url.file://{tmp_path}/github/.insteadOf", "VALUE_0": "https://github.com/"}
    for name, value in settings.items():
        monkeypatch.setenv(f"GIT_CONFIG_{name}", value)
    return public.Public("somebody/models", "nbs/fit.ipynb", (), "weights[0] * x + weights[1]", (1, 2))


def test_a_notebook_that_answers_as_it_did_is_built_and_right(public, example, tmp_path):
    row = public.measure(example, tmp_path / "place")
    assert (row.said, row.built, row.right) == ("right", True, True), row.log
    assert row.seconds > 0
    assert not list((tmp_path / "place").rglob(public.ADDED))


def test_an_answer_that_differs_is_built_and_not_right(public, example, tmp_path):
    # The service has a process of its own, and the count in it is the model's.
    unsteady = replace(example, predictor="__import__('os').getpid()")
    row = public.measure(unsteady, tmp_path / "place")
    assert not row.right
    assert "in a fresh process" in row.said


def test_what_a_row_was_given_next_to_the_cells_is_done_and_reported(public, example, tmp_path):
    github = tmp_path / "github" / "somebody" / "models"
    (github / "requirements.txt").write_text("no-such-package-here==1.0\n")
    who = ["-c", "user.name=reader", "-c", "user.email=reader@localhost"]
    for words in (["add", "."], [*who, "commit", "-qm", "pins"]):
        subprocess.run(["git", *words], cwd=github, check=True)
    helped = replace(example, requirements=("six",), settings=(("S2I_CELL_TIMEOUT", "20"),), alone=True)
    row = public.measure(helped, tmp_path / "place")
    assert row.said == "right", row.log
    assert public.line(row).endswith("  right (with S2I_CELL_TIMEOUT=20, a requirements.txt of its own)")
    assert [path.name for path in (tmp_path / "place").rglob("requirements.txt")] == ["requirements.txt"]


def test_what_can_not_be_built_says_why(public, example, tmp_path):
    row = public.measure(replace(example, predictor="nothing_defines_this"), tmp_path / "place")
    assert not row.built
    assert "nothing_defines_this" in row.said


def test_what_can_not_be_fetched_or_is_not_there_any_more_is_a_row(public, example, tmp_path):
    gone = public.measure(replace(example, repository="nobody/nothing"), tmp_path / "place")
    assert gone.said.startswith("not fetched: ")
    moved = public.measure(replace(example, path="fit.ipynb"), tmp_path / "place")
    assert moved.said == "not there: the repository has no such file now"
    assert public.summary([gone, moved]) == "  built 0 of 2 (0%), right 0 of 2 (0%)"


def test_the_table_ends_with_shares_and_the_median(public, example):
    rows = [public.Row(example, "right", True, True, 3.0), public.Row(example, "built", True, False, 5.0)]
    assert public.summary([*rows, public.Row(example, "x")]) == "  built 2 of 3 (67%), right 1 of 3 (33%); median 4.0 s"


def test_there_are_forty_notebooks_of_ten_repositories_and_none_twice(public):
    assert len({(each.repository, each.path) for each in public.NOTEBOOKS}) == len(public.NOTEBOOKS) == 40
    assert len({each.repository for each in public.NOTEBOOKS}) == 10


@pytest.mark.parametrize("at", range(40))
def test_the_added_cells_are_python(public, at):
    for cell in public.NOTEBOOKS[at].cells:
        compile(cell, "cell", "exec")
