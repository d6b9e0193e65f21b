"""`nb-builder dev` as its user meets it: saves become answers, failures words, and Ctrl-C leaves nothing."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
import uuid
from pathlib import Path

import pytest
from jupyter_client.blocking.client import BlockingKernelClient

import pythons
from contract.services import wait_until
from flow import stage

# There is one environment of JupyterLab, and one make of it.
pytestmark = pytest.mark.xdist_group("make dev")
LONG = 240
# Another Python than the one that these tests run with.
OTHER = "3.12"
CELLS = [
    'requirements = [["six", "1.17.0"]]',
    "import six\nstep = 1",
    "def predictor(x):\n    return x + step",
    "predictor(4)",
]


class Dev:
    """A running `nb-builder dev` of a notebook of these cells, whose log can be waited for."""

    def __init__(self, folder: Path, *cells: str, **env: str):
        self.repo = folder / "repo"
        self.repo.mkdir()
        self.cells = list(cells or CELLS)
        self.log = folder / "log"
        self.env = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("S2I_", "PYTEST_", "JUPYTER"))},
            stage.MARK: uuid.uuid4().hex,
            "NOTEBOOK": str(self.repo),
            "PORT": str(stage.free_port()),
            "LAB": "0",
            **env,
        }
        self.save()
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                ["make", "dev"], cwd=stage.ROOT, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def save(self, **changes: str):
        """Write the notebook, as an editor does at one go; `c2="…"` is another source for the second cell."""
        for name, source in changes.items():
            self.cells[int(name[1:]) - 1] = source
        (self.repo / "model.new").write_text(stage._notebook(tuple(self.cells)), encoding="utf-8")
        (self.repo / "model.new").rename(self.repo / "model.ipynb")

    @property
    def words(self) -> str:
        """Return all that it has printed."""
        return self.log.read_text(encoding="utf-8")

    def wait_for(self, pattern: str, count: int = 1) -> list:
        """Return the matches of `pattern` in its output, once there are `count`."""
        assert wait_until(lambda: self.process.poll() is not None or len(self.found(pattern)) >= count, LONG), (
            self.words
        )
        assert len(self.found(pattern)) >= count, self.words
        return self.found(pattern)

    def found(self, pattern: str) -> list:
        """Return the matches of `pattern` in its output."""
        return re.findall(pattern, self.words, re.MULTILINE)

    def served(self, count: int = 1) -> "Dev":
        """Wait until it serves for the `count`-th time."""
        self.port = int(self.wait_for(r"served on http://127\.0\.0\.1:(\d+)/predict", count)[-1])
        return self

    def answer(self, sample=4):
        """Return the answer to a sample; where it has none the status."""
        status, body = stage.ask(self.port, json.dumps(sample).encode())
        return json.loads(body) if status == 200 else status

    def stop(self, number: int = signal.SIGINT) -> list[str]:
        """Press Ctrl-C, or send another signal; return the command lines of processes that are left."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(30)
        left = stage.processes_of(self.env)
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        return left


@pytest.fixture
def dev(tmp_path):
    """Return a function that starts `nb-builder dev`; the test stops it, and it leaves no process."""
    made = []

    def start(*cells, **env):
        made.append(Dev(tmp_path, *cells, **env))
        return made[-1]

    yield start
    assert [each.stop() for each in made] == [[] for _ in made]


def test_what_is_saved_is_answered_soon_and_the_old_answer_comes_until_then(dev):
    it = dev().served()
    assert it.answer() == 5
    assert re.search(r"curl -d 4 -H 'Content-Type: application/json' http://127\.0\.0\.1:\d+/predict", it.words)
    before = it.port
    it.save(c2="import six\nstep = 3")
    answers = set()
    # Until it is served, and at that moment, each request has an answer: the old one or the new.
    while not it.found(r"differently; served on"):
        answers.add(it.answer())
        assert it.process.poll() is None, it.words
    assert answers <= {5, 7} and it.answer() == 7 and it.port == before
    assert it.found(r"^---> model\.ipynb changed; cell 2$")
    assert it.found(r"1 of 1 golden row answers differently; served on")
    assert it.found(r"^ +sample  before  after\n +4 +5 +7$")
    assert it.stop() == []
    assert it.words.rstrip().endswith("---> Stopping")


def test_a_broken_cell_is_shown_and_the_service_of_before_goes_on_until_it_is_fixed(dev):
    it = dev().served()
    it.save(c2="import six\nstep = 1 / 0")
    it.wait_for(r"^---> Not built; the previous build is still served$")
    assert "Cell [2] of model.ipynb (cell 2 of the file), line 2 failed: ZeroDivisionError" in it.words
    assert "(problem cell-failed)" in it.words
    assert it.answer() == 5
    it.save(c2="import six\nstep = 2")
    assert it.served(2).answer() == 6


def test_a_notebook_that_is_broken_at_first_is_served_once_it_is_fixed(dev):
    it = dev("predictor = 1")
    it.wait_for(r"^---> Not built; nothing is served$")
    port = int(it.env["PORT"])
    assert stage.ask(port, b"4")[0] == 503
    it.save(c1="def predictor(x):\n    return -x")
    assert it.served().answer() == -4


def test_other_requirements_are_installed_and_outputs_are_no_save(dev):
    it = dev().served()
    it.save(c1='requirements = [["six", "1.16.0"]]', c2="import six\nstep = six.__version__ == '1.16.0' and 10")
    assert it.served(2).answer() == 14
    assert it.found(r"^---> model\.ipynb changed; cells 1 and 2$")
    (it.repo / "notes.md").write_text("read by nobody")
    path = it.repo / "model.ipynb"
    notebook = json.loads(path.read_text())
    notebook["cells"][0]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "printed"}]
    path.write_text(json.dumps(notebook))
    # What comes after these two is seen after them.
    it.save(c2="import six\nstep = 11")
    assert it.served(3).answer() == 15
    assert len(it.found("changed")) == 2


@pytest.mark.skipif(OTHER not in pythons.installed(), reason=f"needs Python {OTHER} to make an archive of")
def test_a_python_that_is_not_installed_is_downloaded_once(dev, tmp_path):
    python = pythons.installed()[OTHER]
    archive = pythons.of_installation(tmp_path / "python.tar.gz", python.path.resolve().parents[1], OTHER)
    catalog = pythons.catalog(tmp_path / "catalog.json", {python.full: archive}, tmp_path.as_uri())
    # This machine's own Pythons are hidden, but its caches are not.
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    machine = {"PATH": "/usr/bin:/bin", "PYENV_ROOT": str(tmp_path / "none"), "NB_BUILDER_PYTHON": sys._base_executable}
    machine |= {"HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": cache, "UV_PYTHON_DOWNLOADS_JSON_URL": catalog}
    it = dev(
        "import sys\nstep = 0", "def predictor(x):\n    return x + step + sys.version_info[1]\npredictor(4)",
        S2I_PYTHON=OTHER, **machine,
    ).served()  # fmt: skip
    assert it.answer() == 4 + int(OTHER[2:])
    library = tmp_path / f"home/.local/share/uv/python/cpython-{OTHER}-linux-{os.uname().machine}-gnu/lib"
    installed = library.stat()
    it.save(c1="import sys\nstep = 1")
    assert it.served(2).answer() == 5 + int(OTHER[2:])
    assert library.stat().st_ino == installed.st_ino


def test_a_save_while_a_build_runs_takes_its_place(dev, tmp_path):
    it = dev().served()
    begun = tmp_path / "begun"
    it.save(c2=f"import six, time, pathlib\npathlib.Path({str(begun)!r}).touch()\ntime.sleep(600)\nstep = 2")
    assert wait_until(begun.exists, LONG), it.words
    assert it.answer() == 5
    it.save(c2="import six\nstep = 3")
    assert it.served(2).answer() == 7
    assert it.found(r"^---> model\.ipynb changed; cell 2 \(the build of the previous save was cancelled\)$")
    assert "Not built" not in it.words


def test_what_predictor_prints_and_raises_is_shown(dev):
    it = dev(CELLS[0], CELLS[1], "def predictor(x):\n    print('asked', x)\n    return 1 / x", CELLS[3]).served()
    assert it.answer(0) == 500
    it.wait_for(r"^ +asked 0$")
    it.wait_for(r"ZeroDivisionError: division by zero")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_other_signals_end_all_as_well(dev, number):
    it = dev().served()
    assert it.stop(number) == []


def test_ctrl_c_ends_all_where_the_caller_ignores_it_and_a_build_runs(dev, tmp_path):
    # As a shell starts what runs in the background.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        begun = tmp_path / "begun"
        it = dev(
            CELLS[0],
            f"import time, pathlib\npathlib.Path({str(begun)!r}).touch()\ntime.sleep(600)\nstep = 1",
            *CELLS[2:],
        )
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    assert wait_until(begun.exists, LONG), it.words
    assert it.stop() == []


class Jupyter:
    """A client of the JupyterLab whose link `nb-builder dev` has shown."""

    def __init__(self, link: str):
        self.base, self.token = re.fullmatch(r"(http://127\.0\.0\.1:\d+)/lab/(?:tree/\S+)?\?token=(\w+)", link).groups()

    def ask(self, path: str, token: str | None = None, body: bytes | None = None):
        """Return what its API answers."""
        head = {"Authorization": f"token {self.token if token is None else token}"}
        with urllib.request.urlopen(urllib.request.Request(self.base + path, body, head), timeout=60) as answer:
            return json.load(answer)

    @contextlib.contextmanager
    def kernel(self):
        """Start a kernel as JupyterLab does, and yield what runs code in it and returns what that prints."""
        name = self.ask("/api/kernels", body=b"{}")["id"]
        (file,) = (stage.ROOT / ".nb-builder/dev").glob(f"*/lab/runtime/kernel-{name}.json")
        client = BlockingKernelClient(connection_file=str(file))
        client.load_connection_file()
        # Without heartbeats, which are late on a busy machine.
        client.start_channels(hb=False, stdin=False)

        def run(code: str) -> str:
            printed = []

            def keep(message):
                content = message["content"]
                printed.extend([content[key] for key in ("text",) if key in content] or content.get("traceback", ()))

            client.execute_interactive(code, timeout=60, output_hook=keep, allow_stdin=False)
            return "".join(printed)

        try:
            client.wait_for_ready(60)
            yield run
        finally:
            client.stop_channels()


def test_jupyterlab_runs_the_notebook_s_own_packages_and_those_that_are_asked_for_later(dev):
    it = dev(LAB=str(stage.free_port())).served()
    jupyter = Jupyter(it.wait_for(r"^---> JupyterLab: (\S+)$")[0])
    with pytest.raises(urllib.error.HTTPError, match="403"):
        jupyter.ask("/api/kernels", token="wrong")
    specs = jupyter.ask("/api/kernelspecs")
    assert specs["default"] == "python3" and [*specs["kernelspecs"]] == ["python3"]
    assert [entry["path"] for entry in jupyter.ask("/api/contents")["content"]] == ["model.ipynb"]
    version = "import six, sys, os; print(six.__version__, os.getcwd(), *sys.path)"
    with jupyter.kernel() as old:
        first = old(version)
        assert first.startswith(f"1.17.0 {it.repo} ")
        # Jupyter's own packages are none of the notebook's.
        assert "/lab/lib" not in first and "ModuleNotFoundError" in old("import jupyterlab")
        assert re.search(r"^pip [\d.]+ from ", old("!pip --version"))
        it.save(c1='requirements = [["six", "1.16.0"]]', c2="import six\nstep = 2")
        assert it.served(2).answer() == 6
        with jupyter.kernel() as new:
            assert new(version).startswith("1.16.0 ")
        assert old("import six, importlib; print(importlib.reload(six).__version__)") == "1.17.0\n"
        # A running cell is not a reason to stay.
        old("import threading, time; threading.Thread(target=time.sleep, args=(600,)).start()")
        assert it.stop() == []


def test_a_cell_that_fails_at_first_can_be_tried_in_jupyter(dev):
    it = dev(CELLS[0], "import six\n1 / 0", *CELLS[2:], LAB=str(stage.free_port()))
    it.wait_for(r"^---> Not built; nothing is served$")
    with Jupyter(it.wait_for(r"^---> JupyterLab: (\S+)$")[0]).kernel() as run:
        assert run("import six; print(six.__version__)") == "1.17.0\n"


def test_a_git_url_is_rejected_in_a_sentence(dev, tmp_path):
    ran = subprocess.run(
        ["make", "dev", "LAB=0", "NOTEBOOK=https://localhost/repo.git"], cwd=stage.ROOT, capture_output=True, text=True
    )
    assert ran.returncode != 0
    assert "git clone https://localhost/repo.git" in ran.stderr and "(problem source-elsewhere)" in ran.stderr
