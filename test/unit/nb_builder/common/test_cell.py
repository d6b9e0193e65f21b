"""What a cell is called, and its statements."""

import ast

from nb_builder.common import syntax_trees
from nb_builder.common.cell import Cell


def test_a_cell_is_named_as_jupyter_shows_it_and_by_its_place_in_the_file():
    cell = Cell("1 / 0", number=3, position=5)
    assert cell.where("model.ipynb") == "Cell [3] of model.ipynb (cell 5 of the file)"
    assert cell.where("model.ipynb", 2) == "Cell [3] of model.ipynb (cell 5 of the file), line 2"


def test_a_cell_of_ours_has_no_number_and_says_what_it_does():
    cell = Cell("save()")
    assert cell.ours
    assert "calls predictor with the golden rows" in cell.where("model.ipynb", 2)


def test_a_cell_is_parsed_once_and_not_at_all_if_this_python_can_t(monkeypatch):
    sources = []
    monkeypatch.setattr(syntax_trees, "tree", lambda source: sources.append(source) or ast.Module([ast.Pass()], []))
    cell = Cell("pass")
    assert cell.statements is cell.statements and sources == ["pass"]
    monkeypatch.undo()
    assert Cell("print 1").statements is None
