"""Script two: percent format, every cell, numbers as Jupyter shows them."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from nb_builder.rewrite import scripts
from nb_builder.rewrite.number_cells import INJECTED, own_cell
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_raw_cell

FACTS = {
    "folder": "/m",
    "notebook": "model.ipynb",
    "tolerance": 1e-6,
    "complaint": "/c",
    "src": "/s",
    "reads": "/r",
    "known": {"drift": True, "predictors": {}},
}


def model_script(*cells):
    return scripts.model_script(new_notebook(cells=list(cells)), Path("model.ipynb"), FACTS)


def test_the_script_is_valid_python_in_percent_format():
    script = model_script(new_markdown_cell("# T"), new_code_cell("%time 1\n!ls\nx?"), new_raw_cell("raw <b>"))
    ast.parse(script.text)
    assert "# %% [markdown]\n# # T\n" in script.text
    assert "# %% [1] cell 2 of the file\nget_ipython().run_line_magic('time', '1')\n" in script.text
    assert "# %% [raw]\n# raw <b>\n" in script.text


def test_comments_end_only_where_ours_do():
    cell, raw = new_markdown_cell("Title\rboom()\r\n# more"), new_raw_cell("raw\rboom()")
    run = new_code_cell("a = 1", metadata={"nb_builder": {"injected": True, "title": "x\nboom()#.py, which %run runs"}})
    node = new_notebook(cells=[cell, raw, run])
    for script in (
        scripts.model_script(node, Path("m\nboom()#.ipynb"), None),
        scripts.requirements_script(node, Path("m\nboom()#.ipynb")),
    ):
        assert "boom" not in [name.id for name in ast.walk(ast.parse(script.text)) if isinstance(name, ast.Name)]
        assert script.text.splitlines()[1].startswith("# Written by nb-builder from m\\nboom()#.ipynb: ")


def test_what_is_run_is_what_is_written():
    script = model_script(new_code_cell("a = 1\n\n\nb = 2"), new_code_cell("%%time\nc = 3"))
    for cell in script.cells:
        assert cell.source in script.text


def test_a_wrongly_indented_cell_stays_as_it_is():
    source = "def predictor(x):\n      x\n    return x"
    (cell,) = scripts.author_cells(new_notebook(cells=[new_code_cell(source)]))
    assert cell.source == source


def test_a_line_separator_of_unicode_causes_no_warning(recwarn):
    source = "title = 'one\u2028two'\npredictor = str"
    (cell,) = scripts.author_cells(new_notebook(cells=[new_code_cell(source)]))
    assert (cell.source, list(recwarn)) == (source, [])


def test_empty_and_skipped_cells_get_no_number():
    cells = [
        new_code_cell("a"),
        new_code_cell("  \n"),
        new_code_cell("b", metadata={"tags": ["skip-execution"]}),
        new_code_cell("c"),
    ]
    script = model_script(*cells)
    assert [(cell.source, cell.number, cell.position) for cell in script.cells if not cell.ours] == [
        ("a", 1, 1),
        ("c", 2, 4),
    ]


def test_a_cell_is_shown_as_its_author_wrote_it():
    titles = [cell.title for cell in model_script(new_code_cell("\n%matplotlib inline\nx = 1")).cells]
    assert titles[1] == "%matplotlib inline"


def test_our_own_cells_stand_at_both_ends():
    cells = model_script(new_code_cell("a")).cells
    assert [cell.ours for cell in cells] == [True, False, True]
    assert "folder='/m'" in cells[-1].source


def test_lines_keep_their_numbers_below_empty_ones_too():
    node = new_notebook(cells=[new_code_cell("\n  \n\n%time x = 1\ny = 2")])
    assert scripts.author_cells(node)[0].source.splitlines()[4] == "y = 2"


def test_lines_keep_their_numbers():
    source = "a = 1\n%time b = 2\n!ls\nraise ValueError"
    assert (
        scripts.author_cells(new_notebook(cells=[new_code_cell(source)]))[0].source.splitlines()[3]
        == "raise ValueError"
    )


@pytest.mark.parametrize(
    "name",
    [
        "m\n{code}#.ipynb",
        "m\r{code}#.ipynb",
        # Comments in the first two lines choose the encoding, and some encodings have line breaks as escapes.
        "coding:raw_unicode_escape \\u000a{code}#.ipynb",
        "m\udcff.ipynb",
    ],
)
def test_a_file_name_is_never_code(name, tmp_path):
    code = "open('ran','w')"
    name = name.format(code=code)
    ran_by_the_notebook = own_cell(name, "requirements = []")
    ran_by_the_notebook.metadata["nb_builder"][INJECTED] = True
    node = new_notebook(cells=[new_markdown_cell(f"a\r{code}"), ran_by_the_notebook, new_code_cell("b = 1")])
    for script in (scripts.requirements_script(node, Path(name)), scripts.model_script(node, Path(name), None)):
        (tmp_path / "script.py").write_text(script.text, encoding="utf-8")
        subprocess.run([sys.executable, "script.py"], cwd=tmp_path, check=True)
    assert not (tmp_path / "ran").exists()
