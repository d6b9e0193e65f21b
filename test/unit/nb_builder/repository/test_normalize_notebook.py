"""Notebook files with gaps that do not matter for a build."""

import nbformat
import pytest
from nb_builder.repository.normalize_notebook import normalize

CELL = {"cell_type": "code", "id": "a", "metadata": {}, "outputs": [], "execution_count": None, "source": "x = 1"}


def mended(*cells, **fields):
    raw = {"cells": list(cells) or [dict(CELL)], "metadata": {}, "nbformat": 4, "nbformat_minor": 5, **fields}
    normalize(raw)
    nbformat.validate(nbformat.from_dict(raw))
    return raw


@pytest.mark.parametrize("name", ["id", "metadata", "outputs", "execution_count", "source"])
def test_what_a_cell_lacks_is_filled_in(name):
    assert set(mended({key: value for key, value in CELL.items() if key != name})["cells"][0]) == set(CELL)


def test_ids_are_given_by_place_where_they_lack_or_are_taken():
    cells = mended(dict(CELL), {**CELL, "id": "a"}, {**CELL, "id": "no id!"}, {**CELL, "id": "b"})["cells"]
    assert [cell["id"] for cell in cells] == ["a", "cell-2", "cell-3", "b"]


def test_formats_before_ids_get_none():
    assert "id" not in mended({key: value for key, value in CELL.items() if key != "id"}, nbformat_minor=2)["cells"][0]


@pytest.mark.parametrize(
    ("tags", "kept"), [("parameters", ["parameters"]), (None, None), (["a", "a", 1], ["a", "1"]), ({}, None)]
)
def test_tags_are_a_list_of_texts_or_nothing(tags, kept):
    assert mended({**CELL, "metadata": {"tags": tags}})["cells"][0]["metadata"].get("tags") == kept


@pytest.mark.parametrize(
    ("metadata", "kept"),
    [
        (None, {}),
        ({"kernelspec": None, "authors": "me"}, {}),
        ({"kernelspec": {"name": "python3"}}, {"kernelspec": {"name": "python3", "display_name": "python3"}}),
        ({"kernelspec": {"display_name": "P"}}, {"kernelspec": {"name": "P", "display_name": "P"}}),
        ({"language_info": {"version": "3.9"}}, {"language_info": {"version": "3.9", "name": "python"}}),
        ({"widgets": {"application/vnd.jupyter.widget-state+json": {"version_major": 2}}}, {}),
    ],
)
def test_metadata_keep_what_has_the_right_form(metadata, kept):
    assert mended(metadata=metadata)["metadata"] == kept


def test_the_notebook_that_an_earlier_build_wrote_is_one_of_the_author_s_now():
    [cell] = mended({**CELL, "metadata": {"nb_builder": {"injected": True}, "tags": ["injected-parameters"]}})["cells"]
    assert cell["metadata"] == {"tags": ["injected-parameters"]}


def test_what_an_earlier_run_stored_is_dropped():
    [cell] = mended({**CELL, "execution_count": "7", "outputs": [{"output_type": "no such kind"}], "extra": 1})["cells"]
    assert cell == CELL
