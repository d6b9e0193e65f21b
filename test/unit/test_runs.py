"""What holds for every run of the tests (test/conftest.py), on runs of a few tests of its own."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

TEST = Path(__file__).parents[1]
TESTS = """
import signal
import pytest
from engine import provide

@pytest.fixture(scope="module")
def brewer():
    raise provide.Missing("brew", "apt-get install brew")

def test_tea(brewer):
    pass

def test_coffee(brewer):
    pass

def test_old():
    pytest.skip("needs CPython 2.7")

def test_ctrl_c():
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
"""


@pytest.fixture
def run(tmp_path):
    """Return a function that runs these tests, and returns pytest's exit status and output."""

    def run(*, workers="0", **env):
        (tmp_path / "conftest.py").write_text((TEST / "conftest.py").read_text())
        (tmp_path / "test_it.py").write_text(TESTS)
        (tmp_path / "pytest.ini").write_text(f"[pytest]\npythonpath = {TEST}\nmarkers = rest\n")
        # A run of its own, and no worker of ours.
        own = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "NB_", "CI"))}
        ran = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-n", workers],
            cwd=tmp_path,
            env={**own, "NB_BUILDER_HOME": str(tmp_path), **env},
            capture_output=True,
            text=True,
            # As a shell does for what is started with `&`.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
        )
        return ran.returncode, ran.stdout

    return run


@pytest.mark.parametrize("workers", ["0", "2"])
def test_what_is_missing_is_listed_last_with_the_command_that_installs_it(run, workers, tmp_path):
    status, output = run(workers=workers)
    assert status == 0, output
    assert "1 passed, 3 skipped" in output
    table = output.partition("Skipped tests: ")[2].splitlines()
    assert table[1:3] == ["    2  brew: apt-get install brew", "    1  needs CPython 2.7"]
    env = {**os.environ, "NB_BUILDER_HOME": str(tmp_path)}
    again = subprocess.run([sys.executable, TEST / "skipped.py"], env=env, capture_output=True, text=True)
    assert again.stdout.splitlines()[1:] == table[1:3]


def test_a_skipped_test_has_failed_where_ci_is_set(run):
    status, output = run(CI="1")
    assert status == 1
    assert "1 failed, 1 passed, 2 errors" in output
    assert "skipped, which is not allowed here: brew: apt-get install brew" in output


def test_a_run_keeps_what_each_test_cost_the_newest_figures_included(run, tmp_path):
    (tmp_path / "test-times.json").write_text(
        json.dumps([{"test": "test_it.py::test_old", "cpu": 99, "wall": 99}, {"test": "gone", "cpu": 1, "wall": 1}])
    )
    run(workers="2")
    rows = {row["test"]: row for row in json.loads((tmp_path / "test-times.json").read_text())}
    assert set(rows) == {"gone", *(f"test_it.py::test_{name}" for name in ("tea", "coffee", "old", "ctrl_c"))}
    assert rows["test_it.py::test_old"]["cpu"] < 99


def test_before_the_first_run_the_costs_are_an_error_with_its_fix(tmp_path):
    env = {**os.environ, "NB_BUILDER_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, TEST / "times.py"], env=env, capture_output=True, text=True)
    assert done.returncode == 1
    assert "Fix: Run make test." in done.stderr and "Traceback" not in done.stderr
