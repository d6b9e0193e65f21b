import json

import pytest
from nb_builder.magics import notebook
from nb_builder.magics.problems import NotebookNotSaved, NotebookUnnamed


@pytest.fixture
def saved(tmp_path):
    """Return the path of a notebook whose name and cell need quoting."""
    path = tmp_path / 'a "b" c.ipynb'
    cells = [{"source": ["\n", "x = 1\n"], "id": "a1"}, {"source": "y = 2"}]
    path.write_text(json.dumps({"cells": cells}))
    return path


def test_the_front_end_that_names_a_notebook_says_whether_its_cells_have_addresses(saved):
    jupyter = notebook.find("", "%nb_check", {}, {notebook.SESSION: str(saved)})
    assert jupyter.link(jupyter.cells[0]) == "a%20%22b%22%20c.ipynb#cell-id=a1"
    # Files before nbformat 4.5 have no ids.
    assert jupyter.link(jupyter.cells[1]) is None
    code = notebook.find("", "%nb_check", {notebook.VSCODE: str(saved)}, {})
    assert code.link(code.cells[0]) is None
    assert code.cells == jupyter.cells and code.cells[0].first_line == "x = 1"


def test_cells_are_found_by_their_place_in_this_notebook_alone(saved):
    found = notebook.find(str(saved), "%nb_check", {}, {})
    assert found.cell(2, saved.name).source == "y = 2"
    for position, name in ((0, saved.name), (3, saved.name), (None, saved.name), (1, "other.ipynb"), (1, None)):
        assert found.cell(position, name) is None
    assert found.has("y = 2\n") and not found.has("y")


def test_a_damaged_notebook_has_no_cells_and_is_left_to_check(saved):
    saved.write_text("[")
    assert notebook.find(str(saved), "%nb_check", {}, {}).cells == ()


def test_a_kernel_without_a_notebook_and_one_whose_file_is_not_there_are_problems(saved):
    # Jupyter's consoles have a session without a file.
    for environ in ({}, {notebook.SESSION: "console-1"}):
        with pytest.raises(NotebookUnnamed):
            notebook.find("", "%nb_check", {}, environ)
    with pytest.raises(NotebookNotSaved, match="other"):
        notebook.find("", "%nb_check", {}, {notebook.SESSION: str(saved.parent / "other.ipynb")})
