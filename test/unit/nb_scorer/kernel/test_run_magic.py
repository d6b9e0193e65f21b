"""`%run other.ipynb` in the kernel of a build."""

import json
import sys

import pytest
from IPython.core.interactiveshell import InteractiveShell
from nb_scorer.kernel import run_magic


@pytest.fixture
def shell():
    """Return a shell with ours in place, and leave sys.path as it was."""
    path = list(sys.path)
    instance = InteractiveShell()
    run_magic.install(instance)
    yield instance
    sys.path[:] = path


def written(path, *sources, **notebook):
    cells = [{"cell_type": "code", "source": source} for source in sources]
    path.write_text(json.dumps(notebook or {"cells": [{"cell_type": "markdown", "source": "no code"}, *cells]}))
    return path


def test_the_code_cells_run_in_the_names_of_the_notebook(shell, tmp_path):
    shell.user_ns["start"] = 1
    path = written(tmp_path / "other.ipynb", ["a = start\n", "b = a + 1"], "c = b + 1")
    shell.run_line_magic("run", str(path))
    assert (shell.user_ns["b"], shell.user_ns["c"]) == (2, 3)


def test_a_notebook_of_format_3_is_read(tmp_path):
    cell = {"cell_type": "code", "input": ["a = 1"]}
    path = written(tmp_path / "old.ipynb", worksheets=[{"cells": [cell]}])
    assert list(run_magic.sources(str(path))) == [(1, "a = 1")]


def test_the_first_error_ends_it_and_names_the_cell_of_the_file(shell, tmp_path, capsys):
    path = written(tmp_path / "other.ipynb", "a = 1", "1 / 0", "a = 2")
    with pytest.raises(ZeroDivisionError):
        shell.run_line_magic("run", str(path))
    assert shell.user_ns["a"] == 1
    assert f"The error is in cell 3 of the file {path}" in capsys.readouterr().out


def test_the_folder_stays_on_the_path_only_where_something_was_imported_from_it(shell, tmp_path):
    shell.run_line_magic("run", str(written(tmp_path / "plain.ipynb", "import math")))
    assert str(tmp_path) not in sys.path
    (tmp_path / "beside_the_run_notebook.py").write_text("")
    shell.run_line_magic("run", str(written(tmp_path / "other.ipynb", "import beside_the_run_notebook")))
    assert sys.path[-1] == str(tmp_path)


def test_a_script_is_left_to_ipython(shell, tmp_path):
    (tmp_path / "script.ipy").write_text("a = !echo one\n")
    shell.run_line_magic("run", str(tmp_path / "script.ipy"))
    assert list(shell.user_ns["a"]) == ["one"]
