"""The points of the s2i contract that show without a container; a test's name carries the point's number."""

import base64
import http.server
import io
import json
import os
import signal
import subprocess
import tarfile
import threading
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from cases import named
from flow import stage


@pytest.fixture(autouse=True)
def _as_s2i_does(monkeypatch):
    """Run the scripts themselves."""
    monkeypatch.setattr(stage, "real_scripts", True)


@pytest.mark.xdist_group("flow fail-cell-failed")
def test_point_31_no_word_of_a_notebook_reaches_stderr_and_assemble_runs_once(outcomes):
    build = outcomes.build(named("fail-cell-failed"))
    assert build.stderr == ""
    assert "the target column was not found in start.tar (tar not found)" in build.stdout
    assert build.stdout.count("---> Checking") == 1
    assert outcomes.build(named("ok-magics")).stderr == ""


@pytest.mark.xdist_group("flow fail-cell-failed")
def test_point_32_the_end_of_the_log_names_the_cell(outcomes):
    assert "Cell [2]" in "\n".join(outcomes.build(named("fail-cell-failed")).stdout.splitlines()[-8:])


@pytest.mark.xdist_group("flow ok-dot-files")
def test_point_34_dot_files_are_copied(outcomes):
    src = outcomes.build(named("ok-dot-files")).app_root / "src"
    assert {".env.sample", ".settings", ".gitignore", "model.ipynb"} <= set(os.listdir(src))


def test_point_34_a_repository_without_a_file_is_rejected_in_words(tmp_path):
    repo = tmp_path / "repo"
    repo.mkdir()
    build, _ = stage.assemble(replace(named("fail-notebook-missing"), repo=repo), tmp_path)
    assert build.status != 0
    assert "(problem source-missing)" in build.stdout


@pytest.mark.xdist_group("flow ok-names-that-clash")
def test_point_35_names_of_the_repository_do_not_clobber_the_service(outcomes):
    case = named("ok-names-that-clash")
    assert [json.loads(body) for _, body in outcomes.service(case).answers] == [2.38, 11.9]
    assert (outcomes.build(case).app_root / "src" / "app.py").read_text() == (case.repo / "app.py").read_text()


@pytest.mark.xdist_group("flow fail-cell-asks-input")
def test_point_37_a_cell_that_asks_for_input_ends_at_once(outcomes):
    assert "(problem cell-asks-input)" in outcomes.build(named("fail-cell-asks-input")).stdout


@pytest.mark.xdist_group("flow fail-cell-timeout-stubborn")
def test_point_38_a_cell_without_end_is_stopped(outcomes):
    assert "(problem cell-timeout)" in outcomes.build(named("fail-cell-timeout-stubborn")).stdout


def test_point_42_a_repository_may_lie_in_a_folder_with_a_space_and_an_umlaut(tmp_path):
    folder = tmp_path / "mit Abstand über allem"
    folder.mkdir()
    case = named("ok-folder-with-space-and-umlaut")
    build, env = stage.assemble(case, folder)
    assert build.status == 0, build.stdout
    assert json.loads(stage.serve(case, env).answers[0][1]) == case.answer[0]


def test_point_47_a_proxy_that_does_not_answer_is_named(tmp_path):
    # A cache of its own: from a full one nothing needs to be fetched.
    env = {"HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9", "NO_PROXY": "", "no_proxy": ""}
    build, _ = stage.build_of(
        tmp_path, "requirements = ['six']", "def predictor(x): return x", UV_CACHE_DIR=str(tmp_path / "c"), **env
    )
    assert build.status != 0
    assert "(problem index-unreachable)" in build.stdout
    assert build.stderr == ""


class Index(http.server.BaseHTTPRequestHandler):
    """A package index with one wheel, for clients with the password."""

    secret = "Zw8-secret-word"

    def do_GET(self):
        """Answer with the list, the wheel, or 401."""
        allowed = "Basic " + base64.b64encode(f"reader:{self.secret}".encode()).decode()
        if self.headers["Authorization"] != allowed:
            self.send_response(401)
            self.send_header("WWW-Authenticate", "Basic")
            self.end_headers()
            return
        listing = b'<a href="/house_greeting-1.0-py3-none-any.whl">house_greeting-1.0-py3-none-any.whl</a>'
        known = {
            "/simple/house-greeting/": (listing, "text/html"),
            "/house_greeting-1.0-py3-none-any.whl": (wheel(), "application/zip"),
        }
        body, kind = known.get(self.path, (b"", "text/html"))
        self.send_response(200 if body else 404)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815 - the name that http.server looks for

    def log_message(self, *_):
        """Say nothing."""


def wheel():
    """Return the bytes of a wheel that has one module, `house_greeting`."""
    info = "house_greeting-1.0.dist-info"
    files = {
        "house_greeting.py": "WORD = 'welcome'\n",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: house-greeting\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return made.getvalue()


@pytest.fixture
def index():
    """Return the URL of a private index, with user and password."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Index)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://reader:{Index.secret}@127.0.0.1:{server.server_port}/simple"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("installer", ["uv", "pip"])
@pytest.mark.parametrize("told", ["variable", "pip.conf"])
def test_point_48_a_private_index_is_used_and_its_password_shows_nowhere(told, installer, index, tmp_path):
    (tmp_path / "pip.conf").write_text(f"[global]\nextra-index-url = {index}\n")
    setting = {"PIP_EXTRA_INDEX_URL": index} if told == "variable" else {"PIP_CONFIG_FILE": str(tmp_path / "pip.conf")}
    cells = (
        "requirements = [['house-greeting', '1.0']]",
        "import house_greeting\ndef predictor(x): return house_greeting.WORD",
    )
    build, _ = stage.build_of(tmp_path, *cells, S2I_INSTALLER=installer, **setting)
    assert build.status == 0, build.stdout
    assert Index.secret not in build.stdout
    for kept in (path for name in ("build", "model") for path in (build.app_root / name).rglob("*") if path.is_file()):
        assert Index.secret.encode() not in kept.read_bytes(), kept


@pytest.mark.xdist_group("flow ok-environment")
def test_point_50_variables_of_s2i_environment_reach_notebook_and_predictor(outcomes):
    case = named("ok-environment")
    assert json.loads(outcomes.service(case).answers[0][1]) == case.answer[0]


def test_point_54_a_script_of_the_repository_may_call_ours_from_anywhere(tmp_path):
    wrapper = tmp_path / "assemble"
    wrapper.write_text(f"#!/bin/sh\necho before\n{stage.BIN / 'assemble'}\nstatus=$?\necho after\nexit $status\n")
    wrapper.chmod(0o755)
    _, env = stage.place(named("ok-pure-python"), tmp_path)
    ran = subprocess.run([wrapper], env=env, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (0, ""), ran.stdout
    assert ran.stdout.splitlines()[-1] == "after"


@pytest.mark.xdist_group("flow ok-much-output")
def test_point_56_megabytes_of_output_do_not_flood_the_log(outcomes):
    build = outcomes.build(named("ok-much-output"))
    assert len(build.stdout) < 100_000
    assert max(map(len, build.stdout.splitlines())) < 5_000


@pytest.mark.parametrize("noise", [{}, {"BASH_ENV": "noise"}], ids=["plain", "with a noisy shell"])
@pytest.mark.xdist_group("flow ok-pure-python")
def test_points_59_and_64_save_artifacts_writes_a_tar_and_nothing_else(noise, outcomes, tmp_path):
    (tmp_path / "noise").write_text("true\n")
    env = {**os.environ, **{key: str(tmp_path / value) for key, value in noise.items()}}
    env |= {"APP_ROOT": str(outcomes.build(named("ok-pure-python")).app_root)}
    env.setdefault("NB_BUILDER_HOME", str(stage.ROOT / ".nb-builder"))
    saved = subprocess.run([stage.BIN / "save-artifacts"], env=env, capture_output=True)
    assert saved.returncode == 0, saved.stderr
    with tarfile.open(fileobj=io.BytesIO(saved.stdout)) as tar:
        assert all(member.isfile() or member.isdir() or member.issym() for member in tar)


def test_point_59_save_artifacts_of_an_empty_folder_is_an_empty_tar(tmp_path):
    env = {"NB_BUILDER_HOME": str(stage.ROOT / ".nb-builder"), **os.environ, "APP_ROOT": str(tmp_path)}
    saved = subprocess.run([stage.BIN / "save-artifacts"], env=env, capture_output=True)
    assert saved.returncode == 0, saved.stderr
    with tarfile.open(fileobj=io.BytesIO(saved.stdout)) as tar:
        assert tar.getnames() == []


SLOW = "import time\ndef predictor(x):\n    print('it sleeps')\n    time.sleep(x)\n    return 'done'"


def test_point_70_a_request_in_flight_is_answered_before_the_service_ends(tmp_path):
    _, env = stage.build_of(tmp_path, SLOW)
    answers = []
    with stage.running(env) as (port, process, log):
        asking = threading.Thread(target=lambda: answers.append(stage.ask(port, b"1.5")))
        asking.start()
        _until(lambda: "it sleeps" in log.read_text())
        process.send_signal(signal.SIGTERM)
        asking.join()
        assert process.wait(timeout=10) == 0
    assert answers == [(200, b'"done"')], log.read_text()
    assert stage.processes_of(env) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["term", "ctrl-c"])
def test_point_70_run_is_the_server_itself_and_no_shell_around_it(number, outcomes, tmp_path):
    _, env = stage.assemble(named("ok-pure-python"), tmp_path)
    with stage.running(env) as (_, process, log):
        command = Path(f"/proc/{process.pid}/cmdline").read_bytes()
        process.send_signal(number)
        status = process.wait(timeout=10)
    assert b"nb_service" in command
    assert status == 0, log.read_text()


def test_point_72_what_a_predictor_prints_is_in_the_log_at_once(tmp_path):
    _, env = stage.build_of(tmp_path, "def predictor(x):\n    print('asked for', x)\n    return x")
    with stage.running(env) as (port, _, log):
        stage.ask(port, b"17")
        _until(lambda: "asked for 17" in log.read_text())


def test_point_76_a_pickle_in_a_request_is_rejected_and_never_loaded(tmp_path):
    _, env = stage.assemble(named("ok-mixed-cells"), tmp_path)
    trap = b"cos\nsystem\n(S'touch " + str(tmp_path / "loaded").encode() + b"'\ntR."
    with stage.running(env) as (port, *_):
        assert stage.ask(port, trap)[0] == 400
    assert not (tmp_path / "loaded").exists()


def _until(holds, seconds=20):
    """Return once `holds` is true: what another process does has no moment of its own here."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)
