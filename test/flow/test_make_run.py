"""`nb-builder run` with each kind of NOTEBOOK: it builds, serves, asks once, and leaves nothing running."""

import fcntl
import json
import os
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

import signers
from cases import named
from commands import ROOT, Block, Session
from contract import zipapps
from contract.services import free_port, make_app_root
from contract.test_registry import CONFIG
from contract.test_registry import served as registry_at
from contract.wire import ask, post
from flow import stage

# There is one place where `nb-builder run` builds.
pytestmark = pytest.mark.xdist_group("make run")
APP = Path(os.environ.get("NB_BUILDER_HOME") or ROOT / ".nb-builder") / "app"
LAST_LINE = "Press Ctrl-C to stop."


@pytest.fixture
def session(tmp_path):
    """Return a session whose services end with the test and must not leave a process."""
    made = Session(tmp_path)
    yield made
    made.stop()
    assert made.left() == []


@pytest.fixture
def repository(tmp_path):
    """Return a git repository with a notebook, in a folder with a space in its name."""
    folder = tmp_path / "my models"
    shutil.copytree(named("ok-own-class").repo, folder)
    who = ["-c", "user.name=reader", "-c", "user.email=reader@localhost"]
    for arguments in (["init", "-q"], ["add", "."], [*who, "commit", "-qm", "model"]):
        subprocess.run(["git", *arguments], cwd=folder, check=True)
    return folder


def served(session, notebook):
    """Run `nb-builder run` with this NOTEBOOK, ask the service 4, and return (answer, log)."""
    session.run(Block(f"make run NOTEBOOK='{notebook}'\n", frozenset({"service"}), 1))
    answer = json.loads(stage.ask(session.port, b"4")[1])
    # A page that has had its own name, here x, lead to this address gets nothing.
    assert (b"Host: x" in post(b"4"), ask(session, post(b"4")).status) == (True, 403)
    until = time.monotonic() + 20
    while LAST_LINE not in session.log.read_text() and time.monotonic() < until:
        time.sleep(0.05)
    session.stop()
    return answer, session.log.read_text()


def test_a_folder_becomes_a_service_that_shows_how_to_ask_it(session, repository):
    answer, log = served(session, repository)
    assert answer == 3.0
    assert "Sample request: 4 → 3.0" in log
    assert f"curl -d 4 -H 'Content-Type: application/json' http://127.0.0.1:{session.port}/predict" in log


def test_an_ipynb_becomes_a_service(session, repository):
    assert served(session, repository / "model.ipynb")[0] == 3.0


def test_a_git_url_becomes_a_service(session, repository):
    url = "file://" + str(repository).replace(" ", "%20")
    assert served(session, url)[0] == 3.0


def output_of(session, *arguments, **env):
    """Return (status, output) of `nb-builder run` that exits by itself."""
    command = ["make", "--no-print-directory", "run", *arguments]
    environ = {**session.env, **env}
    ran = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, encoding="utf-8", timeout=100)
    return ran.returncode, ran.stdout, ran.stderr


def test_a_port_that_is_asked_for_and_taken_is_rejected_before_the_build(session, repository):
    with socket.socket() as other:
        other.bind(("127.0.0.1", session.port))
        other.listen()
        status, printed, _ = output_of(session, f"NOTEBOOK={repository}")
    assert status != 0
    assert f"Can't listen on 127.0.0.1 port {session.port}: Address already in use." in printed
    assert "Checking the notebook" not in printed


def test_a_folder_from_which_a_service_runs_is_not_built_into(session, repository):
    session.run(Block(f"make run NOTEBOOK='{repository}'\n", frozenset({"service"}), 1))
    status, printed, _ = output_of(session, f"NOTEBOOK={repository}", PORT="0")
    assert status != 0
    assert re.search(
        rf"/app is in use: a service is running, process \d+, on http://127\.0\.0\.1:{session.port}\.\n"
        r"  Why: .*\n  Fix: Stop that command first, with Ctrl-C where it was started or with 'kill \d+'\.\n",
        printed,
    )
    assert "Checking the notebook" not in printed
    assert json.loads(stage.ask(session.port, b"4")[1]) == 3.0


def test_json_has_the_problem_of_a_build_that_fails(session, repository):
    (repository / "model.ipynb").write_text("{}")
    status, printed, _ = output_of(session, f"NOTEBOOK={repository}", "JSON=1")
    facts = json.loads(printed)
    assert (facts["command"], facts["exit_status"], facts["problem"]["code"]) == ("run", 1, "notebook-not-a-notebook")
    assert status != 0


@pytest.mark.parametrize(("output", "stream"), [(["out.csv"], "stdout"), ([], "stderr")])
def test_json_of_batch_has_the_problem_of_a_build_that_fails(output, stream, session, repository, tmp_path):
    (repository / "model.ipynb").write_text("{}")
    (tmp_path / "in.csv").write_text("1\n")
    command = [ROOT / "s2i" / "nb-builder", "batch", repository, tmp_path / "in.csv", *output, "--json"]
    ran = subprocess.run(command, cwd=tmp_path, env=session.env, capture_output=True, encoding="utf-8", timeout=100)
    facts = json.loads(getattr(ran, stream).splitlines()[-1])
    assert (facts["command"], facts["exit_status"], facts["problem"]["code"]) == ("batch", 1, "notebook-not-a-notebook")
    assert ran.returncode == 1
    assert len(ran.stdout.splitlines()) == len(output)


def test_json_of_batch_is_behind_the_words_of_a_problem(session, repository, tmp_path):
    (tmp_path / "in.csv").write_text("1\n")
    with APP.with_name(f"{APP.name}.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        command = [ROOT / "s2i" / "nb-builder", "batch", repository, tmp_path / "in.csv", "--json"]
        ran = subprocess.run(command, cwd=tmp_path, env=session.env, capture_output=True, encoding="utf-8", timeout=100)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert json.loads(ran.stderr.splitlines()[-1])["problem"]["code"] == "app-in-use"


def test_json_of_batch_has_the_problem_of_a_target_that_is_not_there(session, tmp_path):
    command = [ROOT / "s2i" / "nb-builder", "batch", "nowhere", "in.csv", "--json"]
    ran = subprocess.run(command, cwd=tmp_path, env=session.env, capture_output=True, encoding="utf-8", timeout=100)
    assert json.loads(ran.stdout)["problem"]["code"] == "source-unknown"
    assert ran.returncode == 2


def test_changes_that_are_not_committed_are_named_and_no_commit_is_claimed_for_them(session, repository):
    (repository / "new file.txt").write_text("x")
    notebook = repository / "model.ipynb"
    notebook.write_text(notebook.read_text() + "\n")
    _, log = served(session, repository)
    assert "note: the build includes uncommitted changes: model.ipynb, new file.txt\n" in log
    statement = json.loads((APP / "build/provenance.json").read_text())
    source = statement["predicate"]["buildDefinition"]["resolvedDependencies"][0]
    assert source["name"] == "source" and "digest" not in source
    assert source["annotations"]["uncommitted"] == ["model.ipynb", "new file.txt"]


def test_what_is_no_notebook_is_rejected_in_a_sentence(session, tmp_path):
    ran = subprocess.run(
        ["make", "run", f"NOTEBOOK={tmp_path}/nothing-here"],
        cwd=stage.ROOT,
        env=session.env,
        capture_output=True,
        text=True,
    )
    assert ran.returncode != 0
    assert "is neither a folder, a notebook nor a git URL" in ran.stdout + ran.stderr


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Return the file of a model, with its packages, and a public key that has signed it."""
    folder = tmp_path_factory.mktemp("model")
    (folder / "root").mkdir()
    code = "def predictor(x):\n    return x - 1\nexamples = [1, 2]"
    path = zipapps.zipapp_of(make_app_root(folder / "root", code, {}), folder, "--with-wheels")
    private, public = signers.key_pair(folder)
    return zipapps.sign(path, private), public


def test_a_model_s_file_becomes_a_service_without_its_notebook(session, model):
    session.run(Block(f"make run MODEL={model[0]}\n", frozenset({"service"}), 1))
    assert json.loads(stage.ask(session.port, b"4")[1]) == 3
    assert stage.ask(session.port, b"", "GET", "/openapi.json")[0] == 200
    session.stop()
    assert "→ 0" in session.log.read_text()


def test_so_does_a_model_in_a_registry(session, model, tmp_path):
    port = free_port()
    with registry_at(CONFIG, tmp_path, port):
        command = ["make", "--no-print-directory", "push", f"MODEL={model[0]}", f"TO=127.0.0.1:{port}/team/model:1"]
        pushed = subprocess.run(command, cwd=stage.ROOT, capture_output=True, text=True, check=True)
        place = pushed.stdout.splitlines()[-1]
        assert place.startswith(f"127.0.0.1:{port}/team/model@sha256:")
        session.run(Block(f"make run MODEL={place}\n", frozenset({"service"}), 1))
        assert json.loads(stage.ask(session.port, b"4")[1]) == 3
        session.stop()


def test_a_forged_file_is_not_served_where_a_key_is_set(model, tmp_path):
    sings = tmp_path / "sings"
    forged = zipapps.changed(
        model[0], tmp_path / "m", lambda found: {**found, "model/model.pickle": zipapps.canary(sings)}
    )
    command = ["make", "--no-print-directory", "run", f"MODEL={forged}"]
    for more, env in (([], {"S2I_VERIFY_KEY_FILE": str(model[1])}), ([f"KEY={model[1]}"], {})):
        environ = {**os.environ, **env}
        done = subprocess.run([*command, *more], cwd=stage.ROOT, env=environ, capture_output=True, text=True)
        assert done.returncode != 0
        assert "model/model.pickle has changed since it was signed" in done.stdout and not sings.exists()
