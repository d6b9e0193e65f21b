"""Which interpreter the notebook gets."""

import io
import os
import sys
from pathlib import Path

import pytest
from nb_builder.common.log import Log
from nb_builder.install import interpreters, python_downloads
from nb_builder.install.interpreters import Wish
from nb_builder.install.python_downloads import DownloadFailed
from nb_builder.problems.notebooks import PythonMissing

OWN = f"{sys.version_info[0]}.{sys.version_info[1]}"
# One that the stand-in of a machine lacks, whatever runs these tests.
OTHER = "3.14" if OWN != "3.14" else "3.13"


def fake(folder, minor):
    """Make a folder with a script that answers like python3.N."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"python{minor}"
    path.write_text(f"#!/bin/sh\necho {minor} {minor}.1 {path}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine with Python 3.6 and 3.9 in pyenv, and a broken shim on PATH."""
    for minor in ("3.6", "3.9"):
        fake(tmp_path / ".pyenv/versions" / f"{minor}.1" / "bin", minor)
    shim = fake(tmp_path / "shims", "3.12")
    shim.write_text("#!/bin/sh\nexit 127\n")
    default = fake(tmp_path / "own", OWN)
    monkeypatch.setattr(interpreters, "candidates", lambda environ: sorted(Path(tmp_path).rglob("python3.*")))
    monkeypatch.setattr(sys, "_base_executable", str(default), raising=False)
    return {"HOME": str(tmp_path)}


def choose(machine, setting=None, wanted=None, *more):
    stream = io.StringIO()
    wishes = [Wish("the notebook was written with", f"=={wanted}.*")] if wanted else []
    return interpreters.choose(setting, [*wishes, *more], Log(stream), machine).python.minor, stream.getvalue()


def asks(file, specifier):
    return Wish(f"{file} asks for", specifier)


def test_a_range_takes_what_the_next_wish_names_within_it(machine):
    assert choose(machine, None, None, asks("pyproject.toml", ">=3.6,<3.10"), asks("runtime.txt", "==3.6.*")) == (
        "3.6",
        "",
    )


def test_of_a_range_that_excludes_the_builders_own_the_newest_is_taken(machine):
    assert choose(machine, None, None, asks("pyproject.toml", "<3.10")) == ("3.9", "")


def test_of_two_that_disagree_the_first_counts_and_both_are_named(machine):
    minor, log = choose(machine, None, "3.6", asks("runtime.txt", "==3.9.*"))
    assert minor == "3.6"
    assert "the notebook was written with Python 3.6, which takes precedence; runtime.txt asks for Python 3.9." in log


def test_a_wish_that_is_no_specifier_is_none(machine):
    assert choose(machine, None, None, asks("setup.py", "three")) == (OWN, "")


def test_the_wanted_one_is_used_if_it_is_here(machine):
    assert choose(machine, wanted="3.9") == ("3.9", "")


def test_no_wish_means_the_builders_own(machine):
    assert choose(machine) == (OWN, "")


def test_a_notice_names_the_nearest_one_where_the_wanted_is_missing(machine):
    minor, log = choose(machine, wanted="3.7")
    assert minor == "3.6"
    assert "written with Python 3.7, which is not installed (S2I_PYTHON_DOWNLOADS=never); the build uses Python" in log


def test_one_that_is_too_old_for_us_is_a_wish_too(machine):
    assert "Python 3.5, which is not installed; the build uses Python 3.6 instead." in choose(machine, wanted="3.5")[1]


def test_of_two_that_are_equally_near_the_newer_is_used(machine):
    assert interpreters._distance(interpreters.Python(Path("x"), "3.9"), "3.8") < interpreters._distance(
        interpreters.Python(Path("x"), "3.7"), "3.8"
    )


def test_the_setting_is_obeyed_or_rejected_with_what_there_is(machine):
    assert choose(machine, setting="3.6", wanted="3.9")[0] == "3.6"
    with pytest.raises(PythonMissing, match=r"Python 3\.12 \(S2I_PYTHON\) is not installed") as rejected:
        choose(machine, setting="3.12")
    assert "Installed: 3.6, 3.9" in rejected.value.why
    assert "--pythons 3.12" in rejected.value.fix


def test_the_setting_may_be_a_path():
    real = os.path.realpath(sys.executable)
    assert interpreters.choose(real, [], Log(io.StringIO())).python.minor == OWN
    with pytest.raises(PythonMissing, match="/nowhere/python"):
        interpreters.choose("/nowhere/python", [], Log(io.StringIO()))


def test_python_2_does_not_count(tmp_path):
    assert interpreters.probe(fake(tmp_path, "2.7")) is None
    assert interpreters.probe(fake(tmp_path, "3.5")) is None


@pytest.mark.parametrize(
    ("day", "specifier"), [("2021-08-15", "<3.10"), ("2018-01-01", "<3.7"), ("2023-06-01", "<3.12")]
)
def test_packages_of_a_day_go_with_a_python_that_had_been_out_for_half_a_year(day, specifier):
    assert [str(wish.specifier) for wish in interpreters.of_date(day)] == [specifier]


def test_packages_of_late_go_with_every_python():
    assert interpreters.of_date("2027-06-01") == []


def provided(monkeypatch, machine, failure=""):
    """Have downloads place a stand-in; return the list of those asked for."""
    asked = []

    def install(minor, environ):
        asked.append(minor)
        if failure:
            raise DownloadFailed(failure)
        fake(Path(machine["HOME"]) / "downloaded", minor)

    monkeypatch.setattr(python_downloads, "install", install)
    return asked


def with_downloads(machine, mode, *wishes, setting=None):
    stream = io.StringIO()
    choice = interpreters.choose(setting, wishes, Log(stream), machine, mode)
    return choice, stream.getvalue()


def test_a_missing_one_is_downloaded(machine, monkeypatch):
    asked = provided(monkeypatch, machine)
    choice, log = with_downloads(machine, "auto", asks("runtime.txt", f"=={OTHER}.*"))
    assert (choice.python.minor, choice.note, asked) == (OTHER, "", [OTHER])
    assert f"downloading Python {OTHER} into " in log


def test_of_a_range_the_one_nearest_to_the_builders_own_is_downloaded(machine, monkeypatch):
    monkeypatch.setattr(interpreters, "_default", lambda: interpreters.Python(Path("x"), "3.11"))
    (Path(machine["HOME"]) / "own" / f"python{OWN}").unlink()
    asked = provided(monkeypatch, machine)
    assert with_downloads(machine, "auto", asks("pyproject.toml", ">=3.12"))[0].python.minor == "3.12"
    assert asked == ["3.12"]


def test_what_is_installed_is_never_downloaded(machine, monkeypatch):
    asked = provided(monkeypatch, machine)
    for wish in ("==3.9.*", "<3.10"):
        with_downloads(machine, "auto", asks("pyproject.toml", wish))
    with_downloads(machine, "auto", setting="3.6")
    assert asked == []


def test_a_download_that_fails_is_a_note_with_the_reason(machine, monkeypatch):
    provided(monkeypatch, machine, "mirror.example: no route")
    choice, log = with_downloads(machine, "auto", asks("runtime.txt", "==3.8.*"))
    expected = (
        "runtime.txt asks for Python 3.8, which is not installed and could not be downloaded (mirror.example: no "
        "route); the build uses Python 3.9 instead."
    )
    assert (choice.python.minor, choice.note) == ("3.9", expected)
    assert expected in log


def test_check_reports_a_download_and_does_none(machine, monkeypatch):
    asked = provided(monkeypatch, machine)
    choice, log = with_downloads(machine, "report", asks("runtime.txt", "==3.8.*"))
    assert "not installed and which a build downloads; the checks use Python 3.9 instead." in log
    choice, log = with_downloads(machine, "report", setting=OTHER)
    assert f"S2I_PYTHON asks for Python {OTHER}, which is not installed and which a build downloads." in log
    assert choice.python.minor == OWN
    assert asked == []


def test_the_setting_downloads_too_and_says_why_it_could_not(machine, monkeypatch):
    asked = provided(monkeypatch, machine)
    assert with_downloads(machine, "auto", setting=OTHER)[0].python.minor == OTHER
    provided(monkeypatch, machine, "mirror.example: no route")
    with pytest.raises(PythonMissing) as missing:
        with_downloads(machine, "auto", setting="3.15")
    assert "is not installed and could not be downloaded (mirror.example: no route)." in missing.value.what
    with pytest.raises(PythonMissing, match=r"not installed: it must be a minor version from 3\.6 to 3\.15, or a path"):
        with_downloads(machine, "auto", setting="3.99")
    assert asked == [OTHER]


def test_packages_may_choose_among_what_the_wishes_allow(machine, monkeypatch):
    monkeypatch.setattr(interpreters, "_default", lambda: interpreters.Python(Path("x"), "3.11"))
    assert with_downloads(machine, "never")[0].others[:3] == ("3.10", "3.12", "3.9")
    assert with_downloads(machine, "never", asks("x", ">=3.11"))[0].others == ("3.12", "3.13", "3.14", "3.15")
    assert with_downloads(machine, "never", asks("x", "==3.9.*"))[0].others == ()
    assert with_downloads(machine, "never", setting="3.9")[0].others == ()
