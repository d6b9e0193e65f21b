"""Which files a process is seen to read; each test in a process of its own, for a hook can't be taken back."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

OURS = Path(__file__).parents[3] / "app-skeleton"


def seen(tmp_path, code):
    (tmp_path / "repo").mkdir()
    (tmp_path / "repo/data.csv").write_text("1")
    program = f"""
import sys
sys.path.append({str(OURS)!r})
import nb_scorer.kernel.file_read_audit
nb_scorer.kernel.file_read_audit.watch("repo")
{code}
nb_scorer.kernel.file_read_audit.write("reads.json")
"""
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)
    return json.loads((tmp_path / "reads.json").read_text())


@pytest.mark.parametrize(
    "code", ["open('repo/data.csv').close()", "import pathlib; pathlib.Path('repo/../repo/data.csv').read_bytes()"]
)
def test_a_file_of_the_repository_is_noted(tmp_path, code):
    assert seen(tmp_path, code) == {"complete": True, "files": ["data.csv"]}


@pytest.mark.parametrize(
    "code", ["open('repo/out.txt', 'w').close()", "open('other.txt', 'w').close(); open('other.txt').close()"]
)
def test_what_is_written_or_lies_elsewhere_is_not(tmp_path, code):
    assert seen(tmp_path, code) == {"complete": True, "files": []}


@pytest.mark.parametrize(
    "code",
    [
        "import subprocess; subprocess.run(['true'])",
        "import os; os.system('true')",
        "import os\nif os.fork() == 0: os._exit(0)",
    ],
)
def test_a_program_that_the_notebook_starts_may_have_read_anything(tmp_path, code):
    assert seen(tmp_path, code)["complete"] is False
