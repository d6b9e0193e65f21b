"""What predictor uses that only Jupyter has."""

from pathlib import Path

import pytest
from nb_builder.analysis import jupyter_names
from nb_builder.rewrite import scripts
from nbformat.v4 import new_code_cell, new_notebook

NAME = Path("model.ipynb")


def cells(*sources):
    return scripts.author_cells(new_notebook(cells=[new_code_cell(source) for source in sources]))


@pytest.mark.parametrize(
    "source",
    [
        "def predictor(x):\n    get_ipython().system('ls')\n    return x",
        "def predictor(x):\n    %time y = x\n    return y",
        "def predictor(x):\n    if x:\n        !ls\n    return x",
        "def f():\n    return display\ndef predictor(x):\n    f()\n    return x",
    ],
)
def test_what_keeps_predictor_from_being_saved_or_called_is_a_problem(source):
    [problem], notes = jupyter_names.findings(cells("x = 1", source), NAME)
    assert "which only Jupyter provides" in problem.what
    assert problem.place.startswith("Cell [2] of model.ipynb")
    assert notes == []


def test_what_only_some_calls_come_to_is_a_note_and_the_notebook_s_own_names_are_none():
    problems, [note] = jupyter_names.findings(cells("def predictor(x):\n    if not x:\n        display(x)"), NAME)
    assert problems == []
    assert note.startswith(
        "predictor uses 'display' (Cell [1] of model.ipynb (cell 1 of the file), line 3), which only"
    )
    for source in ("def display(x): pass\ndef predictor(x):\n    display(x)", "display(1)\npredictor = len"):
        assert jupyter_names.findings(cells(source), NAME) == ([], [])


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("from IPython.display import display, HTML", ["HTML"]),
        ("import IPython.display as HTML", ["HTML"]),
        ("import IPython, html as HTML", []),
        ("from IPython.display import HTML\nfrom page import HTML", []),
    ],
)
def test_names_that_are_imported_from_ipython_are_reported(source, names):
    uses = jupyter_names.imported(cells(source, "def predictor(x):\n    return HTML(x)"))
    assert [use.name for use in uses] == names
