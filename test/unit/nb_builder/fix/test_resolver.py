"""For which Python and date versions are chosen, and what they must fit."""

import io
import os
import sys
import tarfile
from datetime import datetime, timedelta, timezone
from pathlib import Path

from nb_builder.analysis import removed_apis
from nb_builder.common.cell import Cell
from nb_builder.common.resolve_date import AsOf
from nb_builder.fix import resolver
from nb_builder.fix.resolver import Candidate
from nb_builder.install.interpreters import Python
from nb_builder.preflight.undeclared_imports import Import
from packaging.requirements import Requirement

OLD = AsOf(datetime(2023, 5, 2, tzinfo=timezone.utc), "the last commit of m.ipynb")
PYTHON = Python(Path("/usr/bin/python3.9"), "3.9")


def uses(source):
    return removed_apis.uses([Cell(source, 1, 1)])


def test_the_date_is_that_of_the_notebook():
    assert resolver.date_of(OLD, []).day == "2023-05-01"
    assert resolver.date_of(None, []) is None
    assert resolver.date_of(AsOf(datetime.now(timezone.utc) - timedelta(days=3), "git"), []) is None


def test_what_was_removed_before_the_notebook_changed_sets_an_earlier_date():
    as_of = resolver.date_of(OLD, uses("from sklearn.externals import joblib"))
    assert as_of.day == "2020-05-11"
    assert as_of.source == "scikit-learn 0.23 no longer has 'sklearn.externals.joblib'"
    assert resolver.date_of(None, uses("from sklearn.datasets import load_boston")).day == "2022-12-07"


def test_what_is_removed_later_does_not():
    assert resolver.date_of(OLD, uses("RandomForestClassifier(max_features='auto')")).day == "2023-05-01"


def test_imports_become_distributions_with_what_they_do_not_declare():
    imports = [Import("sklearn.svm", (), 1), Import("pandas", (), 1), Import("keras", (), 1), Import("nobody", (), 1)]
    wished = resolver.wishes(imports, [Cell("pd.read_excel('a.xlsx')", 1, 1)], [])
    names = ("keras", "numpy", "openpyxl", "pandas", "scikit-learn", "scipy", "tensorflow", "xlrd")
    assert wished.names == names
    assert [imported.module for imported in wished.unknown] == ["nobody"]


def test_a_method_may_need_a_distribution_that_its_package_does_not_declare():
    imports = [Import("lightgbm", (), 1)]
    wished = resolver.wishes(imports, [Cell("lgb.create_tree_digraph(model)", 1, 1)], [])
    assert wished.names == ("graphviz", "lightgbm")
    assert resolver.wishes(imports, [Cell("pd.read_html('a')", 1, 1)], []).names == ("lightgbm",)


def asked(monkeypatch, wished, candidate):
    lines = []

    def compile_(given, *rest):
        lines.extend(given)
        return {"scikit-learn": "0.22.2", "numpy": "1.19.0", "scipy": "1.5"}

    monkeypatch.setattr(resolver, "_compile", compile_)
    return lines, resolver.resolve(wished, candidate, {})


def test_the_author_s_versions_count_and_what_was_removed_limits_them(monkeypatch):
    source = "from sklearn.externals import joblib\nimport numpy"
    imports = [Import("sklearn.externals", ("joblib",), 1), Import("numpy", (), 2)]
    wished = resolver.wishes(imports, [Cell(source, 1, 1)], [Requirement("numpy>=1.17")])
    lines, resolution = asked(monkeypatch, wished, Candidate(PYTHON, OLD))
    assert lines == ["numpy>=1.17", "scikit-learn<0.23", "scipy"]
    assert resolution.entries == (("numpy", "1.19.0"), ("scikit-learn", "0.22.2"), ("scipy", "1.5"))
    lines, _ = asked(monkeypatch, wished, Candidate(PYTHON, OLD, keeps_versions=False))
    assert lines == ["numpy", "scikit-learn<0.23", "scipy"]


def test_a_release_with_an_error_is_left_out_unless_the_author_names_it(monkeypatch):
    imports = [Import("pandas", (), 1)]
    for declared, line in (([], "pandas!=0.24.0"), ([Requirement("pandas==0.24.0")], "pandas==0.24.0")):
        wished = resolver.wishes(imports, [Cell("import pandas", 1, 1)], declared)
        lines, _ = asked(monkeypatch, wished, Candidate(PYTHON, OLD))
        assert lines == [line]


def test_other_candidates_follow_and_a_python_that_was_set_stays():
    first = Candidate(PYTHON, OLD, keeps_versions=False)
    assert list(dict.fromkeys(resolver.candidates(first, "3.9", {}))) == [first, Candidate(PYTHON, None, False)]


def source_distribution(folder, ran):
    """Write a package without a wheel, whose build script leaves a file."""
    backend = f"open({str(ran)!r}, 'w').close()\nraise SystemExit(1)\n"
    project = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    metadata = "Metadata-Version: 1.0\nName: alpha\nVersion: 1.0\n"
    with tarfile.open(folder / "alpha-1.0.tar.gz", "w:gz") as archive:
        for name, text in (("PKG-INFO", metadata), ("pyproject.toml", project), ("backend.py", backend)):
            member = tarfile.TarInfo(f"alpha-1.0/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))


def test_no_package_is_built_unless_that_is_wanted(tmp_path):
    """A repository chooses the package, so its build script may be anybody's."""
    source_distribution(tmp_path, tmp_path / "ran")
    environ = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path), "HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    candidate = Candidate(Python(Path(sys.executable), f"3.{sys.version_info[1]}"), None)
    wished = resolver.Wishes(("alpha",), (Requirement("alpha==1.0"),))
    assert "no usable wheels" in resolver.resolve(wished, candidate, environ)
    assert not (tmp_path / "ran").exists()
    assert isinstance(resolver.resolve(wished, candidate, environ, builds=True), str)
    assert (tmp_path / "ran").exists()
