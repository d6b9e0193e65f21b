"""The wheel that people install: in an empty environment, away from the clone, on each Python that it is for.

What makes nb-builder's environments takes most of the time, so the quick tests share one folder of them.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import pytest

import pythons
from cases import named
from contract.services import SOON
from flow import stage

OLDEST, NEWEST = 10, 15
PYTHONS = {minor: python.path for minor, python in pythons.installed().items() if OLDEST <= int(minor[2:]) <= NEWEST}
OURS = f"{sys.version_info.major}.{sys.version_info.minor}"
UV = stage.ROOT / ".nb-builder" / "build" / "bin" / "uv"
# Making the environments may have to fetch them.
LIMIT = 300
NOBODY = 65534
pytestmark = pytest.mark.xdist_group("wheel")
as_root = pytest.mark.skipif(os.getuid() != 0, reason="needs root, to become another user and to leave the network")


class Machine:
    """A user's machine: a command that a wheel installed, and a home."""

    def __init__(self, command: Path, home: Path, *before: str, **more: str):
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("S2I_", "NB_", "XDG_"))}
        # What was fetched once is not fetched again, but by another user.
        caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        shared = {"UV_CACHE_DIR": str(caches / "uv"), "PIP_CACHE_DIR": str(caches / "pip")}
        self.environ = {**kept, **({} if "setpriv" in before else shared), "HOME": str(home), **more}
        self.before = before
        self.command = command

    def start(self, *words: str, cwd: str | Path = "/", **more: str) -> subprocess.Popen:
        """Start the command with these arguments, in a process group of its own."""
        return subprocess.Popen(
            [*self.before, self.command, *words],
            cwd=cwd,
            env={**self.environ, **more},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def say(self, *words: str, cwd: str | Path = "/", **more: str) -> tuple[int, str, str]:
        """Return (exit status, stdout, stderr) of the command with these arguments."""
        process = self.start(*words, cwd=cwd, **more)
        out, err = process.communicate(timeout=LIMIT)
        return process.returncode, out, err

    def answer(self, *words: str, **more: str) -> dict:
        """Run a notebook, and return the line of JSON once it is served; then press Ctrl-C."""
        process = self.start("run", "--json", *words, PORT="0", **more)
        line = process.stdout.readline()
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=SOON)
        answered = json.loads(line or "{}")
        assert "answer" in answered, line + err
        return answered

    def edition(self) -> Path:
        """Return where the command has its environments."""
        return Path(json.loads(self.say("version", "--json")[1])["home"])


def wheel_of(root: Path, folder: Path) -> Path:
    """Return the wheel of the sources in `root`, written to `folder`."""
    subprocess.run([UV, "build", "--quiet", "--wheel", "--out-dir", folder, root], check=True)
    return next(folder.glob("*.whl"))


def command_of(wheel: Path, python: Path, folder: Path) -> Path:
    """Install the wheel alone into a new environment in `folder`; return the command."""
    subprocess.run([python, "-m", "venv", "--without-pip", folder], check=True)
    words = ["pip", "install", "--quiet", "--offline", "--no-index", "--python", folder, wheel]
    subprocess.run([UV, *words], check=True)
    return folder / "bin" / "nb-builder"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Return the wheel of these sources."""
    return wheel_of(stage.ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def notebook(tmp_path_factory):
    """Return a folder with a notebook that needs no packages."""
    return shutil.copytree(named("ok-pure-python").repo, tmp_path_factory.mktemp("notebook") / "my models")


@pytest.fixture(scope="module")
def used(wheel, notebook, tmp_path_factory):
    """Return a machine whose first two commands were given at the same moment, and what both have said."""
    folder = tmp_path_factory.mktemp("used")
    machine = Machine(command_of(wheel, PYTHONS[OURS], folder / "env"), folder / "home")
    both = [machine.start("check", cwd=notebook) for _ in range(2)]
    said = [(process.communicate(timeout=LIMIT), process.returncode) for process in both]
    return machine, [(status, out, err) for (out, err), status in said]


@pytest.fixture(scope="module")
def asked(used, notebook, tmp_path_factory):
    """Return what came of a run on that machine, without git: the PATH that has none, and the line of JSON."""
    machine, _ = used
    without = tmp_path_factory.mktemp("bin")
    for name in ("basename", "bash", "cat", "dirname", "env", "mkdir", "rm", "sed"):
        (without / name).symlink_to(shutil.which(name))
    return str(without), machine.answer(str(notebook), PATH=str(without))


@pytest.fixture
def public():
    """Return a folder that every user may enter, as those of pytest are not."""
    folder = Path(tempfile.mkdtemp(prefix="nb-wheel-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("minor", sorted(PYTHONS, key=lambda minor: int(minor[2:])))
def test_in_an_empty_environment_the_command_reports_what_it_is(minor, wheel, tmp_path):
    machine = Machine(command_of(wheel, PYTHONS[minor], tmp_path / "env"), tmp_path / "home", PIP_NO_INDEX="1")
    assert machine.say("version") == (0, f"nb-builder {wheel.name.split('-')[1]}\n", "")
    status, out, err = machine.say("--help")
    assert (status, err) == (0, "") and "export-manifests" in out
    status, out, err = machine.say("doctor")
    assert (status, err) == (0, "") and f" {minor}." in next(line for line in out.splitlines() if " python " in line)
    assert not (tmp_path / "home").exists()


def test_two_first_commands_at_once_make_the_environments_once(used):
    _, said = used
    for status, out, _ in said:
        assert (status, out.splitlines()[-1]) == (0, "---> Fine: predictor, validator, examples; no requirements")
    assert sum(err.count("/build\n") for _, _, err in said) == 1
    assert sum("Waiting for another nb-builder" in err for _, _, err in said) == 1


def test_a_notebook_is_served_without_git_and_a_url_is_rejected_in_a_sentence(used, asked):
    machine, _ = used
    without, answered = asked
    assert answered["answer"] == 3
    status, out, err = machine.say("check", "https://example.org/notebook.git", PATH=without)
    assert status == 2
    assert "(problem clone-without-git)" in out + err and "Traceback" not in err


@as_root
def test_without_a_network_what_was_built_before_is_built_again(used, asked, notebook):
    machine, _ = used
    alone = Machine(machine.command, Path(machine.environ["HOME"]), "unshare", "--net", "sh", "-c", _LOOPBACK, "sh")
    assert alone.say("check", str(notebook))[0] == 0
    assert alone.answer(str(notebook), UV_OFFLINE="1")["answer"] == 3


# A namespace of its own has a loopback that is down.
_LOOPBACK = 'ip link set lo up && exec "$@"'


def test_a_home_that_can_t_be_written_is_reported_with_its_fix(wheel, notebook, public):
    (public / "home").mkdir(mode=0o500)
    machine = Machine(command_of(wheel, _for_everybody(), public / "env"), public / "home", *_another_user())
    assert machine.say("version")[0] == 0
    status, out, _ = machine.say("doctor", PIP_NO_INDEX="1")
    assert status == 1 and "set NB_BUILDER_HOME to a folder" in out
    # Neither the user's home nor a variable names one.
    for home in (str(public / "home"), ""):
        status, _, err = machine.say("export-manifests", "--for", "compose", HOME=home)
        assert status == 1
        assert err.splitlines()[-1] == "  (problem home-unwritable)" and "Set NB_BUILDER_HOME" in err


def _another_user() -> list[str]:
    """Return the command line that runs a command as a user without access to some folders."""
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if os.getuid() == 0 else []


def _for_everybody() -> Path:
    """Return a Python with venv that another user can run, too: root's own may lie in root's home."""
    for path in (PYTHONS[OURS], Path("/usr/bin/python3")):
        if subprocess.run([*_another_user(), path, "-c", "import venv, ensurepip"], cwd="/").returncode == 0:
            return path
    pytest.skip("needs a Python with venv that other users may run: apt-get install python3-venv")


@pytest.mark.long
def test_another_user_with_another_folder_needs_no_home(wheel, notebook, public):
    (public / "home").mkdir(mode=0o500)
    work = public / "work"
    work.mkdir()
    shutil.copytree(notebook, public / "notebook")
    if os.getuid() == 0:
        os.chown(work, NOBODY, NOBODY)
    machine = Machine(command_of(wheel, _for_everybody(), public / "env"), public / "home", *_another_user())
    assert machine.answer(str(public / "notebook"), NB_BUILDER_HOME=str(work))["answer"] == 3
    assert list((public / "home").iterdir()) == []


@pytest.mark.long
@pytest.mark.parametrize("minor", sorted(PYTHONS.keys() - {OURS}, key=lambda minor: int(minor[2:])))
def test_each_python_makes_its_environments_and_serves(minor, wheel, notebook, tmp_path):
    machine = Machine(command_of(wheel, PYTHONS[minor], tmp_path / "env"), tmp_path / "home")
    assert machine.say("check", cwd=notebook)[0] == 0
    assert machine.answer(str(notebook))["answer"] == 3


@pytest.mark.long
@pytest.mark.parametrize(
    ("step", "number"),
    [
        ("build", signal.SIGINT),
        ("build", signal.SIGTERM),
        ("build", signal.SIGKILL),
        ("service", signal.SIGINT),
        ("overlay", signal.SIGINT),
    ],
)
def test_what_interrupts_the_first_command_does_not_harm_the_second(step, number, wheel, notebook, tmp_path):
    machine = Machine(
        command_of(wheel, PYTHONS[OURS], tmp_path / "env"), tmp_path / "home", **{stage.MARK: str(tmp_path)}
    )
    process = machine.start("check", cwd=notebook)
    for line in process.stderr:
        if line.startswith("---> Making") and f"/{step}" in line:
            break
    time.sleep(0.5)
    process.send_signal(number)
    process.communicate(timeout=LIMIT)
    if number != signal.SIGKILL:
        assert process.returncode == 128 + number
        assert stage.processes_of(machine.environ) == []
    assert machine.say("check", cwd=notebook)[0] == 0
    assert machine.answer(str(notebook))["answer"] == 3


@pytest.fixture(scope="module")
def newer(wheel, tmp_path_factory):
    """Return a wheel of the next version, in which one file is another."""
    folder = tmp_path_factory.mktemp("newer")
    root = folder / "root"
    with zipfile.ZipFile(wheel) as files:
        files.extractall(folder / "unpacked")
    sources = folder / "unpacked" / "nb_builder" / "source"
    shutil.copytree(sources, root)
    for name in ("nb_builder", "nb_native"):
        shutil.copytree(folder / "unpacked" / name, root / "s2i" / name, ignore=shutil.ignore_patterns("source"))
    for name in ("nb_scorer", "nb_service", "nb_spark"):
        shutil.copytree(folder / "unpacked" / name, root / "app-skeleton" / name)
    shutil.copy(stage.ROOT / "README.md", root)
    shutil.copy(stage.ROOT / "LICENSE", root)
    project = root / "pyproject.toml"
    text = project.read_text()
    assert 'version = "0.1.0"' in text
    project.write_text(text.replace('version = "0.1.0"', 'version = "0.1.1"'))
    with (root / "docs/deploy/compose/compose.yaml").open("a") as file:
        file.write("# of the next version\n")
    return wheel_of(root, folder / "wheel")


def test_an_upgrade_leaves_what_the_old_version_has_until_it_is_removed(wheel, newer, tmp_path):
    machines = [
        Machine(command_of(each, PYTHONS[OURS], tmp_path / f"env{number}"), tmp_path / "home")
        for number, each in enumerate((wheel, newer))
    ]
    for number, machine in enumerate(machines):
        assert machine.say("export-manifests", "--for", "compose", "-o", f"{tmp_path}/out{number}")[0] == 0
    written = [(tmp_path / f"out{number}/compose/compose.yaml").read_text() for number in range(2)]
    assert written[0] + "# of the next version\n" == written[1]
    old, new = (machine.edition() for machine in machines)
    assert old.parent == new.parent and old.is_dir() and new.is_dir()
    assert new.name.startswith("0.1.1-py")
    # Overlays of other Pythons, and a user's own files there, belong to no version.
    (new.parent / "overlay").mkdir()
    assert machines[1].say("clean", "--old")[0] == 0
    assert sorted(path.name for path in new.parent.iterdir()) == sorted([new.name, "overlay"])
    assert "no files of other versions" in machines[1].say("clean", "--old")[2]
