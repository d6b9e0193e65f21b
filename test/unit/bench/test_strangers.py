"""The table of strangers' notebooks."""

import importlib
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "bench"


@pytest.fixture
def strangers(monkeypatch):
    """Return the module, found as `make bench` finds it."""
    monkeypatch.syspath_prepend(BENCH)
    return importlib.import_module("strangers")


def test_a_notebook_that_fails_without_and_with_its_edit_counts_once(strangers, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(strangers, "PLACE", tmp_path)
    monkeypatch.setattr(strangers, "FROM", str(tmp_path / "nothing"))
    [stranger] = [each for each in strangers.STRANGERS if (each.repository, each.path) in strangers.EDITS][:1]
    monkeypatch.setattr(strangers, "STRANGERS", [stranger])
    strangers.report()
    output = capsys.readouterr().out
    assert output.count("not fetched") == 2
    assert "  all: 1, served 0 (0%)" in output
