"""The entry point of the builder image and of the images made from it."""

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "s2i" / "bin" / "command"


@pytest.fixture
def execute(tmp_path):
    """Return what runs the entry point with arguments, and returns (its exit status, its stdout, its process id)."""
    for name in ("s2i/run", "scripts/run"):
        path = tmp_path / name
        path.parent.mkdir()
        path.write_text(f'#!/bin/sh\necho {name} "$$" "$@"\n')
        path.chmod(0o755)
    environ = {**os.environ, "STI_SCRIPTS_PATH": str(tmp_path / "s2i"), "APP_ROOT": str(tmp_path)}

    def executed(*words):
        process = subprocess.Popen([SCRIPT, *words], env=environ, stdout=subprocess.PIPE, text=True)
        stdout, _ = process.communicate()
        return process.returncode, stdout.split(), str(process.pid)

    return executed


def test_run_in_cmd_s_shell_form_takes_the_shell_s_place(execute, tmp_path):
    status, words, pid = execute("/bin/sh", "-c", f"{tmp_path}/s2i/run")
    assert (status, words) == (0, ["s2i/run", pid])


def test_every_other_command_is_executed_as_it_is(execute, tmp_path):
    assert execute("/bin/sh", "-c", "true && echo assembled; exit 3")[:2] == (3, ["assembled"])
    assert execute("/bin/sh", "-c", f"{tmp_path}/s2i/run more")[1][-1] == "more"
    assert execute("echo", "a  b", "")[:2] == (0, ["a", "b"])
    status, words, pid = execute(f"{tmp_path}/s2i/run", "--one")
    assert (status, words) == (0, ["s2i/run", pid, "--one"])


@pytest.mark.parametrize("shell", [(), ("/bin/sh", "-c")])
def test_a_repository_s_own_run_that_a_volume_hides_is_found_where_assemble_has_copied_it(execute, shell):
    assert not Path("/tmp/scripts/run").exists()
    status, words, pid = execute(*shell, "/tmp/scripts/run")
    assert (status, words) == (0, ["scripts/run", pid])
