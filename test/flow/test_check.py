"""`check` reports before a build what the build would report, for every fixture."""

import json
import os
import re
import subprocess
import sys

import pytest
from nb_builder.commands import check
from nb_builder.commands.check import NotesLog
from nb_builder.common.log import Log

from cases import all_of, named
from flow.stage import ROOT, environment

# Known without running a cell or asking an index.
STATIC = {
    "cell-syntax",
    "elsewhere-only",
    "file-encoding",
    "file-refused",
    "date-unknown",
    "index-not-allowed",
    "language-wrong",
    "lock-outdated",
    "name-undefined",
    "name-taken",
    "not-callable",
    "notebook-ambiguous",
    "notebook-chosen-twice",
    "notebook-conflict",
    "notebook-format",
    "notebook-missing",
    "notebook-name",
    "notebook-not-a-notebook",
    "notebook-not-found",
    "notebook-not-json",
    "notebook-unreadable",
    "only-in-jupyter",
    "parameter-unknown",
    "predictor-missing",
    "predictor-nowhere",
    "python-missing",
    "python2-code",
    "requirement-is-option",
    "requirements-empty",
    "requirements-malformed",
    "requirements-missing",
    "requirements-need-packages",
    "requirements-unreadable",
    "setting-invalid",
    "validator-returns-nothing",
    "weights-malformed",
    "weights-not-allowed",
    "weights-source-invalid",
    "system-packages-malformed",
    "wrong-arguments",
}
# Found by `check` as well, but not in every case: a build finds the others out by running.
SOMETIMES = {
    "fail-name-undefined-deleted",
    "fail-elsewhere-only-kaggle-input",
    "fail-not-callable-validator",
    "fail-predictor-missing-deleted",
    "fail-requirements-conflict",
    "fail-requirements-conflict-file",
    "fail-requirements-conflict-between-notebooks",
    "fail-setting-invalid-of-the-service",
    "fail-wrong-arguments-decorated",
}


USAGE = "Usage: check [--json] [--run-requirements] [--fix [--python PATH]] FOLDER|NOTEBOOK|GIT_URL\n"


def code_of(case):
    reported = re.search(r"\(problem ([\w-]+)\)", "\n".join(case.says))
    return reported[1] if reported else ""


def findings(case, folder):
    # Nothing of the repository may be changed: it is often mounted read-only.
    environ = environment(case, folder / "app", case.repo)
    result = check.examine(case.repo, environ, folder, Log(sys.stderr), computes=True)
    return [problem.code for problem in result.findings]


def run_check(*words, **env):
    # Without a home of ours in it, a variable of the developer's own must not choose the notebook.
    clean = {key: value for key, value in os.environ.items() if not key.startswith("S2I_")}
    home = clean.get("NB_BUILDER_HOME", str(ROOT / ".nb-builder"))
    command = [str(ROOT / "s2i" / "check"), *map(str, words)]
    return subprocess.run(
        command, env={**clean, "NB_BUILDER_HOME": home, **env}, capture_output=True, encoding="utf-8", check=False
    )


@pytest.mark.parametrize("case", [case for case in all_of("ok-") if case.runs_in("flow")], ids=lambda case: case.name)
def test_nothing_is_found_in_a_repository_that_builds(case, tmp_path):
    assert findings(case, tmp_path) == []


@pytest.mark.parametrize(
    "case",
    [case for case in all_of("fail-") if code_of(case) in STATIC and case.name not in SOMETIMES],
    ids=lambda case: case.name,
)
def test_what_a_build_would_reject_early_is_found(case, tmp_path):
    assert code_of(case) in findings(case, tmp_path)


@pytest.mark.parametrize(
    "case",
    [case for case in all_of("fail-") if code_of(case) not in STATIC and case.name not in SOMETIMES],
    ids=lambda case: case.name,
)
def test_what_only_a_run_can_report_is_left_to_the_run(case, tmp_path):
    assert findings(case, tmp_path) == []


@pytest.mark.parametrize("case", all_of("ok-not-batched-"), ids=lambda case: case.name)
def test_what_keeps_predictor_from_being_batched_is_noted_in_the_words_of_the_build(case, tmp_path):
    reported = NotesLog()
    result = check.examine(case.repo, environment(case, tmp_path / "app", case.repo), tmp_path, reported)
    assert result.findings == []
    reason = case.says[0].partition("one by one: ")[2]
    noted = [note for note in reported.notes if note.startswith("predictor would score samples one by one")]
    if case.is_told_by_check:
        assert [f"in batches: {reason}. To speed it up" in note for note in noted] == [True]
    else:
        assert noted == []


@pytest.mark.parametrize("case", all_of("ok-batched-"), ids=lambda case: case.name)
def test_of_a_predictor_that_is_batched_nothing_is_noted(case, tmp_path):
    reported = NotesLog()
    check.examine(case.repo, environment(case, tmp_path / "app", case.repo), tmp_path, reported)
    assert [note for note in reported.notes if "one by one" in note] == []


def test_what_keeps_predictor_from_being_batched_is_no_fault():
    ran = run_check("--json", named("ok-not-batched-global").repo)
    reported = json.loads(ran.stdout)
    assert (ran.returncode, reported["ok"]) == (0, True)
    assert [note for note in reported["notes"] if "it writes count" in note]


def test_every_finding_is_reported_with_its_place_and_their_number():
    ran = run_check(named("fail-not-callable-predictor").repo)
    assert ran.returncode == 1
    assert "ERROR: In model.ipynb, 'predictor' is" in ran.stdout
    assert re.search(
        r"\n  At: Cell \[\d+\] of model.ipynb \(cell \d+ of the file\), line \d+\n---> 1 finding\n", ran.stdout
    )


def test_a_good_notebook_is_reported_what_it_defines():
    ran = run_check(ROOT / "docs" / "examples" / "kmeans")
    assert ran.returncode == 0
    assert ran.stdout.endswith("---> Fine: predictor, validator; 3 requirements\n")


def test_machines_get_one_json_object_and_nothing_else():
    ran = run_check("--json", named("fail-cell-syntax").repo / "model.ipynb")
    reported = json.loads(ran.stdout)
    assert (ran.returncode, reported["ok"], reported["notebooks"]) == (
        1,
        False,
        ["test/fixtures/fail-cell-syntax/repo/model.ipynb"],
    )
    [finding] = reported["findings"]
    assert finding["code"] == "cell-syntax"
    assert {"cell", "position", "line", "what", "why", "fix", "notebook"} < set(finding)
    assert isinstance(finding["line"], int)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ((), "the following arguments are required: target"),
        (("a", "b"), "unrecognized arguments: b"),
        (("--no-such-option",), "the following arguments are required: target"),
        (
            ("--python", "python3", "a"),
            "--python names the Python whose package versions --fix writes, so it needs --fix",
        ),
    ],
)
def test_a_wrong_call_is_reported_how_to_call(words, reason):
    ran = run_check(*words)
    assert (ran.returncode, ran.stdout) == (2, f"{USAGE}{reason}\n")


def test_who_reads_only_the_beginning_sees_no_traceback():
    command = f"exec {ROOT}/s2i/check {named('ok-pure-python').repo}"
    home = os.environ.get("NB_BUILDER_HOME", str(ROOT / ".nb-builder"))
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w") as no_one:
        environ = {**os.environ, "NB_BUILDER_HOME": home}
        ran = subprocess.run(["bash", "-c", command], stdout=no_one, stderr=subprocess.PIPE, env=environ, check=False)
    assert (ran.returncode, ran.stderr) == (141, b"")


def test_help_is_no_wrong_call():
    ran = run_check("--help")
    assert (ran.returncode, ran.stdout) == (0, USAGE)


def test_make_check_notebook_is_the_same():
    command = ["make", "--silent", "check-notebook", f"NOTEBOOK={named('fail-predictor-missing').repo}"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", check=False)
    assert ran.returncode == 2
    assert "(problem predictor-missing)" in ran.stdout


@pytest.mark.parametrize(("words", "ran"), [((), False), (("RUN_REQUIREMENTS=1",), True)])
def test_make_runs_what_computes_requirements_where_it_is_reported_to(tmp_path, words, ran):
    computed = 'requirements = [["numpy", open("/dev/null").read() or "1.26.4" if open("{}", "w") else ""]]\n'
    (tmp_path / "model.py").write_text(computed.format(tmp_path / "ran") + "def predictor(x):\n    return x\n")
    command = ["make", "--silent", "-C", ROOT, "check-notebook", f"NOTEBOOK={tmp_path}", *words]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    assert (tmp_path / "ran").exists() is ran
