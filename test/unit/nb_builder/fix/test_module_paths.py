"""Modules of the repository in folders that Python doesn't search."""

from unittest import mock

from nb_builder.common.cell import Cell
from nb_builder.fix import module_paths
from nb_builder.repository import source_tree


def test_a_repository_is_listed_once_however_many_modules_are_looked_for(tmp_path, monkeypatch):
    (tmp_path / "code").mkdir()
    for name in ("first_of_ours", "second_of_ours"):
        (tmp_path / "code" / f"{name}.py").touch()
    files = mock.Mock(side_effect=source_tree.files)
    monkeypatch.setattr(source_tree, "files", files)
    cells = [Cell("import first_of_ours", 1, 1), Cell("import second_of_ours, json, numpy", 2, 2)]
    found = module_paths.find(cells, tmp_path, tmp_path)
    assert [(late.name, late.statement) for late in found] == [("first_of_ours", "import sys; sys.path.append('code')")]
    files.assert_called_once_with(tmp_path)
