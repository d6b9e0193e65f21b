"""Reading a notebook's file, or saying why it can't be read."""

import contextlib
import json
from pathlib import Path

import pytest
from nb_builder.problems.notebooks import LanguageWrong, NotebookConflict, NotebookNotANotebook, NotebookNotJson
from nb_builder.repository import notebook_file
from nb_scorer.common.problem import Problem
from nbformat.v4 import new_code_cell, new_notebook

NAME = Path("model.ipynb")


def read(tmp_path, content):
    text = content if isinstance(content, str) else json.dumps(content, indent=1)
    (tmp_path / NAME).write_text(text, encoding="utf-8")
    return notebook_file.read(tmp_path, NAME)


def good(**metadata):
    return new_notebook(cells=[new_code_cell("x = 1")], metadata=metadata)


def test_a_byte_order_mark_is_no_obstacle(tmp_path):
    assert read(tmp_path, "\ufeff" + json.dumps(good())).cells[0].source == "x = 1"


def test_format_3_is_read_as_format_4(tmp_path):
    cell = {"cell_type": "code", "input": ["a = 1\n", "b = 2"], "language": "python", "outputs": [], "collapsed": False}
    old = {
        "nbformat": 3,
        "nbformat_minor": 0,
        "metadata": {"name": ""},
        "worksheets": [{"cells": [cell], "metadata": {}}],
    }
    assert read(tmp_path, old).cells[0].source == "a = 1\nb = 2"


def test_stored_outputs_are_dropped_whatever_they_are(tmp_path):
    content = good()
    content.cells[0].outputs = [{"output_type": "no such kind", "data": "x" * 1_000_000}, 7]
    assert read(tmp_path, content).cells[0].outputs == []


def test_a_script_is_read_in_its_cells_and_its_conflicts_are_seen(tmp_path):
    (tmp_path / "model.py").write_text("# %%\nx = 1\n# %%\ny = 1\n")
    assert [cell.source for cell in notebook_file.read(tmp_path, Path("model.py")).cells] == ["x = 1", "y = 1"]
    (tmp_path / "model.py").write_text("# %%\n<<<<<<< HEAD\nx = 1\n=======\n>>>>>>> other\n")
    with pytest.raises(NotebookConflict, match="line 2"):
        notebook_file.read(tmp_path, Path("model.py"))


def test_a_script_for_another_language_is_rejected(tmp_path):
    header = "# ---\n# jupyter:\n#   kernelspec:\n#     display_name: Julia\n#     language: julia\n# ---\n"
    (tmp_path / "model.py").write_text(header + "# %%\nx = 1\n")
    with pytest.raises(LanguageWrong, match="julia"):
        notebook_file.read(tmp_path, Path("model.py"))


def test_conflict_markers_are_named_with_their_line(tmp_path):
    text = json.dumps(good(), indent=1)
    with pytest.raises(NotebookConflict, match=r"model.ipynb contains git conflict markers \(line 2\)"):
        read(tmp_path, text.replace("{\n", "{\n<<<<<<< HEAD\n", 1))


@pytest.mark.parametrize(
    ("text", "state"), [("", "empty"), ("<html></html>", "something else"), ('{"cells": [], }', "damaged")]
)
def test_what_is_no_json_is_described(tmp_path, text, state):
    with pytest.raises(NotebookNotJson) as rejected:
        read(tmp_path, text)
    assert rejected.value.why == f"A notebook is a JSON file; this one is {state}."


def test_half_a_file_is_called_cut_off(tmp_path):
    text = json.dumps(good(), indent=1)
    with pytest.raises(NotebookNotJson) as rejected:
        read(tmp_path, text[: len(text) // 2])
    assert "this one is cut off" in rejected.value.why


def test_bytes_that_are_no_text_are_rejected(tmp_path):
    (tmp_path / NAME).write_bytes(b"\x80\x02}q\x00")
    with pytest.raises(NotebookNotJson, match="can't decode byte 0x80"):
        notebook_file.read(tmp_path, NAME)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ([1, 2], "its top level is a list, not an object"),
        ({"a": 1}, "the key 'nbformat' is missing"),
        ({"nbformat": 4}, "'cells'"),
    ],
)
def test_json_that_is_no_notebook_is_rejected(tmp_path, content, reason):
    with pytest.raises(NotebookNotANotebook, match="is JSON, but not a notebook") as rejected:
        read(tmp_path, content)
    assert reason in rejected.value.what


@pytest.mark.parametrize("cell", [{"cell_type": "code", "source": 7}, {"cell_type": "sql", "source": ""}, "text", {}])
def test_a_damaged_cell_is_rejected_and_not_a_crash(tmp_path, cell):
    with pytest.raises(NotebookNotANotebook):
        read(tmp_path, {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell]})


@pytest.mark.parametrize(
    "changes",
    [
        {"metadata": ["a"]},
        {"metadata": "a"},
        {"metadata": {"kernelspec": "python3"}},
        {"metadata": {"kernelspec": ["python3"], "language_info": 3}},
        {"metadata": {"kernelspec": {"name": []}, "language_info": {"name": {"a": 1}}}},
        {"nbformat": []},
        {"nbformat": 3, "nbformat_minor": {}},
        {"nbformat": 2, "worksheets": [{"cells": [{"cell_type": "code", "input": 1}]}]},
        {"nbformat": 3, "worksheets": [[]]},
        {"nbformat": 1, "cells": {}},
        {"nbformat_minor": 10**25},
        {"cells": {"a": []}},
        {"cells": None},
    ],
)
def test_fields_of_other_types_are_no_crash(tmp_path, changes):
    with contextlib.suppress(Problem):
        read(tmp_path, {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [], **changes})


def test_a_notebook_with_more_values_than_fit_into_memory_is_not_parsed(tmp_path, monkeypatch):
    monkeypatch.setattr(notebook_file, "MAX_PARTS", 10)
    with pytest.raises(NotebookNotANotebook) as rejected:
        read(tmp_path, {"nbformat": 4, "metadata": {}, "cells": [[]] * 9})
    assert "values, and the limit is 10" in rejected.value.what


def test_another_language_is_rejected_by_name(tmp_path):
    with pytest.raises(LanguageWrong, match="model.ipynb is written in R, not in Python") as rejected:
        read(tmp_path, good(kernelspec={"name": "ir", "display_name": "R 4.3", "language": "R"}))
    assert "the kernel 'R 4.3'" in rejected.value.why


@pytest.mark.parametrize(
    ("metadata", "wanted"),
    [
        ({"language_info": {"name": "python", "version": "3.6.5"}}, "3.6"),
        ({"kernelspec": {"name": "python3.9", "display_name": "x"}}, "3.9"),
        ({"kernelspec": {"name": "conda-env", "display_name": "Python 3.12 (ml)"}}, "3.12"),
        ({"kernelspec": {"name": "python3", "display_name": "Python 3"}}, None),
        ({}, None),
    ],
)
def test_the_wanted_python_is_in_the_metadata(metadata, wanted):
    assert notebook_file.wanted_python(good(**metadata)) == wanted


def test_a_number_of_thousands_of_digits_is_a_sentence(tmp_path):
    with pytest.raises(NotebookNotJson, match="a number with thousands of digits"):
        read(tmp_path, f'{{"cells": [], "nbformat": {"9" * 5000}}}')
