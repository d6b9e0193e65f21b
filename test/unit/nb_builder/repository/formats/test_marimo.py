"""marimo's files as notebooks."""

import pytest
from nb_builder.repository.formats import marimo

HEAD = "import marimo\n\napp = marimo.App()\n\n\n"


def cell(body, takes="", decorator="@app.cell"):
    lines = "\n".join(f"    {line}" if line else "" for line in body.splitlines())
    return f"{decorator}\ndef _({takes}):\n{lines}\n\n\n"


def sources(*cells):
    return [node.source for node in marimo.parse(HEAD + "".join(cells)).cells]


def test_a_file_is_known_by_its_app():
    assert marimo.is_one(HEAD)
    assert not marimo.is_one("import marimo\nprint(marimo.__version__)\n")


def test_cells_stand_in_the_order_of_what_they_take():
    last, middle, first = cell("c = b\nreturn (c,)", "b"), cell("b = a\nreturn (b,)", "a"), cell("a = 1\nreturn (a,)")
    assert sources(last, middle, first) == ["a = 1", "b = a", "c = b"]


def test_cells_that_take_nothing_of_each_other_stay_as_they_are():
    assert sources(cell("b = 1\nreturn (b,)"), cell("a = 1\nreturn (a,)")) == ["b = 1", "a = 1"]


def test_cells_that_wait_for_each_other_are_all_there():
    assert sorted(sources(cell("a = b\nreturn (a,)", "b"), cell("b = a\nreturn (b,)", "a"))) == ["a = b", "b = a"]


def test_a_name_that_begins_with_an_underscore_is_each_cells_own():
    assert sources(cell("b = _a = 2\nreturn (b,)"), cell("_a = 1\nreturn")) == ["b = _a = 2", "_a = 1"]


def test_the_value_of_a_text_over_several_lines_stays_as_it_is():
    (source,) = sources('@app.cell\ndef _():\n    text = """one\ntwo\n    three"""\n    return (text,)\n')
    assert source == 'text = """one\ntwo\n    three"""'


def test_a_setup_and_functions_of_the_app_are_cells():
    setup = "with app.setup:\n    import math\n    tau = 2 * math.pi\n\n\n"
    function = "@app.function(hide_code=True)\n@staticmethod\ndef around(r):\n    return tau * r\n\n\n"
    assert sources(function, setup) == [
        "import math\ntau = 2 * math.pi",
        "@staticmethod\ndef around(r):\n    return tau * r",
    ]


@pytest.mark.parametrize(
    ("body", "kept"),
    [("mo.md('# A')", True), ("mo.ui.slider(1, 2)", False), ("mo.md(f'{1 + 1}')", False)],
)
def test_marimo_itself_is_needed_where_more_than_its_texts_are_used(body, kept):
    node = marimo.parse(HEAD + cell("import marimo as mo\nreturn (mo,)") + cell(f"{body}\nreturn", "mo"))
    assert ("import marimo as mo" not in [code_cell.source for code_cell in node.cells]) is kept


def test_each_cell_knows_the_line_of_the_file_that_it_begins_in():
    text = HEAD + cell("b = a\nreturn (b,)", "a") + cell("\na = 1\nreturn (a,)")
    lines = text.splitlines()
    begins = [node.metadata["nb_builder"]["begins"] for node in marimo.parse(text).cells]
    assert [lines[number - 1].strip() for number in begins] == ["a = 1", "b = a"]
