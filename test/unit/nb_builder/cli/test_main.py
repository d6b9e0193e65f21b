"""What `nb-builder` understands, how it ends, and what it prints as JSON."""

import json
import os
import subprocess
import sys

import pytest
from nb_builder.cli import __main__ as door
from nb_builder.cli import help_text
from nb_builder.commands.app_lock import AppLock
from nb_builder.common import settings as build
from nb_service import settings as service


@pytest.fixture
def said(capsys, monkeypatch, tmp_path):
    """Return a function that gives words to the command: (exit status, stdout, stderr)."""
    monkeypatch.setenv("NB_BUILDER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.chdir(tmp_path)

    def give(*words):
        try:
            status = door.main(list(words))
        except SystemExit as end:
            status = end.code
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return give


@pytest.mark.parametrize("name", door.COMMANDS)
def test_each_command_shows_its_help_without_any_environment(name, said, tmp_path):
    status, out, _ = said(name, "--help")
    assert status == 0
    assert out.startswith(f"usage: nb-builder {name}")
    assert "--json" in out
    assert not (tmp_path / "home").exists()


def test_without_a_command_all_are_listed(said):
    status, out, _ = said()
    assert status == 2
    assert [name for name in door.COMMANDS if f"  {name} " not in out.replace("\n", " ")] == []


@pytest.mark.parametrize(
    "words",
    [
        ["nonsense"],
        ["run", "--nonsense"],
        ["export-manifests"],
        ["export-manifests", "--for", "mainframe"],
        ["deploy", "iris", "--to", "kubernetes", "--namespace", "-A"],
        ["deploy", "iris", "--to", "kubernetes", "--timeout", "0"],
    ],
)
def test_what_is_not_understood_ends_with_2(words, said):
    status, _, err = said(*words)
    assert status == 2
    assert "usage: nb-builder" in err


def test_an_option_that_a_command_does_not_have_is_reported_with_the_command_s_own(said):
    _, _, err = said("run", "--bogus", ".")
    assert err.startswith("usage: nb-builder run [-h] [-e NAME=VALUE]")
    assert err.endswith("nb-builder run: error: unrecognized arguments: --bogus\n")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["run", "nothing-here"], "source-unknown"),
        (["run", "-e", "S2I_SLIM"], "variable-invalid"),
        (["run", "--key", "no.pem"], "file-not-there"),
        (["dev", "https://git.example.com/a.git"], "source-elsewhere"),
        (["batch", "nothing-here"], "source-unknown"),
        (["build", "--tag", "Not An Image"], "image-name-invalid"),
        (["push", "no.pyz", "registry.example.org/a:1"], "file-not-there"),
        (["sign", "my-service", "--key", "no.pem"], "file-not-there"),
        (["verify", "my-service", "--key", "no.pem"], "file-not-there"),
        (["export-manifests", "--for", "swarm", "--name", "My_Service"], "service-name-invalid"),
        (["deploy", ".", "--to", "kubernetes", "--name", "iris"], "registry-unset"),
        (["deploy", "an image", "--to", "kubernetes", "--name", "iris"], "image-name-invalid"),
        (["deploy", "iris@sha256:0", "--to", "openshift"], "image-name-invalid"),
        (["deploy", "a.b/iris:1", "--to", "openshift", "--name", "Iris"], "service-name-invalid"),
    ],
)
def test_wrong_words_are_rejected_before_anything_is_made(words, code, said, tmp_path):
    status, out, err = said(*words)
    assert (status, out) == (2, "")
    assert err.startswith("ERROR: ") and err.endswith(f"(problem {code})\n")
    assert not (tmp_path / "home").exists()


def test_the_fix_of_a_registry_that_is_not_named_is_a_whole_command(said):
    _, _, err = said("deploy", ".", "--to", "openshift", "--name", "iris")
    assert " deploy . --to openshift --registry registry.example.org/team\n" in err


def test_the_same_as_json(said):
    status, out, err = said("build", "--json", "--tag", "Not An Image")
    shown = json.loads(out)
    assert (status, shown["exit_status"], shown["problem"]["code"], err) == (2, 2, "image-name-invalid", "")


def test_where_there_is_no_engine_a_sentence_says_so(said, monkeypatch, tmp_path):
    (tmp_path / "model.ipynb").write_text("{}")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("DOCKER", raising=False)
    status, _, err = said("build")
    assert status == 1
    assert "No container engine responds: neither of docker, podman is on PATH." in err


def test_settings_are_those_of_both_tables(said):
    _, out, _ = said("settings", "--json")
    names = [row["name"] for rows in json.loads(out)["settings"].values() for row in rows]
    every = [knob.env for knob in (*build.KNOBS, *service.KNOBS)]
    assert set(every) - set(names) == help_text._INNER & set(every)
    assert "S2I_CELL_TIMEOUT" in said("run", "--help")[1]
    assert [name for name in ("S2I_KEEP", "S2I_SLIM_BASE") if name not in said("slim", "--help")[1]] == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_each_command_and_its_options(shell, said):
    status, out, _ = said("completion", shell)
    assert status == 0
    assert [name for name in door.COMMANDS if name not in out] == []
    assert ("-l without-s2i" if shell == "fish" else "--without-s2i") in out


def test_bash_completes_by_it(said, tmp_path):
    script = tmp_path / "completion"
    script.write_text(said("completion", "bash")[1])
    ask = f""". {script}
COMP_WORDS=(nb-builder exp); COMP_CWORD=1; _nb_builder; echo "${{COMPREPLY[@]}}"
COMP_WORDS=(nb-builder slim --le); COMP_CWORD=2; _nb_builder; echo "${{COMPREPLY[@]}}\""""
    ran = subprocess.run(["bash", "-c", ask], capture_output=True, text=True)
    assert (ran.stdout, ran.stderr) == ("export-manifests explain\n--level\n", "")


def test_a_reader_that_has_seen_enough_gets_no_traceback():
    ran = subprocess.run(
        f"{sys.executable} -m nb_builder.cli settings | head -1", shell=True, capture_output=True, text=True
    )
    assert (ran.stdout, ran.stderr) == ("Build settings:\n", "")


def test_another_system_is_rejected_in_a_sentence(said, monkeypatch):
    # With win32, shutil of Python 3.12 and newer would call Windows.
    monkeypatch.setattr(sys, "platform", "cygwin")
    monkeypatch.setattr(door.platform, "system", lambda: "Windows")
    status, _, err = said("run")
    assert status == 2
    assert "nb-builder does not run on Windows." in err and "WSL 2" in err


def test_clean_removes_the_old_only_where_it_is_reported_to(said, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    old = tmp_path / "cache" / "nb-builder" / "0.0.9-py3.10-01234567"
    kept = tmp_path / "cache" / "nb-builder" / "overlay" / "3.9"
    for folder in (old, kept, tmp_path / "home"):
        folder.mkdir(parents=True)
    assert json.loads(said("clean", "--old", "--json")[1])["removed"] == [str(old)]
    assert kept.is_dir() and (tmp_path / "home").is_dir() and not old.exists()
    assert said("clean")[0] == 0
    assert kept.is_dir() and not (tmp_path / "home").exists()


def test_clean_removes_nothing_while_a_command_works_there(said, tmp_path):
    lock = AppLock(tmp_path / "home" / "apps" / "x-01234567", "a service is running")
    status, _, err = said("clean")
    assert status == 1
    assert f"{tmp_path}/home/apps/x-01234567 is in use: a service is running" in err
    assert (tmp_path / "home" / "apps").is_dir()
    os.close(lock.descriptor)
    assert said("clean")[0] == 0
    assert said("clean")[2] == f"---> Nothing to remove in {tmp_path}/home\n"


def test_clean_of_one_target_leaves_the_others_and_says_what_is_freed(said, tmp_path, monkeypatch):
    (tmp_path / "home/app/venv").mkdir(parents=True)
    (tmp_path / "home/build").mkdir()
    (tmp_path / "home/app/venv/own").write_bytes(bytes(3_000_000))
    (tmp_path / "home/app/venv/shared").write_bytes(bytes(5_000_000))
    os.link(tmp_path / "home/app/venv/shared", tmp_path / "cached")
    lock = AppLock(tmp_path / "home/app", "a service is running")
    assert (said("clean", str(tmp_path))[0], (tmp_path / "home/app").is_dir()) == (1, True)
    os.close(lock.descriptor)
    assert said("clean", str(tmp_path))[2] == f"---> Removed {tmp_path}/home/app, 3 MB\n"
    assert sorted(os.listdir(tmp_path / "home")) == ["app.lock", "build"]
    assert said("clean", str(tmp_path))[2] == f"---> There is no build of {tmp_path}\n"


@pytest.mark.parametrize("port", ["99999", "-1", "http"])
def test_a_port_that_is_none_is_a_wrong_word(said, port):
    status, _, err = said("run", f"--port={port}")
    assert status == 2
    assert f"argument --port: {port} is not a whole number from 0 to 65535" in err


def test_json_may_come_before_the_command(said):
    assert json.loads(said("--json", "version")[1])["command"] == "version"
