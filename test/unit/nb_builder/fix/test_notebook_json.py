"""An .ipynb in which one cell changes, and no other byte."""

import json

import nbformat
import pytest
from nb_builder.fix.notebook_json import NotebookJson

CODE = {"cell_type": "code", "execution_count": 3, "metadata": {}, "outputs": [], "source": ["x = 'ü'\n", "y = 1"]}
WIDGETS = {"application/vnd.jupyter.widget-state+json": {"state": {"a": 1500.0}, "version_major": 2}}
MARKDOWN = {"cell_type": "markdown", "metadata": {}, "source": ["# Title"]}


def whole(*cells, minor=4):
    return {"cells": list(cells), "metadata": {"widgets": WIDGETS}, "nbformat": 4, "nbformat_minor": minor}


def written(notebook, style):
    text = json.dumps(
        notebook, **{key: value for key, value in style.items() if key not in ("newline", "begin", "end")}
    )
    return style.get("begin", "") + text.replace("\n", style.get("newline", "\n")) + style.get("end", "")


STYLES = [
    {"indent": 1, "end": "\n"},
    {"indent": 1, "ensure_ascii": False},
    {"indent": 2},
    {"indent": "\t"},
    {"indent": 1, "newline": "\r\n", "end": "\r\n"},
    {"indent": 4, "sort_keys": True},
    {"indent": 1, "begin": "\ufeff"},
    {},
    {"separators": (",", ":")},
]


@pytest.mark.parametrize("style", STYLES, ids=str)
def test_a_new_cell_is_written_as_the_file_is(style):
    document = NotebookJson(written(whole(MARKDOWN, CODE), style))
    document.insert(2, "a = 1\nb = 2", "requirements")
    assert document.append("c = 3", "predictor") == 4
    new = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": ["a = 1\n", "b = 2"]}
    assert document.text == written(whole(MARKDOWN, new, CODE, {**new, "source": ["c = 3"]}), style)


@pytest.mark.parametrize("style", STYLES, ids=str)
def test_a_source_is_replaced_in_its_own_form(style):
    document = NotebookJson(written(whole(MARKDOWN, CODE, {**CODE, "source": "z\n"}), style))
    assert (document.source(2), document.source(3)) == ("x = 'ü'\ny = 1", "z\n")
    document.replace(2, "x = 'ü'\ny = 2\n")
    document.replace(3, "z\nü")
    changed = {**CODE, "source": ["x = 'ü'\n", "y = 2\n"]}
    # A source of ASCII alone does not say whether the file escapes; either is the same.
    assert json.loads(document.text.removeprefix("\ufeff")) == whole(MARKDOWN, changed, {**CODE, "source": "z\nü"})
    document.replace(3, "z\n")
    assert document.text == written(whole(MARKDOWN, changed, {**CODE, "source": "z\n"}), style)


def test_what_json_says_in_many_ways_stays_as_it_is():
    text = '{"cells": [ ],\n "metadata": {"a": 1.50E3, "b": "\\u00fc", "a": 2}, "nbformat": 4, "nbformat_minor": 2 }'
    document = NotebookJson(text)
    document.insert(1, "a = 1", "requirements")
    before, _, after = text.partition("[ ]")
    assert document.text.startswith(before) and document.text.endswith(after)
    assert [cell.source for cell in nbformat.reads(document.text, 4).cells] == ["a = 1"]


def test_the_first_cell_of_all_is_indented_as_the_file_is():
    document = NotebookJson(written(whole(minor=5), {"indent": 2}))
    document.insert(1, "a = 1", "requirements")
    assert document.text.startswith('{\n  "cells": [\n    {\n      "cell_type": "code",\n')
    nbformat.validate(nbformat.reads(document.text, 4))


@pytest.mark.parametrize(("minor", "expected"), [(5, ["title", "requirements-2", "requirements"]), (4, [None] * 3)])
def test_a_new_cell_has_an_id_where_the_format_has_ids(minor, expected):
    cells = [{**MARKDOWN, "id": "title"}, {**CODE, "id": "requirements"}] if minor == 5 else [MARKDOWN, CODE]
    document = NotebookJson(written(whole(*cells, minor=minor), {"indent": 1}))
    document.insert(2, "a = 1", "requirements")
    assert [cell.get("id") for cell in json.loads(document.text)["cells"]] == expected
    nbformat.validate(json.loads(document.text))


def test_cells_of_format_3_lie_in_worksheets():
    old = {
        "cell_type": "code",
        "collapsed": False,
        "input": ["x = 1"],
        "language": "python",
        "metadata": {},
        "outputs": [],
    }
    sheets = [{"cells": [old], "metadata": {}}, {"cells": [old], "metadata": {}}]
    text = json.dumps({"metadata": {}, "nbformat": 3, "nbformat_minor": 0, "worksheets": sheets}, indent=1)
    document = NotebookJson(text)
    document.insert(1, "a = 1", "requirements")
    document.replace(3, "x = 2")
    document.append("b = 2", "predictor")
    assert [cell.source for cell in nbformat.reads(document.text, 4).cells] == ["a = 1", "x = 1", "x = 2", "b = 2"]
    assert document.source(3) == "x = 2"


def test_a_title_is_seen():
    assert NotebookJson(written(whole(MARKDOWN), {})).begins_with_markdown()
    assert not NotebookJson(written(whole(CODE, MARKDOWN), {})).begins_with_markdown()
    assert not NotebookJson(written(whole(), {})).begins_with_markdown()
