"""Values from outside for the cell tagged `parameters`."""

import io
import re
from pathlib import Path

import pytest
from nb_builder.common import parameter_values
from nb_builder.common.log import Log
from nb_builder.preflight import parameters
from nb_builder.problems.contract import ParameterUnknown
from nb_builder.rewrite import scripts
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

USUAL = ("# Settings", "alpha = 0.5\ndepth: int = 3", "def predictor(x):\n    return alpha * x")


def notebook(*sources, tagged=1, tag="parameters", minor=4):
    cells = [new_markdown_cell(source) if source.startswith("# ") else new_code_cell(source) for source in sources]
    for cell in cells if minor < 5 else ():
        cell.pop("id")
    if tagged is not None:
        cells[tagged].metadata["tags"] = [tag]
    return new_notebook(cells=cells, nbformat_minor=minor)


def injected(*nodes, **values):
    stream = io.StringIO()
    return parameters.apply(nodes, values, Log(stream)), stream.getvalue()


def test_the_values_are_assigned_right_after_the_tagged_cell():
    (node,), log = injected(notebook(*USUAL), alpha=0.1, depth=None)
    cell = node.cells[2]
    assert cell.source.splitlines()[1:] == ["alpha = 0.1", "depth = None"]
    assert cell.metadata["tags"] == ["injected-parameters"]
    assert log == ""


def test_numbers_and_places_of_the_authors_cells_stay():
    (node,), _ = injected(notebook(*USUAL), alpha=1)
    cells = scripts.author_cells(node)
    assert [(cell.number, cell.position) for cell in cells] == [(1, 2), (None, None), (2, 3)]


def test_the_author_s_own_notebook_is_left_as_it_is():
    node = notebook(*USUAL)
    injected(node, alpha=1)
    assert len(node.cells) == 3


def test_requirements_may_depend_on_a_parameter():
    cells = ("gpu = False", 'requirements = [["torch" if gpu else "six", ""]]')
    (node,), _ = injected(notebook(*cells, tagged=0), gpu=True)
    script = scripts.requirements_script(node, Path("model.ipynb")).text
    assert script.index("gpu = True") < script.index("requirements =")


def test_without_a_tagged_cell_the_values_come_first_and_a_note_says_so():
    (node,), log = injected(notebook("print(alpha)", tagged=None), alpha=1)
    assert "alpha = 1" in node.cells[0].source
    assert "note: no cell is tagged 'parameters'" in log


def test_a_name_that_the_cell_does_not_assign_is_rejected_with_those_that_it_does():
    with pytest.raises(ParameterUnknown) as rejected:
        injected(notebook(*USUAL), alhpa=1, depth=2, x=3)
    assert rejected.value.what == "S2I_PARAMETERS sets alhpa, x, which the cell tagged 'parameters' does not assign."
    assert "The cell assigns: alpha, depth." in rejected.value.why


def test_what_a_run_of_papermill_left_is_replaced():
    left = notebook("alpha = 1", "alpha = 2", "print(alpha)", tag="injected-parameters")
    left.cells[0].metadata["tags"] = ["parameters"]
    (node,), _ = injected(left, alpha=3)
    assert [cell.source.splitlines()[-1] for cell in node.cells] == ["alpha = 1", "alpha = 3", "print(alpha)"]
    assert [cell.number for cell in scripts.author_cells(node)] == [1, 2, 3]


def test_of_several_notebooks_each_gets_the_names_that_it_has():
    first, second = notebook("rows = 9", tagged=0), notebook("rows = 1\nalpha = 1", tagged=0)
    third = notebook("alpha = 5", tagged=None)
    nodes, _ = injected(first, second, third, rows=3, alpha=2)
    assert nodes[0].cells[1].source.splitlines()[1:] == ["rows = 3"]
    assert nodes[1].cells[1].source.splitlines()[1:] == ["rows = 3", "alpha = 2"]
    assert len(nodes[2].cells) == 1


def test_magics_in_the_tagged_cell_do_not_hide_its_names():
    assert parameters.names_of(notebook("%matplotlib inline\nalpha = 1", tagged=0)) == {"alpha"}


@pytest.mark.parametrize("minor", [4, 5])
def test_the_cell_has_an_id_where_the_format_has_them_and_always_the_same(minor):
    (node,), _ = injected(notebook(*USUAL, minor=minor), alpha=1)
    assert node.cells[2].get("id") == ("injected-parameters" if minor == 5 else None)


def test_json_becomes_literals_of_python():
    (node,), _ = injected(
        notebook("a = b = c = 0", tagged=0), **parameter_values.read('{"a": true, "b": null, "c": "ä\'"}')
    )
    assert node.cells[1].source.splitlines()[1:] == ["a = True", "b = None", """c = "ä'\""""]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{alpha: 1}", "a JSON object (Expecting property name"),
        ("[1]", 'a JSON object, such as {"alpha": 0.1}'),
        ('{"a b": 1}', "a JSON object of Python names ('a b' is none)"),
        ('{"class": 1}', "a JSON object of Python names ('class' is none)"),
        ('{"a": NaN}', "a JSON object (NaN is not JSON)"),
        ('{"a": [1e999]}', "a JSON object of numbers that a float can hold"),
    ],
)
def test_what_is_no_object_of_values_is_rejected(text, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        parameter_values.read(text)
