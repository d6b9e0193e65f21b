"""Every command works as the first one that a user gives: from a new wheel and in a new clone, with an empty home.

What a command needs alongside nb-builder is missing here, such as an engine. Each has to say that in a sentence.
"""

import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest
from nb_builder.cli.__main__ import COMMANDS

from cases import named
from flow import stage
from flow.test_wheel import OURS, PYTHONS, Machine, command_of, wheel_of

# A closed port.
NOWHERE = "127.0.0.1:1"
# Text that must never be shown: a fault of ours, or a file or program that a command expects of an earlier one.
FAULTS = re.compile(r"Traceback|No such file or directory|not found\b|ModuleNotFoundError|cannot stat")


class First(NamedTuple):
    """How a command is given as the first one, and what comes of it; {x} is x in the test's own folder."""

    arguments: tuple[str, ...]
    variables: tuple[str, ...]
    words: str
    status: int = 1


# Of a notebook that can't be built: its build says so.
UNBUILT = "(problem predictor-missing)"
NO_ENGINE = "(problem engine-missing)"
ROWS = {
    "run": First(("{bad}",), ("NOTEBOOK={bad}",), UNBUILT),
    "check": First(("{bad}",), ("NOTEBOOK={bad}",), UNBUILT),
    "new": First(("{new}",), ("FOLDER={new}",), "model.ipynb", 0),
    "dev": First(("--lab", "0", "{empty}"), ("LAB=0", "NOTEBOOK={empty}"), "(problem folder-empty)"),
    "batch": First(("{bad}", "{in.csv}", "{out.csv}"), ("NOTEBOOK={bad}", "IN={in.csv}", "OUT={out.csv}"), UNBUILT),
    "build": First(("{bad}",), (), NO_ENGINE),
    "builder": First((), (), NO_ENGINE),
    "index": First((f"{NOWHERE}/a:1", "my-service"), (), NO_ENGINE),
    "slim": First(("my-service",), (), NO_ENGINE),
    "native": First(("my-service",), (), NO_ENGINE),
    "zipapp": First(("my-service",), (), NO_ENGINE),
    "spark-model": First(("my-service",), (), NO_ENGINE),
    "push": First(("{file}", f"{NOWHERE}/a:1"), ("MODEL={file}", f"TO={NOWHERE}/a:1"), "(problem "),
    "pull": First((f"{NOWHERE}/a:1",), (f"FROM={NOWHERE}/a:1",), "(problem "),
    "sign": First(("my-service", "--key", "{file}"), ("KEY={file}",), NO_ENGINE),
    "verify": First(("my-service", "--key", "{file}"), ("KEY={file}",), NO_ENGINE),
    "diff": First(("--", "{bad}", "{empty}", "golden"), ("OLD={bad}", "NEW={empty}"), "(problem "),
    "ab-report": First(
        (f"http://{NOWHERE}", "1", "2"), (f"PROMETHEUS=http://{NOWHERE}", "A=1", "B=2"), "(problem ab-prometheus)"
    ),
    "audit": First(("{file}",), ("IMAGE={file}",), "(problem "),
    "rebuild-check": First(("my-service",), (), NO_ENGINE),
    "export-manifests": First(("--for", "compose", "--image", "a/b:1", "-o", "{new}"), (), "compose.yaml", 0),
    "deploy": First(("{bad}", "--to", "kubernetes"), (), "(problem registry-unset)", 2),
    "undeploy": First(("No", "--to", "kubernetes"), (), "(problem service-name-invalid)", 2),
    "doctor": First((), (), "Python"),
    "explain": First(("cell-failed",), (), "cell-failed", 0),
    "settings": First((), (), "S2I_PREDICT_TIMEOUT", 0),
    "completion": First(("bash",), (), "nb-builder", 0),
    "clean": First((), (), "", 0),
    "version": First((), (), "nb-builder", 0),
}
# Where make has another word.
TARGETS = {"check": "check-notebook"}
# What only make has for users, and what only developers use; these make their environments by `developer`.
MADE_BY_MAKE = {
    "help": First((), (), "make run", 0),
    "build": ROWS["builder"],
    "runtime": ROWS["slim"],
    "environments": First((), (), "", 0),
}
NOT_FOR_USERS = frozenset(
    (
        *(
            "developer",
            "test",
            "test-bytecode",
            "test-rest",
            "test-all",
            "test-times",
            "test-unit",
            "test-flow",
            "test-docs",
        ),
        *(
            "test-image",
            "test-long",
            "test-spark",
            "test-operate",
            "test-bus",
            "check",
            "lint",
            "release",
            "release-models",
        ),
        *("bench", "docs", "mutants", "fuzz-native", "fuzz-protocols", "fuzz-grpc", "lock", "stubs", "board"),
    )
)
MAKEFILE = (stage.ROOT / "Makefile").read_text(encoding="utf-8")
OF_MAKE = sorted(set(re.findall(r"^([a-z][a-z-]*):(?! export)(?! \w+ =)", MAKEFILE, re.MULTILINE)) - NOT_FOR_USERS)
BY_TARGET = {**{TARGETS.get(name, name): row for name, row in ROWS.items()}, **MADE_BY_MAKE}


def test_each_command_and_target_has_a_row():
    assert set(ROWS) == set(COMMANDS)
    assert set(OF_MAKE) <= set(BY_TARGET)
    assert len(OF_MAKE) > 20


@pytest.fixture
def filled(tmp_path):
    """Return what fills in the names of files, which it makes, into the texts of a row."""
    shutil.copytree(named("fail-predictor-missing").repo, tmp_path / "bad")
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("a file of another kind")
    (tmp_path / "in.csv").write_text("a,b\n1,2\n")
    return lambda texts: [re.sub(r"\{([\w.]+)\}", lambda name: str(tmp_path / name[1]), text) for text in texts]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Return the wheel of these sources."""
    return wheel_of(stage.ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def command(wheel, tmp_path_factory):
    """Return the command of a wheel that is installed alone."""
    return command_of(wheel, PYTHONS[OURS], tmp_path_factory.mktemp("env") / "env")


@pytest.fixture
def clone(tmp_path):
    """Return a new clone with what is not committed yet."""
    folder = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", stage.ROOT, folder], check=True)
    listed = ["git", "ls-files", "--modified", "--others", "--exclude-standard", "--deduplicate"]
    changed = subprocess.run(listed, cwd=stage.ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    for name in changed:
        if (stage.ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(stage.ROOT / name, folder / name)
        else:
            (folder / name).unlink(missing_ok=True)
    return folder


def judge(row, said):
    """Compare a command's output with its row."""
    status, out, err = said
    assert not FAULTS.search(out + err), out + err
    assert row.words in out + err
    # make has 2 for every failure; doctor says what is missing by its status.
    assert (status != 0) is (row.status != 0) or row.words == "Python", out + err


@pytest.mark.long
@pytest.mark.parametrize("name", sorted(ROWS))
def test_it_works_as_the_first_command_of_a_wheel(name, command, filled, tmp_path):
    machine = Machine(command, tmp_path / "home", DOCKER="/nowhere/docker")
    judge(ROWS[name], machine.say(name, *filled(ROWS[name].arguments), cwd=tmp_path))


@pytest.mark.long
@pytest.mark.parametrize("name", OF_MAKE)
def test_it_works_as_the_first_target_of_a_clone(name, clone, filled, tmp_path):
    machine = Machine(Path(shutil.which("make") or "make"), tmp_path / "home", DOCKER="/nowhere/docker")
    machine.environ.pop("NB_BUILDER_HOME", None)
    judge(BY_TARGET[name], machine.say(name, *filled(BY_TARGET[name].variables), "DOCKER=/nowhere/docker", cwd=clone))
