"""Which imports an environment meets, asked of this one."""

import io
import os
import sys
from pathlib import Path

import pytest
from nb_builder.common.log import Log
from nb_builder.preflight import unmet_imports
from nb_builder.preflight.checks import Notebook
from nb_builder.problems.modules import ImportOfSubmodule, ImportsUndeclared, ImportUndeclared
from nbformat import v4


@pytest.fixture
def overlay(tmp_path_factory):
    return tmp_path_factory.mktemp("overlay")


@pytest.fixture
def met(tmp_path, overlay):
    """Return what looks for the imports of a notebook's cells; it returns the log."""

    def look(*sources, more=()):
        log = Log(io.StringIO())
        written = [sources, *more]
        notebooks = [
            Notebook(Path(f"{number}.ipynb"), v4.new_notebook(cells=[v4.new_code_cell(source) for source in cells]), "")
            for number, cells in enumerate(written, start=1)
        ]
        unmet_imports.require_met(notebooks, tmp_path, Path(sys.executable), overlay, os.environ, log)
        return log.stream.getvalue()

    return look


def test_what_is_there_is_met(met, tmp_path, overlay):
    (tmp_path / "own.py").write_text("import pytest")
    (overlay / "lent.py").write_text("")
    assert met("import os, pytest, _pytest.config, own, lent\nfrom packaging import version, nothing") == ""


def test_modules_of_the_repository_that_are_called_like_pythons_own_are_not_run(met, tmp_path):
    for name in ("json", "importlib", "sitecustomize"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('imported')")
    assert met("import pytest") == ""


def test_a_package_of_several_distributions_is_looked_into(met, overlay):
    (overlay / "google" / "cloud" / "storage").mkdir(parents=True)
    (overlay / "google" / "cloud" / "storage" / "__init__.py").write_text("")
    assert met("from google.cloud import storage\nimport google.cloud.storage.blob") == ""
    with pytest.raises(ImportUndeclared, match="imports 'google.cloud.bigquery'"):
        met("from google.cloud import storage, bigquery")


def test_all_notebooks_are_reported_together(met):
    with pytest.raises(ImportsUndeclared) as rejected:
        met("import alpha", more=[("x = 1", "def f():\n    import beta")])
    assert "'alpha': Cell [1] of 1.ipynb (cell 1 of the file), line 1\n" in rejected.value.detail
    assert "'beta': Cell [2] of 2.ipynb (cell 2 of the file), line 2 (perhaps never run)" in rejected.value.detail


def test_what_an_earlier_notebook_installs_is_left_to_the_run(met):
    assert met("%pip install alpha", more=[("import alpha",)]) == ""


def test_a_submodule_that_was_not_fetched_is_called_one(met, tmp_path):
    (tmp_path / ".gitmodules").write_text('[submodule "x"]\n\tpath = alpha\n\turl = https://example.com/alpha.git\n')
    (tmp_path / "alpha").mkdir()
    for source in ("import alpha", "from alpha import f", "import alpha.part"):
        with pytest.raises(ImportOfSubmodule, match="'alpha' from the git submodule alpha"):
            met(source)
    (tmp_path / "alpha" / "__init__.py").write_text("")
    assert met("import alpha") == ""


def test_where_no_package_fixes_any_import_none_is_asked_for(met, tmp_path):
    (tmp_path / ".gitmodules").write_text('[submodule "x"]\n\tpath = alpha\n\turl = https://example.com/alpha.git\n')
    (tmp_path / "alpha").mkdir()
    with pytest.raises(ImportsUndeclared) as rejected:
        met("import alpha\nimport win32api")
    assert rejected.value.fix == "Fix each import that is listed above."
    assert "(only Windows has it)" in rejected.value.detail
