"""When packages choose another Python, and which one they choose."""

import io
from pathlib import Path

import pytest
from nb_builder.common.log import Log
from nb_builder.install import interpreters, python_by_packages
from nb_builder.install.interpreters import Python
from nb_builder.install.python_downloads import DownloadFailed
from nb_builder.problems.packages import IndexUnreachable, VersionMissing, WheelMissing

FOUND = {minor: Python(Path(f"/python{minor}"), minor) for minor in ("3.9", "3.12")}
OTHERS = ("3.13", "3.12", "3.10", "3.9")


class Index:
    """An installer whose index has the packages' wheels for some Pythons."""

    def __init__(self, *minors):
        self.minors, self.asked = minors, []

    def has_wheels(self, wanted, minor):
        """Return whether it has them."""
        self.asked.append(minor)
        return minor in self.minors


@pytest.fixture
def choose(monkeypatch):
    """Return a function that chooses by what an index has: (the version or None, the log)."""
    monkeypatch.setattr(interpreters, "find", lambda environ: FOUND)

    def chosen(index, downloads, failure=""):
        def provide(minor, log, environ, downloads):
            if failure:
                raise DownloadFailed(failure)
            return Python(Path("/downloaded"), minor)

        monkeypatch.setattr(interpreters, "provide", provide)
        stream = io.StringIO()
        python = python_by_packages.choose(index, None, OTHERS, Log(stream), {}, downloads)
        return python and python.minor, stream.getvalue()

    return chosen


def test_an_installed_python_comes_before_a_nearer_one_that_has_to_be_downloaded(choose):
    assert choose(Index("3.13", "3.9"), "auto") == ("3.9", "")
    assert choose(Index("3.12", "3.9"), "auto") == ("3.12", "")


def test_one_is_downloaded_if_no_installed_one_has_wheels(choose):
    assert choose(Index("3.10", "3.13"), "auto") == ("3.13", "")


def test_none_is_downloaded_if_that_is_forbidden(choose):
    index = Index("3.13")
    assert choose(index, "never") == (None, "")
    assert index.asked == ["3.12", "3.9"]


def test_a_download_that_fails_is_a_note(choose):
    python, log = choose(Index("3.13"), "auto", " and could not be downloaded (no route)")
    assert python is None
    assert "wheels for Python 3.13, which is not installed and could not be downloaded (no route)." in log


@pytest.mark.parametrize(
    ("problem", "expected"),
    [
        (WheelMissing, True),
        (IndexUnreachable, False),
    ],
)
def test_an_index_that_is_away_is_no_reason_to_look_further(problem, expected):
    facts = dict.fromkeys(("pin", "where", "name", "python", "reason", "versions", "pythons", "other", "compilers"), "")
    assert python_by_packages.may_depend_on_python(problem(**facts)) is expected


@pytest.mark.parametrize(
    ("detail", "expected"),
    [
        ("the current Python version (3.11.7) does not satisfy Python>=3.12", True),
        ("alpha==1.0 has no wheels with a matching Python ABI tag (e.g., `cp311`)", True),
        ("there is no version of numpy==99", False),
    ],
)
def test_a_version_that_no_python_has_is_no_reason_either(detail, expected):
    problem = VersionMissing(python="3.11", reason="", hint="", detail=detail)
    assert python_by_packages.may_depend_on_python(problem) is expected
