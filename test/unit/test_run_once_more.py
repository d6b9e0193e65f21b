"""What fails beside other tests runs once more by itself, and only a second failure counts."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TEST = Path(__file__).parents[1]
TESTS = """
import os
import pytest

@pytest.mark.xdist_group("a group")
@pytest.mark.parametrize("name", ["two words", "c[1]@d"])
def test_beside_others(name):
    assert "PYTEST_XDIST_WORKER" not in os.environ

@pytest.mark.parametrize("number", range({count}))
def test_always(number):
    assert {truth}

def test_fine():
    pass
"""


@pytest.fixture
def run(tmp_path):
    """Return what runs such tests by the script, and gives its status and output."""

    def run(*, count, truth):
        (tmp_path / "conftest.py").write_text((TEST / "conftest.py").read_text())
        (tmp_path / "test_it.py").write_text(TESTS.format(count=count, truth=truth))
        (tmp_path / "pytest.ini").write_text(f"[pytest]\npythonpath = {TEST}\n")
        pytest_command = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-n", "2", "--dist", "loadgroup")
        # A run of its own, and no worker of ours.
        env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "NB_TEST_"))}
        ran = subprocess.run(
            [TEST / "run-once-more", *pytest_command, "--", "test_it.py"],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        return ran.returncode, ran.stdout

    return run


def test_what_fails_beside_others_only_is_named_and_no_failure(run):
    status, output = run(count=1, truth=True)
    once_more = output.partition("---> Once more, by themselves:\n")[2]
    assert once_more.splitlines()[:2] == [
        "     test_it.py::test_beside_others[c[1]@d]",
        "     test_it.py::test_beside_others[two words]",
    ]
    assert "2 passed" in once_more
    assert status == 0


def test_what_fails_twice_has_failed(run):
    status, output = run(count=1, truth=False)
    assert "1 failed, 2 passed" in output.partition("---> Once more")[2]
    assert status == 1


def test_many_failures_are_no_matter_of_how_busy_the_machine_is(run):
    status, output = run(count=9, truth=False)
    assert "Once more" not in output
    assert status == 1
