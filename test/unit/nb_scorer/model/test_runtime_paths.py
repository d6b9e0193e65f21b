"""Working directory and sys.path of a notebook: found again in another process."""

import json
import subprocess
import sys

import pytest

IN_THE_KERNEL = """
import json, os, sys
from nb_scorer.model import runtime_paths
sys.path.insert(runtime_paths.repository_index(sys.path), "")
runtime_paths.remember()
{code}
print(json.dumps(runtime_paths.describe({folder!r})))
"""
IN_A_SCORER = """
import json, os, sys
from nb_scorer.model import runtime_paths
before = len(sys.path)
runtime_paths.enter(sys.argv[1], json.loads(sys.argv[2]))
{code}
"""


@pytest.fixture
def repository(tmp_path):
    root = tmp_path / "src"
    for name in ("work/deep", "lib", "first"):
        (root / name).mkdir(parents=True)
    (root / "lib" / "helper.py").write_text("name = 'lib'")
    (root / "first" / "helper.py").write_text("name = 'first'")
    (root / "lib" / "statistics.py").write_text("name = 'lib'")
    return root


def described(repository, code="", folder="work"):
    program = IN_THE_KERNEL.format(code=code, folder=folder)
    return json.loads(subprocess.check_output([sys.executable, "-c", program], cwd=repository / folder))


def told(repository, manifest, code, folder="work"):
    program = IN_A_SCORER.format(code=code)
    command = [sys.executable, "-c", program, str(repository / folder), json.dumps(dict(manifest, folder=folder))]
    return subprocess.check_output(command, cwd="/", text=True).strip()


def test_a_notebook_that_changes_nothing(repository):
    assert described(repository) == {"cwd": "work", "path_first": [], "path_last": []}
    assert described(repository, folder=".") == {"cwd": ".", "path_first": [], "path_last": []}


def test_folders_of_the_repository_are_kept_by_their_place_in_it_and_others_are_not(repository):
    code = "sys.path.append('../lib'); sys.path.insert(0, os.path.abspath('../first')); sys.path += ['/nowhere', '..']"
    assert described(repository, code) == {"cwd": "work", "path_first": ["first"], "path_last": ["lib", "."]}


def test_a_changed_working_directory_inside_the_repository_is_kept(repository):
    assert described(repository, "sys.path.append('../lib'); os.chdir('..')") == {
        "cwd": ".",
        "path_first": [],
        "path_last": ["lib"],
    }
    assert described(repository, "os.chdir('/')")["cwd"] == "work"


def test_modules_are_found_again_where_the_notebook_found_them(repository):
    program = "import helper, statistics; print(helper.name, hasattr(statistics, 'mean'))"
    assert told(repository, {"path_last": ["lib"]}, program) == "lib True"
    assert told(repository, {"path_last": ["lib"], "path_first": ["first"]}, program) == "first True"


def test_what_a_scorer_imports_late_is_not_the_repositorys(repository):
    (repository / "first" / "select.py").write_text("raise SystemExit('the repository was imported')")
    assert told(repository, {"path_first": ["first"]}, "import asyncio; print('asyncio' in sys.modules)") == "True"


def test_the_repository_comes_after_python_and_before_the_packages(repository):
    program = "at = sys.path.index(os.getcwd()); print(sys.path[at + 1].endswith('site-packages'), at > 1)"
    assert told(repository, {}, program) == "True True"


def test_both_the_working_directory_and_the_notebooks_folder_have_modules(repository):
    (repository / "work" / "beside.py").write_text("")
    assert told(repository, {"cwd": "lib"}, "import helper, beside; print(os.getcwd())") == str(repository / "lib")


def test_a_working_directory_that_is_gone_is_the_notebooks_folder(repository):
    assert told(repository, {"cwd": "gone"}, "print(os.getcwd())") == str(repository / "work")
