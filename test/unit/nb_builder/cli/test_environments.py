"""How the command makes its environments: one at a time, and nothing continues after it was stopped."""

import fcntl
import os
import signal
import subprocess
import sys
import time

import pytest
from nb_builder.cli import environments
from nb_builder.cli.installation import Installation
from nb_builder.cli.problems import EnvironmentsNotMade

# What a script starts, as s2i/install starts pip and uv.
SCRIPT = """#!/usr/bin/env bash
echo begun >"$1/begun"
bash -c 'sleep {seconds}; echo done >>"$1/done"' bash "$1"
exit {status}
"""
PROGRAM = """
import os, signal, sys
from nb_builder.cli import environments
from nb_builder.cli.installation import Installation
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
environments.ensure(Installation(Path(sys.argv[1]), Path(sys.argv[2])), os.environ)
"""


@pytest.fixture
def place(tmp_path):
    """Return a function that makes an installation whose script takes some seconds and ends with a status."""

    def make(seconds=0, status=0):
        script = tmp_path / "root" / "s2i" / "install"
        script.parent.mkdir(parents=True, exist_ok=True)
        script.write_text(SCRIPT.format(seconds=seconds, status=status))
        script.chmod(0o755)
        return Installation(tmp_path / "root", tmp_path / "home")

    return make


def started(installation):
    """Start a process that makes the environments; return it once the script has started."""
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, installation.root, installation.home])
    until = time.monotonic() + 20
    while not (installation.home / "begun").exists():
        assert process.poll() is None and time.monotonic() < until
        time.sleep(0.01)
    return process


def is_free(home):
    """Return whether the lock is free."""
    with (home / "install.lock").open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def test_a_script_that_fails_is_a_problem(place):
    with pytest.raises(EnvironmentsNotMade):
        environments.ensure(place(status=1), os.environ)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_the_script_has_started_ends_with_the_command(number, place):
    installation = place(seconds=1)
    process = started(installation)
    process.send_signal(number)
    assert process.wait(20) != 0
    time.sleep(1.5)
    assert is_free(installation.home)
    assert not (installation.home / "done").exists()


def test_no_one_else_begins_while_the_script_of_a_killed_command_writes(place):
    installation = place(seconds=2)
    process = started(installation)
    process.kill()
    process.wait()
    assert not is_free(installation.home)
    environments.ensure(place(), os.environ)
    # The first was done before the second started.
    assert (installation.home / "done").read_text() == "done\ndone\n"
