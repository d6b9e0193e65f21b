"""Which cells a save has changed."""

import json

import pytest
from nb_builder.commands.dev import changed_cells


def written(folder, *cells, **metadata):
    """Write a notebook of code cells (source, or source with its tags) and return its code."""
    made = []
    for cell in cells:
        source, *tags = [cell] if isinstance(cell, str) else cell
        made.append(
            {"cell_type": "code", "metadata": {"tags": tags}, "outputs": [], "execution_count": None, "source": source}
        )
    text = json.dumps({"cells": made, "metadata": metadata, "nbformat": 4, "nbformat_minor": 4})
    (folder / "model.ipynb").write_text(text, encoding="utf-8")
    return changed_cells.read(folder, changed_cells.Path("model.ipynb"))


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (["a = 1", "b = 2", "c = 3"], None),
        (["a = 1", "b = 3", "c = 3"], "cell 2"),
        (["a = 2", "b = 2", "c = 4"], "cells 1 and 3"),
        (["a = 1", "b = 2", "d = 4", "c = 3"], "cell 3"),
        (["a = 1", "c = 3"], "a cell removed"),
        (["c = 3"], "cells removed"),
        (["x", "y", "z", "1", "2"], "cells 1, 2, 3 and 2 more"),
        (["a = 1", ("b = 2", "parameters"), "c = 3"], "cell 2"),
        # Empty cells have no number, and change nothing.
        (["a = 1", "", "b = 2", "c = 3"], None),
    ],
)
def test_cells_are_named_as_jupyter_numbers_them(tmp_path, after, words):
    before = written(tmp_path, "a = 1", "b = 2", "c = 3")
    assert changed_cells.described(before, written(tmp_path, *after)) == words


def test_another_python_counts_and_other_metadata_does_not(tmp_path):
    before = written(tmp_path, "a = 1")
    assert changed_cells.described(before, written(tmp_path, "a = 1", toc={"x": 1})) is None
    after = written(tmp_path, "a = 1", language_info={"name": "python", "version": "3.12.1"})
    assert changed_cells.described(before, after) == "its Python"


def test_what_can_t_be_read_is_a_change_without_a_name(tmp_path):
    before = written(tmp_path, "a = 1")
    (tmp_path / "model.ipynb").write_text("{}")
    assert changed_cells.read(tmp_path, changed_cells.Path("model.ipynb")) is None
    assert changed_cells.described(before, None) == ""
    assert changed_cells.described(None, before) == ""


def test_half_a_file_is_not_whole_and_a_wrong_one_is(tmp_path):
    written(tmp_path, "a = 1")
    path, name = tmp_path / "model.ipynb", changed_cells.Path("model.ipynb")
    text = path.read_text()
    assert changed_cells.is_whole(tmp_path, name)
    for part in ("", text[: len(text) // 2]):
        path.write_text(part)
        assert not changed_cells.is_whole(tmp_path, name)
    path.write_text("{}")
    assert changed_cells.is_whole(tmp_path, name)
