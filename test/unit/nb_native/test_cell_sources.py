"""Functions of a pickle get the text of their cells back, whatever that text contains."""

import inspect
import json
import linecache

from nb_native import cell_sources

SOURCE = '\n \nNOTE = """\n\n\n# %% [2] not a cell"""\n\n\ndef predictor(x):\n    return x\n'


def test_a_cell_keeps_text_that_looks_like_a_script_s_and_loses_its_empty_top_as_in_jupyter(tmp_path, monkeypatch):
    monkeypatch.setattr(linecache, "cache", dict(linecache.cache))
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "cells.json").write_text(json.dumps([{"number": 7, "source": SOURCE}]))
    names = {}
    exec(compile(SOURCE.lstrip(), "model.ipynb cell [7]", "exec"), names)
    cell_sources.give(str(tmp_path), "model.ipynb")
    assert inspect.getsource(names["predictor"]) == "def predictor(x):\n    return x\n"
    assert "model.ipynb cell [2]" not in linecache.cache


def test_without_cells_there_are_no_sources_and_no_failure(tmp_path):
    cell_sources.give(str(tmp_path), "elsewhere.ipynb")
    assert "elsewhere.ipynb cell [1]" not in linecache.cache
