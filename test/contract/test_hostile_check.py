"""`check` of hostile repositories: it starts nothing of theirs, reads nothing next to them, and comes to an end."""

import copy
import json
import os
import random
import shutil
import subprocess

import pytest
from nb_builder.common import digests

import hostile_repositories as hostile
from commands import ROOT

HOME = ROOT / ".nb-builder"
PYTHON = HOME / "build" / "bin" / "python"
# Of a busy machine; the limit itself is 10.
PATIENCE = 120


@pytest.fixture
def canary(tmp_path):
    """Return a program that leaves a file alongside itself."""
    program = tmp_path / "canary"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\necho '[]'\nexit 1\n")
    program.chmod(0o755)
    return program


def check(folder, *words, **env):
    """Return what `check WORDS FOLDER` did."""
    return of_the_builder(folder, "check", *words, **env)


def of_the_builder(folder, *words, **env):
    """Return what the builder's command WORDS did with a folder, or with a notebook, in that folder."""
    place = folder if folder.is_dir() else folder.parent
    environ = {"PATH": os.environ["PATH"], "HOME": str(place.parent), "NB_BUILDER_HOME": str(HOME), **env}
    command = [PYTHON, "-I", "-m", "nb_builder", *map(str, words), str(folder)]
    return subprocess.run(command, env=environ, cwd=place, capture_output=True, text=True, timeout=PATIENCE)


def by_the_command(folder, *words):
    """Return what `nb-builder check WORDS .` of the clone did in a folder."""
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder.parent), "NB_BUILDER_HOME": str(HOME)}
    command = [ROOT / "s2i" / "nb-builder", "check", *words, "."]
    return subprocess.run(command, env=environ, cwd=folder, capture_output=True, text=True, timeout=PATIENCE)


def assert_comes_to_an_end(done):
    """Assert that it ended as it does for any repository."""
    assert done.returncode in (0, 1), done
    assert "Traceback" not in done.stdout + done.stderr, done.stdout[-3000:] + done.stderr[-3000:]


@pytest.mark.parametrize("name", hostile.STARTING)
def test_nothing_that_a_repository_names_is_started(name, tmp_path, canary):
    folder = tmp_path / "repo"
    folder.mkdir()
    hostile.STARTING[name](folder, canary)
    assert_comes_to_an_end(check(folder))
    assert_comes_to_an_end(check(folder / "m.ipynb"))
    assert not (tmp_path / "ran").exists()


def test_git_itself_would_start_the_programs_of_that_repository(tmp_path, canary):
    """Git reads all of that configuration: an error in it would end git before it starts anything."""
    folder = tmp_path / "repo"
    folder.mkdir()
    hostile.STARTING["git"](folder, canary)
    listed = subprocess.run(["git", "config", "--list", "--name-only"], cwd=folder, capture_output=True, text=True)
    assert listed.returncode == 0 and {"diff.external", "core.fsmonitor"} <= {*listed.stdout.split()}
    subprocess.run(["git", "status"], cwd=folder, capture_output=True)
    assert (tmp_path / "ran").exists()


def test_a_fix_starts_no_program_that_the_metadata_name(tmp_path, canary):
    folder = tmp_path / "repo"
    folder.mkdir()
    hostile.STARTING["jupyter"](folder, canary)
    assert_comes_to_an_end(check(folder, "--fix"))
    assert not (tmp_path / "ran").exists()


TRAINS = (
    "import numpy as np\nimport evil, helper\nfrom sklearn.linear_model import Ridge\n!./evil.sh",
    "X = np.array([[1.0], [2.0]])\nmodel = Ridge().fit(X, [1, 2])\nmodel.predict(X)",
)


@pytest.mark.parametrize("name", hostile.STARTING)
def test_a_dry_run_starts_nothing_that_a_repository_names(name, tmp_path, canary):
    folder = tmp_path / "repo"
    folder.mkdir()
    hostile.STARTING[name](folder, canary)
    (folder / "m.ipynb").unlink()
    (folder / "train.ipynb").write_text(hostile.notebook(*TRAINS, kernelspec={"name": str(folder / "kern")}))
    words = ("local", "--dry-run", "--app-root", tmp_path / "app")
    done = of_the_builder(folder, *words, PIP_NO_INDEX="1", PIP_FIND_LINKS=str(folder))
    assert_comes_to_an_end(done)
    assert "A dry run considers only packages that have wheels" in done.stdout, done.stdout + done.stderr
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("words", [(), ("--fix",)])
def test_no_module_of_the_current_folder_takes_the_place_of_one_of_python(words, tmp_path, canary):
    folder = tmp_path / "repo"
    folder.mkdir()
    hostile.STARTING["pip"](folder, canary)
    # It computes nothing, so --fix runs nothing of it, either.
    (folder / "m.ipynb").write_text(hostile.notebook("def predictor(x):\n    return x", "import yaml"))
    (folder / "requirements.txt").unlink()
    assert_comes_to_an_end(by_the_command(folder, *words))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "line", ["-r {secret}", "-c {secret}", "--requirement={secret}", "-r file://{secret}", "-r ../secret.txt"]
)
def test_no_file_outside_of_the_repository_is_included(line, tmp_path):
    folder, secret = tmp_path / "repo", tmp_path / "secret.txt"
    folder.mkdir()
    secret.write_text("-secret-words\nroot:x:0:0\nunheard-of==1.0\n")
    (folder / "m.ipynb").write_text(hostile.notebook(*hostile.CELLS))
    (folder / "requirements.txt").write_text(line.format(secret=secret) + "\n")
    done = check(folder)
    assert_comes_to_an_end(done)
    assert done.returncode == 1 and "secret-words" not in done.stdout and "unheard-of" not in done.stdout


@pytest.mark.parametrize("is_link", [False, True])
def test_no_folder_outside_of_the_repository_is_read_for_a_lock(is_link, tmp_path):
    folder, outside = tmp_path / "repo", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    (outside / "secret").write_text("s3cr3t")
    (folder / "m.ipynb").write_text(hostile.notebook(*hostile.CELLS))
    if is_link:
        (folder / "lib").symlink_to(outside)
    name = "./lib" if is_link else "../outside"
    (folder / "requirements.lock").write_text(f"lib @ file:{name}#sha256={'0' * 64}\n")
    done = check(folder)
    assert_comes_to_an_end(done)
    assert "is outside the repository" in done.stdout and digests.tree(outside)[:12] not in done.stdout


def test_links_that_lead_to_themselves_are_not_followed(tmp_path):
    for name in ("loop.py", "helper.py", "pkg", "loop.csv", ".gitmodules"):
        (tmp_path / name).symlink_to(name)
    cells = (*hostile.CELLS, "%run loop.py", "import helper, pkg.sub\nopen('loop.csv')")
    (tmp_path / "m.ipynb").write_text(hostile.notebook(*cells))
    assert_comes_to_an_end(check(tmp_path))


def test_an_environment_s_values_are_not_shown(tmp_path):
    folder = tmp_path / "repo"
    folder.mkdir()
    (folder / "m.ipynb").write_text(hostile.notebook(*hostile.CELLS))
    lines = ("--index-url https://${CI_SECRET}.example/simple", "--find-links https://a.example/${CI_SECRET}")
    (folder / "requirements.txt").write_text("\n".join(lines))
    done = check(folder, CI_SECRET="s3cr3t")
    assert_comes_to_an_end(done)
    assert "s3cr3t" not in done.stdout.lower() + done.stderr.lower()
    assert "${CI_SECRET}.example" in done.stdout


@pytest.mark.parametrize("name", hostile.LONG)
def test_what_is_extremely_long_comes_to_an_end(name, tmp_path):
    folder = tmp_path / "repo"
    folder.mkdir()
    for file, content in hostile.LONG[name].items():
        (folder / file).parent.mkdir(exist_ok=True)
        (folder / file).write_text(content)
    assert_comes_to_an_end(check(folder))


@pytest.mark.parametrize(
    "name", ["m.ipynb", "requirements.txt", "pyproject.toml", ".s2i/environment", "apt.txt", ".git/HEAD"]
)
@pytest.mark.parametrize("kind", ["pipe", "endless", "link", "loop", "folder"])
def test_what_is_no_file_is_not_read(name, kind, tmp_path):
    folder = tmp_path / "repo"
    (folder / name).parent.mkdir(parents=True)
    (folder / "n.ipynb").write_text(hostile.notebook(*hostile.CELLS))
    path = folder / name
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to({"endless": "/dev/zero", "link": "/etc/passwd", "loop": path.name}[kind])
    done = check(folder)
    assert_comes_to_an_end(done)
    assert "root:" not in done.stdout


SEEDS = (
    ("m.ipynb", hostile.notebook(*hostile.CELLS, "%run a.py", "!pip install x", kernelspec={"name": "python3"})),
    (
        "requirements.txt",
        "numpy==1.26.4 --hash=sha256:00\n-r more.txt\n./lib\na @ https://h/a-1-py3-none-any.whl ; python_version>'3'\n",
    ),
    ("requirements.txt", "--index-url https://${X}/s\n-e git+https://h/x.git@main#egg=x\npkg[a,b]>=1,<2\n# c\n"),
    (
        "pyproject.toml",
        '[project]\nname = "a"\nversion = "1"\nrequires-python = ">=3.8"\ndependencies = ["numpy>=1"]\n',
    ),
    ("environment.yml", "name: a\ndependencies:\n  - python=3.9\n  - numpy=1\n  - pip:\n    - x==1\n"),
    ("Pipfile", '[packages]\nnumpy = "*"\nx = {git = "https://h/x", ref = "a"}\n[requires]\npython_version = "3.9"\n'),
    ("setup.cfg", "[options]\ninstall_requires =\n  numpy\n  x; python_version<'3'\n"),
    ("requirements.lock", "numpy==1.26.4 --hash=sha256:00\nlib @ file:./lib#sha256=" + "0" * 64 + "\n"),
    (".s2i/environment", "S2I_SOURCE_NOTEBOOK=m.ipynb\nS2I_PARAMETERS={}\nS2I_PYTHON=3.11\n"),
    ("apt.txt", "graphviz\nlibgl1\n"),
    ("runtime.txt", "python-3.9\n"),
    (
        "m.ipynb",
        hostile.notebook(
            'weights = [["hf://a/b@main", "w/x", ["*.bin"]], ["https://a.example/b.bin", "w/y"], ["s3://c/d", "z"]]',
            "def setup():\n    return {'a': 1}\ndef teardown(state):\n    pass",
            "def predictor(x: 'PIL.Image.Image', *, threshold: float = 0.5, headers=None) -> bytes:\n    return x",
            "def validator(x):\n    return True\ndef explainer(x):\n    return {}\nexamples = [[1, 2], 'a']",
        ),
    ),
    (
        "m.ipynb",
        hostile.notebook(
            'requirements = [["numpy", "1.26.4"], "x @ https://h/x-1-py3-none-any.whl"]',
            "import numpy as np\nclass Model:\n    def predict(self, rows):\n        return [row[0] for row in rows]",
            "model = Model()\ndef price(x):\n    return model.predict([x])[0]\nasync def risk(x):\n    return x",
            'predictors = {"price": price, "risk": risk}\nprice([1])',
            "import pandas as pd\ndf = pd.read_csv('data/flats.csv')\nwith open('a.txt') as file:\n    file.read()",
        ),
    ),
    ("m.py", "# %%\nrequirements = []\n# %%\ndef predictor(x):\n    return x\n"),
)
PIECES = (
    "\0",
    "\ud800",
    "\u202e",
    "\x1b[2J",
    "\r",
    "\n",
    "\\",
    "${",
    "[",
    "{",
    "(",
    '"',
    "'",
    "--",
    "-r",
    "/",
    "..",
    "://[",
    "@",
    "#",
    ";",
    "==",
    "*",
    "9" * 30,
    "9" * 5000,
    "\ufeff",
    "é",
    "&a ",
    "*a",
    "!!",
    "%run m.ipynb",
    "=" * 40,
)


def mutated(text, chance):
    """Return a text with a few places cut, doubled, swapped or filled."""
    for _ in range(chance.randint(1, 6)):
        place = chance.randrange(len(text) + 1)
        end = min(len(text), place + chance.choice((1, 1, 2, 8, 40)))
        piece = chance.choice((chance.choice(PIECES), text[place:end] * 2, "", chr(chance.randrange(0x250))))
        text = text[:place] + piece + text[end:]
    return text


# What takes the place of a value in JSON, YAML and TOML.
VALUES = (
    None,
    True,
    0,
    -1,
    10**25,
    1.5,
    "",
    "a",
    "*",
    "${X}",
    "9" * 5000,
    "-r a",
    [],
    {},
    [[]],
    [None],
    {"": {}},
    ["a"],
)
TREES = (
    ("m.ipynb", json.loads(SEEDS[0][1]) | {"metadata": {"kernelspec": {"name": "a"}, "language_info": {"name": "b"}}}),
    (
        "m.ipynb",
        {
            "worksheets": [{"cells": [{"cell_type": "code", "input": ["a"], "outputs": [], "metadata": {}}]}],
            "metadata": {"name": "a"},
            "nbformat": 3,
            "nbformat_minor": 0,
        },
    ),
    ("environment.yml", {"dependencies": ["python=3.9", "a=1=b", {"pip": ["x==1"]}], "channels": ["a"]}),
    ("Pipfile.lock", {"_meta": {"requires": {"python_version": "3"}}, "default": {"a": {"version": "==1"}}}),
    ("pyproject.toml", {"project": {"dependencies": ["a"]}, "tool": {"poetry": {"dependencies": {"a": {"git": "b"}}}}}),
    ("Pipfile", {"packages": {"a": "*", "b": {"path": "./c"}}, "requires": {"python_version": "3.9"}, "source": [{}]}),
    ("uv.lock", {"package": [{"name": "a", "version": "1", "source": {"git": "b"}, "sdist": {"hash": "c"}}]}),
)


def in_toml(value):
    """Return a value as TOML has it within a line, which has no null."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {in_toml(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(in_toml, value)) + "]"
    return json.dumps("" if value is None else value)


def restructured(name, tree, chance):
    """Return the text of a file in which a few values are of another kind, or missing."""
    tree = copy.deepcopy(tree)
    for _ in range(chance.randint(1, 3)):
        places, left = [], [tree]
        while left:
            node = left.pop()
            keys = list(node) if isinstance(node, dict) else range(len(node))
            places += [(node, key) for key in keys]
            left += [node[key] for key in keys if isinstance(node[key], (dict, list))]
        if places:
            node, key = chance.choice(places)
            if chance.random() < 0.2:
                del node[key]
            else:
                node[key] = copy.deepcopy(chance.choice(VALUES))
    if name.endswith((".toml", "Pipfile", "uv.lock")):
        return "".join(f"{json.dumps(key)} = {in_toml(value)}\n" for key, value in tree.items())
    return json.dumps(tree)


def fuzz(folder, count, seed):
    """Check mutated repositories, all in one process."""
    chance = random.Random(seed)
    for number in range(count):
        case = folder / f"{number}"
        case.mkdir()
        files = dict([SEEDS[0], *chance.sample(SEEDS[1:], chance.randint(0, 2))])
        victim = chance.choice(sorted(files))
        name, tree = chance.choice(TREES)
        if chance.random() < 0.3:
            files[name], victim = restructured(name, tree, chance), ""
        for name, content in files.items():
            path = case / name
            path.parent.mkdir(parents=True, exist_ok=True)
            text = mutated(content, chance) if name == victim or chance.random() < 0.2 else content
            path.write_bytes(text.encode("utf-8", "surrogatepass" if chance.random() < 0.5 else "replace"))
    run_program(folder, "fuzz_check.py")


def run_program(folder, program, *words):
    """Run a program of `test` on a folder, with the Python of the build; the folder is removed if it succeeds."""
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "NB_BUILDER_HOME": str(HOME)}
    command = [PYTHON, "-I", ROOT / "test" / program, folder, *map(str, words)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, errors="replace")
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]
    shutil.rmtree(folder)
    return done.stdout


def test_mutated_repositories_come_to_an_end(tmp_path):
    (tmp_path / "cases").mkdir()
    fuzz(tmp_path / "cases", 250, seed=1)


@pytest.mark.long
def test_many_mutated_repositories_come_to_an_end(tmp_path):
    for seed in range(100):
        (tmp_path / str(seed)).mkdir()
        fuzz(tmp_path / str(seed), 1000, seed=seed)


def test_mutated_training_notebooks_are_planned_and_fixed(tmp_path):
    (tmp_path / "cases").mkdir()
    said = run_program(tmp_path / "cases", "fuzz_fix.py", 15, 1)
    # Most changes leave a model to find.
    assert "15 notebooks: " in said and " 0 with" not in said


@pytest.mark.long
def test_many_mutated_training_notebooks_are_planned_and_fixed(tmp_path):
    for seed in range(100, 140):
        (tmp_path / str(seed)).mkdir()
        run_program(tmp_path / str(seed), "fuzz_fix.py", 100, seed)
