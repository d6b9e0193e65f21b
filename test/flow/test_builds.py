"""Builds beyond one fixture: early failures, repeated builds, interrupts, each Python."""

import json
import shutil
import signal
import sqlite3
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

import pythons
from cases import all_of, check_answer, named
from flow import stage

PYTHONS = pythons.installed()

# Known from the repository alone: nothing is installed for them.
KNOWN_EARLY = [
    case
    for case in all_of("fail-")
    if case.name.startswith(
        (
            "fail-source",
            "fail-setting",
            "fail-notebook",
            "fail-language-wrong",
            "fail-python",
            "fail-predictor-missing",
            "fail-not-callable-predictor",
            "fail-requirement-is-option",
            "fail-index-not-allowed",
            "fail-system-package-missing",
            "fail-system-packages-malformed",
            "fail-requirements-malformed",
            "fail-requirements-need",
            "fail-requirements-missing",
            "fail-requirements-empty",
            "fail-requirements-unreadable",
            "fail-date-unknown",
            "fail-lock-outdated",
            "fail-cell-syntax",
            "fail-wrong-arguments",
        )
    )
    and not case.name.endswith(("deleted", "timeout", "decorated", "of-the-service"))
]


@pytest.mark.parametrize("case", KNOWN_EARLY, ids=lambda case: case.name)
def test_what_the_repository_reports_is_said_before_anything_is_installed(case, outcomes):
    steps = [line for line in outcomes.build(case).stdout.splitlines() if line.startswith("---> ")]
    assert [step for step in steps if "Installing" in step or "Running" in step] == []


def test_a_second_build_in_the_same_folder_takes_the_place_of_the_first(tmp_path):
    first, env = stage.assemble(named("ok-pure-python"), tmp_path)
    again = stage.assemble_with(env)
    assert (first.status, again.status) == (0, 0), again.stdout
    service = stage.serve(named("ok-pure-python"), env)
    check_answer(3, *service.answers[0])


def test_a_failed_build_takes_away_the_model_of_the_build_before(tmp_path):
    _, env = stage.assemble(named("ok-pure-python"), tmp_path)
    bad = stage.assemble_with({**env, "S2I_SRC": str(named("fail-cell-failed").repo)})
    assert bad.status != 0
    assert not {"model", "venv"} & set(bad.left), bad.left


def test_a_build_works_on_when_the_repository_is_already_in_its_place(tmp_path):
    # As after a layered build, where s2i's upload was emptied by the first assemble: points 36 and 39.
    case = named("ok-folder-with-space-and-umlaut")
    _, env = stage.assemble(case, tmp_path)
    again = stage.assemble_with({**env, "S2I_SRC": str(tmp_path / "app-root" / "src")})
    assert again.status == 0, again.stdout


def test_variables_for_another_python_change_nothing(tmp_path):
    trap = tmp_path / "trap"
    trap.mkdir()
    for name in ("sitecustomize", "json", "cloudpickle", "nbformat"):
        (trap / f"{name}.py").write_text("raise SystemExit('not the module that was meant')")
    case = replace(named("ok-pure-python"), env={"PYTHONPATH": str(trap), "PYTHONSTARTUP": str(trap / "json.py")})
    build, env = stage.assemble(case, tmp_path)
    assert build.status == 0, build.stdout
    check_answer(3, *stage.serve(case, env).answers[0])


def test_links_that_lead_nowhere_and_empty_folders_do_no_harm(tmp_path):
    repo = Path(shutil.copytree(named("ok-mixed-cells").repo, tmp_path / "repo"))
    (repo / "broken").symlink_to("nowhere")
    (repo / "empty").mkdir()
    build, _ = stage.assemble(replace(named("ok-mixed-cells"), repo=repo), tmp_path)
    assert build.status == 0, build.stdout
    assert (build.app_root / "src" / "broken").is_symlink()


def test_processes_and_threads_that_a_cell_starts_end_with_the_build(tmp_path):
    process = "import subprocess\nsubprocess.Popen(['sleep', '1000'])"
    thread = "import threading, time\nthreading.Thread(target=time.sleep, args=(1000,)).start()"
    build, _ = stage.build_of(tmp_path, process, thread, "def predictor(x): return x")
    assert build.status == 0, build.stdout
    assert build.processes == []


def test_what_a_cell_writes_past_python_is_in_the_log_once(tmp_path):
    cell = "import os, subprocess\nos.write(1, b'from a descriptor\\n')\nsubprocess.run(['echo', 'from a child'])"
    build, _ = stage.build_of(tmp_path, cell, "def predictor(x): return x")
    assert [build.stdout.count(words) for words in ("from a descriptor", "from a child")] == [1, 1]
    assert build.stderr == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "terminated"])
def test_a_build_that_is_stopped_in_a_cell_leaves_no_process_and_nothing_half_made(number, tmp_path):
    case = replace(named("fail-cell-timeout"), env={"S2I_CELL_TIMEOUT": "100"})
    _, env = stage.place(case, tmp_path)
    process = subprocess.Popen(
        [stage.BIN / "assemble"],
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )
    for line in process.stdout:
        if "[1]" in line:
            break
    time.sleep(0.5)
    process.send_signal(number)
    words, _ = process.communicate(timeout=30)
    assert process.returncode not in (0, None)
    assert "Traceback" not in words
    assert stage.processes_of(env) == []
    left = {path.name for path in (tmp_path / "app-root").iterdir()}
    assert not {"model", "venv"} & left


@pytest.mark.parametrize("minor", sorted(PYTHONS, key=lambda minor: int(minor[2:])))
def test_a_notebook_builds_and_answers_with_each_python_that_is_here(minor, tmp_path):
    case = replace(named("ok-pure-python"), env={"S2I_PYTHON": minor})
    build, env = stage.assemble(case, tmp_path)
    assert build.status == 0, build.stdout
    assert build.stderr == ""
    manifest = json.loads((build.app_root / "model" / "manifest.json").read_text())
    assert manifest["python"] == minor
    service = stage.serve(case, env)
    for expected, answer in zip(case.answer, service.answers, strict=True):
        check_answer(expected, *answer)
    assert service.status == 0, service.log


@pytest.mark.skipif("3.6" not in PYTHONS, reason="needs CPython 3.6 on this machine (pyenv install 3.6.15)")
@pytest.mark.xdist_group("flow ok-original-post")
def test_the_notebook_of_the_original_post_answers_with_its_original_pins(outcomes):
    case = named("ok-original-post")
    build = outcomes.build(case)
    lock = (build.app_root / "build" / "requirements.lock").read_text()
    for pin in ("numpy==1.15.0", "scikit-learn==0.19.2", "scipy==1.0.1"):
        assert pin in lock
    check_answer({"among": list(range(7))}, *outcomes.service(case).answers[0])


@pytest.mark.xdist_group("flow ok-requirements-computed")
def test_the_venv_holds_what_was_asked_for_and_cloudpickle_and_nothing_else(outcomes):
    build = outcomes.build(named("ok-requirements-computed"))
    installed = {
        folder.name.split("-")[0] for folder in build.app_root.glob("venv/lib/python3.*/site-packages/*.dist-info")
    }
    assert installed == {"numpy", "cloudpickle"}


@pytest.mark.parametrize(
    "case",
    list(map(named, ("ok-lightgbm", "ok-xgboost", "ok-polars", "ok-thread-pool", "ok-pure-python"))),
    ids=lambda case: case.name,
)
def test_the_manifest_says_how_scorers_start(case, outcomes):
    build = outcomes.build(case)
    manifest = json.loads((build.app_root / "model" / "manifest.json").read_text())
    assert manifest["scorer_start"] in ("fork", "spawn")
    assert manifest["scorer_start_reason"]


@pytest.mark.xdist_group("flow ok-thread-pool")
def test_a_thread_pool_of_the_notebook_is_never_forked(outcomes):
    build = outcomes.build(named("ok-thread-pool"))
    assert json.loads((build.app_root / "model" / "manifest.json").read_text())["scorer_start"] == "spawn"


@pytest.mark.xdist_group("flow ok-recorded-calls")
def test_the_notebooks_own_calls_of_predictor_become_golden_rows(outcomes):
    build = outcomes.build(named("ok-recorded-calls"))
    rows = [json.loads(line) for line in (build.app_root / "model" / "golden.ndjson").read_text().splitlines()]
    assert {"sample": 2, "answer": {"double": 4}, "from": "call"} in rows


@pytest.mark.xdist_group("flow ok-requirements-computed")
def test_both_scripts_are_kept_where_the_user_can_read_them(outcomes):
    build = outcomes.build(named("ok-requirements-computed")).app_root / "build"
    assert "import numpy" not in (build / "requirements_script.py").read_text()
    assert "numpy==2.2.6" in (build / "requirements.txt").read_text().splitlines()
    assert (build / "model_script.py").read_text().count("# %%") >= 4
    cells = json.loads((build / "cells.json").read_text())
    assert [cell["number"] for cell in cells] == list(range(1, len(cells) + 1))
    assert "def predictor" in cells[-1]["source"]


ASKED = """\
import sqlite3

with sqlite3.connect("asked.db") as db:
    db.execute("create table asked (x)")


def predictor(x):
    with sqlite3.connect("asked.db") as db:
        db.execute("insert into asked values (?)", [x])
    with open("last.txt", "w") as file:
        file.write(str(x))
    return x + 1


predictor(1)
"""


def test_predictor_leaves_no_trace_in_files_but_that_of_the_notebooks_own_calls(tmp_path):
    build, env = stage.build_of(tmp_path, ASKED, "examples = [2, 3]")
    assert build.status == 0, build.stdout
    src = Path(env["APP_ROOT"]) / "src"
    with sqlite3.connect(src / "asked.db") as db:
        assert db.execute("select x from asked").fetchall() == [(1,)]
    assert (src / "last.txt").read_text() == "1"
    assert build.stdout.count("note: predictor writes files when it is called (asked.db, last.txt)") == 2


def test_a_model_that_nothing_proves_is_warned_of_in_the_last_lines_and_in_the_report(tmp_path):
    build, env = stage.build_of(tmp_path, "def predictor(x):\n    return x")
    assert build.stdout.splitlines()[-4].startswith("WARNING: No sample verifies this service")
    report = json.loads((Path(env["APP_ROOT"]) / "build" / "report.json").read_text())
    assert report["proved"] is False
    assert [warning["code"] for warning in report["warnings"]] == ["proof-missing"]
