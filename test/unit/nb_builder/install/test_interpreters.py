"""Which interpreter the notebook gets."""

import io
import os
import sys
from pathlib import Path

import pytest
from nb_builder.common.log import Log
from nb_builder.install import interpreters
from nb_builder.install.interpreters import Wish
from nb_builder.problems.notebooks import PythonMissing

OWN = f"{sys.version_info[0]}.{sys.version_info[1]}"


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
    monkeypatch.setattr(interpreters, "_candidates", lambda environ: sorted(Path(tmp_path).rglob("python3.*")))
    monkeypatch.setattr(sys, "_base_executable", str(default), raising=False)
    return {"HOME": str(tmp_path)}


def choose(machine, setting=None, wanted=None, *more):
    stream = io.StringIO()
    wishes = [Wish("the notebook was written with", f"=={wanted}.*")] if wanted else []
    return interpreters.choose(setting, [*wishes, *more], Log(stream), machine).minor, stream.getvalue()


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
    assert "the notebook was written with Python 3.6, and counts; runtime.txt asks for Python 3.9." in log


def test_a_wish_that_is_no_specifier_is_none(machine):
    assert choose(machine, None, None, asks("setup.py", "three")) == (OWN, "")


def test_the_wanted_one_is_used_if_it_is_here(machine):
    assert choose(machine, wanted="3.9") == ("3.9", "")


def test_no_wish_means_the_builders_own(machine):
    assert choose(machine) == (OWN, "")


def test_a_notice_names_the_nearest_one_where_the_wanted_is_missing(machine):
    minor, log = choose(machine, wanted="3.7")
    assert minor == "3.6"
    assert "the notebook was written with Python 3.7, which is not here; Python 3.6 is used instead." in log


def test_one_that_is_too_old_for_us_is_a_wish_too(machine):
    assert "with Python 3.5, which is not here; Python 3.6 is used instead." in choose(machine, wanted="3.5")[1]


def test_of_two_that_are_equally_near_the_newer_is_used(machine):
    assert interpreters._distance(interpreters.Python(Path("x"), "3.9"), "3.8") < interpreters._distance(
        interpreters.Python(Path("x"), "3.7"), "3.8"
    )


def test_the_setting_is_obeyed_or_refused_with_what_there_is(machine):
    assert choose(machine, setting="3.6", wanted="3.9")[0] == "3.6"
    with pytest.raises(PythonMissing, match="There is no Python 3.12 here") as refused:
        choose(machine, setting="3.12")
    assert "it has: 3.6, 3.9" in refused.value.why


def test_the_setting_may_be_a_path():
    real = os.path.realpath(sys.executable)
    assert interpreters.choose(real, [], Log(io.StringIO())).minor == OWN
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
    assert interpreters.of_date("2026-10-01") == []
