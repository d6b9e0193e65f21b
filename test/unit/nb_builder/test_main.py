"""The one door: texts and exit statuses."""

import io
import subprocess
import sys
import tarfile
from pathlib import Path

import nb_builder
import pytest


def run(*arguments, **environ):
    return subprocess.run(
        [sys.executable, "-m", "nb_builder", *arguments], capture_output=True, env={"PATH": "/usr/bin:/bin", **environ}
    )


@pytest.mark.parametrize("arguments", [("usage",), ("assemble", "-h"), ("assemble", "--help")])
def test_usage_names_the_commands_and_every_setting(arguments):
    ran = run(*arguments)
    assert ran.returncode == 0
    assert b"s2i build <git repository> nb-builder my-service" in ran.stdout
    assert b"S2I_SOURCE_NOTEBOOK" in ran.stdout and b"S2I_CELL_TIMEOUT" in ran.stdout


def test_an_unknown_command_is_refused_with_those_there_are():
    ran = run("assembel")
    assert ran.returncode == 2
    there = b"assemble, audit, check, local, usage, slim, save-artifacts"
    assert ran.stdout == b"ERROR: there is no command 'assembel'; there are: " + there + b"\n"


def test_a_problem_is_told_on_stdout_and_stderr_stays_empty(tmp_path):
    ran = run("assemble", S2I_SRC=str(tmp_path / "none"), APP_ROOT=str(tmp_path / "app"))
    assert (ran.returncode, ran.stderr) == (1, b"")
    assert f"ERROR: There is no repository in {tmp_path}/none.".encode() in ran.stdout
    assert b"(problem source-missing)" in ran.stdout


def test_a_bad_setting_is_told_the_same_way(tmp_path):
    ran = run("assemble", S2I_CELL_TIMEOUT="ten")
    assert (ran.returncode, ran.stderr) == (1, b"")
    assert ran.stdout.startswith(b"ERROR: S2I_CELL_TIMEOUT='ten' is not a number")


def test_save_artifacts_writes_a_tar_even_with_nothing_to_save(tmp_path):
    ran = run("save-artifacts", APP_ROOT=str(tmp_path))
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert tarfile.open(fileobj=io.BytesIO(ran.stdout)).getnames() == []


@pytest.mark.parametrize("doorway", ["check", "bin/assemble", "bin/run"])
def test_a_doorway_without_our_environments_says_how_to_make_them(doorway, tmp_path):
    script = Path(nb_builder.__file__).parents[1] / doorway
    ran = subprocess.run(
        [script, "."], capture_output=True, env={"PATH": "/usr/bin:/bin", "NB_BUILDER_HOME": str(tmp_path)}
    )
    assert (ran.returncode, ran.stderr) == (1, b"")
    assert f's2i/install "{tmp_path}"'.encode() in ran.stdout
