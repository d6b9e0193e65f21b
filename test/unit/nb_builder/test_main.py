"""The command line: output and exit statuses."""

import io
import json
import os
import signal
import subprocess
import sys
import tarfile
from pathlib import Path

import nb_builder
import pytest
from nb_builder import __main__


def run(*arguments, **environ):
    return subprocess.run(
        [sys.executable, "-m", "nb_builder", *arguments], capture_output=True, env={"PATH": "/usr/bin:/bin", **environ}
    )


@pytest.mark.parametrize("arguments", [("usage",), ("assemble", "-h"), ("assemble", "--help")])
def test_usage_names_the_commands_and_every_setting(arguments):
    completed = run(*arguments)
    assert completed.returncode == 0
    assert b"s2i build <git repository> nb-builder my-service" in completed.stdout
    assert b"S2I_SOURCE_NOTEBOOK" in completed.stdout and b"S2I_CELL_TIMEOUT" in completed.stdout


def test_help_whose_reader_has_seen_enough_ends_quietly():
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "nb_builder", "assemble", "--help"]
    completed = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert (completed.returncode, completed.stderr) == (128 + signal.SIGPIPE, b"")


def test_what_needs_no_notebook_does_not_wait_for_jupyter():
    command = "import sys, nb_builder.__main__ as door; door.main(['usage']); sys.exit('nbformat' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", command], stdout=subprocess.DEVNULL).returncode == 0


def test_an_unknown_command_is_rejected_with_those_there_are():
    completed = run("assembel")
    assert completed.returncode == 2
    there = b"ab-report, assemble, audit, batch, check, dev, dev-build, diff, local, native, new, pull, push, "
    there += b"rebuild-check, serve, usage, sign, slim, save-artifacts, verify, zipapp"
    assert completed.stdout == b"ERROR: there is no command 'assembel'; there are: " + there + b"\n"


def test_a_problem_is_reported_on_stdout_and_stderr_stays_empty(tmp_path):
    completed = run("assemble", S2I_SRC=str(tmp_path / "none"), APP_ROOT=str(tmp_path / "app"))
    assert (completed.returncode, completed.stderr) == (1, b"")
    assert f"ERROR: There is no repository in {tmp_path}/none: there is no such folder.".encode() in completed.stdout
    assert b"(problem source-missing)" in completed.stdout


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("check {0}/none", "source-unknown"),
        ("local {0}/none", "source-unknown"),
        ("native translate", "native-no-service"),
        ("new /proc/none", "folder-not-written"),
        ("push {0}/none host/a:b", "zipapp-damaged"),
        ("serve {0}/none", "zipapp-damaged"),
        ("sign {0}/none", "sign-key-unusable"),
        ("slim prepare", "slim-no-service"),
        ("verify {0}/none {0}/key", "model-missing"),
    ],
)
def test_each_command_leaves_its_problem_for_the_program_that_called_it(words, code, tmp_path, monkeypatch, capsys):
    places = {"S2I_PROBLEM_FILE": "problem.json", "APP_ROOT": "none", "NB_BUILDER_HOME": "", "S2I_SIGN_KEY_FILE": "key"}
    for name, value in places.items():
        monkeypatch.setenv(name, str(tmp_path / value))
    assert __main__.main(words.format(tmp_path).split()) in (1, 2)
    problem = json.loads((tmp_path / "problem.json").read_text())
    assert problem["code"] == code and all(problem[name] for name in ("what", "why", "fix"))
    assert f"(problem {code})" in capsys.readouterr().out


def test_a_bad_setting_is_reported_the_same_way(tmp_path):
    completed = run("assemble", S2I_CELL_TIMEOUT="ten")
    assert (completed.returncode, completed.stderr) == (1, b"")
    assert completed.stdout.startswith(b"ERROR: S2I_CELL_TIMEOUT='ten' is not a number")


def test_save_artifacts_writes_a_tar_even_with_nothing_to_save(tmp_path):
    completed = run("save-artifacts", APP_ROOT=str(tmp_path))
    assert (completed.returncode, completed.stderr) == (0, b"")
    assert tarfile.open(fileobj=io.BytesIO(completed.stdout)).getnames() == []


@pytest.mark.parametrize("condition", ['"1" is x', '"\\d" == x'])
def test_warnings_about_the_author_s_syntax_are_left_to_the_kernel(condition, tmp_path):
    cells = ["requirements = []", f"def predictor(x):\n    return {condition}\nexamples = [1]"]
    (tmp_path / "model.py").write_text("".join(f"# %%\n{cell}\n" for cell in cells))
    completed = run("check", str(tmp_path))
    assert (completed.returncode, completed.stderr) == (0, b""), completed.stdout


@pytest.mark.parametrize(("group", "mask"), [(0, 0o002), (1000, 0o077)])
def test_only_in_openshift_s_group_may_the_group_write(group, mask, monkeypatch):
    monkeypatch.setattr(os, "getgid", lambda: group)
    monkeypatch.setitem(__main__.COMMANDS, "usage", lambda _: masks.append(os.umask(0o077)))
    masks = []
    os.umask(0o077)
    assert __main__.main(["usage"]) == 0
    assert masks == [mask]


@pytest.mark.parametrize("doorway", ["check", "bin/assemble", "bin/run"])
def test_a_doorway_without_our_environments_says_how_to_make_them(doorway, tmp_path):
    script = Path(nb_builder.__file__).parents[1] / doorway
    completed = subprocess.run(
        [script, "."], capture_output=True, env={"PATH": "/usr/bin:/bin", "NB_BUILDER_HOME": str(tmp_path)}
    )
    assert (completed.returncode, completed.stderr) == (1, b"")
    assert f's2i/install "{tmp_path}"'.encode() in completed.stdout
