"""Files that a notebook runs with %run count as its own."""

import pytest
from nb_builder.repository import included_files
from nb_builder.rewrite import scripts
from nbformat import write
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook


def notebook(*sources):
    return new_notebook(cells=[new_code_cell(source) for source in sources])


def expanded(tmp_path, *sources):
    return [cell.source for cell in included_files.expanded(notebook(*sources), tmp_path / "nbs", tmp_path).cells]


@pytest.fixture(autouse=True)
def repository(tmp_path):
    (tmp_path / "nbs").mkdir()
    write(new_notebook(cells=[new_markdown_cell("x"), new_code_cell("a = 1")]), tmp_path / "other one.ipynb")
    (tmp_path / "nbs" / "script.py").write_text("b = 2\n")
    (tmp_path.parent / "outside.py").write_text("c = 3\n")


@pytest.mark.parametrize(
    ("line", "inner"),
    [
        ('%run "../other one.ipynb"', ["a = 1"]),
        ("%run script.py --fast", ["b = 2"]),
        ("%run -i script", ["b = 2"]),
        ("x = 0\n%run ./script.py", ["b = 2"]),
        ("%run ../../outside.py", []),
        ("%run nothing.ipynb", []),
        ("# %run script.py", []),
        ("text = '%run script.py'", []),
    ],
)
def test_the_cells_of_what_is_run_stand_before_the_cell_that_runs_it(tmp_path, line, inner):
    assert expanded(tmp_path, line, "z = 9") == [*inner, line, "z = 9"]


def test_what_is_run_twice_or_runs_itself_is_there_once(tmp_path):
    write(notebook("%run again.ipynb", "d = 4"), tmp_path / "nbs" / "again.ipynb")
    assert expanded(tmp_path, "%run again.ipynb", "%run again.ipynb").count("d = 4") == 1


def test_the_numbers_of_the_authors_cells_stay(tmp_path):
    node = included_files.expanded(notebook("%run script.py", "z = 9"), tmp_path / "nbs", tmp_path)
    assert [(cell.number, cell.position) for cell in scripts.author_cells(node)] == [(None, None), (1, 1), (2, 2)]
