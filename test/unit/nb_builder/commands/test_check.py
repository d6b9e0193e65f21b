"""The output of `check`, as text and as JSON."""

import io
import json
import signal
import subprocess
import sys

import pytest
from nb_builder.commands import check, target
from nb_builder.common.cell import Cell
from nb_builder.problems.contract import PredictorMissing
from nb_builder.problems.packages import RequirementIsOption
from nb_scorer.common.problem import SettingInvalid

CELL = Cell("requirements = ['--user']", 2, 3)
OPTION = RequirementIsOption(where="'requirements' (entry 1)", entry="--user").at("model.ipynb", CELL, 1)


def shown(*findings):
    stream = io.StringIO()
    check.show(check.Result(list(findings)), check.NotesLog(stream))
    return stream.getvalue()


def test_a_place_that_the_words_do_not_say_is_added():
    output = shown(OPTION, PredictorMissing(notebook="model.ipynb"))
    assert "\n  At: Cell [2] of model.ipynb (cell 3 of the file), line 1\n" in output
    assert output.endswith("---> 2 findings\n")


def test_findings_are_printed_as_a_build_prints_them_the_first_one_last():
    output = shown(PredictorMissing(notebook="model.ipynb"), OPTION)
    assert output.index("(problem requirement-is-option)") < output.index("(problem predictor-missing)")


def test_machines_get_the_place_as_numbers():
    findings = [OPTION, SettingInvalid("S2I_PYTHON", "x", "y")]
    first, second = check.as_object(check.Result(findings), ["a note"])["findings"]
    assert (first["notebook"], first["cell"], first["position"], first["line"]) == ("model.ipynb", 2, 3, 1)
    assert (second["code"], second["notebook"], second["cell"]) == ("setting-invalid", None, None)


def test_a_file_at_fault_is_reported_with_its_line(tmp_path):
    (tmp_path / "a.ipynb").write_text('{\n "cells": [\n')
    result = check.examine(tmp_path, {}, tmp_path, check.NotesLog(io.StringIO()))
    [finding] = check.as_object(result, [])["findings"]
    assert (finding["code"], finding["line"], finding["file_line"]) == ("notebook-not-json", None, 3)


def test_a_setting_at_fault_is_a_finding_and_no_crash(tmp_path):
    result = check.examine(tmp_path, {"S2I_PYTHON": "9.9"}, tmp_path, check.NotesLog(io.StringIO()))
    assert [problem.code for problem in result.findings] == ["source-missing"]
    (tmp_path / "model.py").write_text("# %%\npredictor = len\n")
    result = check.examine(tmp_path, {"S2I_PARAMETERS": "["}, tmp_path, check.NotesLog(io.StringIO()))
    assert [problem.code for problem in result.findings] == ["setting-invalid"]


def test_the_settings_that_the_repository_includes_along_hold(tmp_path):
    (tmp_path / "a.py").write_text("# %%\npredictor = len\n")
    (tmp_path / "b.py").write_text("# %%\npredictor = len\n")
    (tmp_path / ".s2i").mkdir()
    (tmp_path / ".s2i" / "environment").write_text("S2I_SOURCE_NOTEBOOK=b.py\n")
    result = check.examine(tmp_path, {}, tmp_path, check.NotesLog(io.StringIO()))
    assert str(result.checked.name) == "b.py"
    assert result.defines == ["predictor"]


def test_a_program_that_is_no_python_is_said_to_be_none(tmp_path):
    (tmp_path / "model.py").write_text("# %%\npredictor = len\n")
    (tmp_path / "python").write_text("#!/bin/sh\n")
    (tmp_path / "python").chmod(0o755)
    result = check.examine(tmp_path, {"S2I_PYTHON": f"{tmp_path}/python"}, tmp_path, check.NotesLog(io.StringIO()))
    assert [each.code for each in result.findings] == ["python-missing"]


def test_requirements_in_a_cell_that_can_not_be_read_are_not_missed_twice(tmp_path):
    (tmp_path / "model.py").write_text("# %%\nrequirements = = []\n# %%\nimport numpy\n# %%\npredictor = len\n")
    result = check.examine(tmp_path, {}, tmp_path, check.NotesLog(io.StringIO()))
    assert [problem.code for problem in result.findings] == ["cell-syntax"]


def test_a_name_that_is_only_imported_is_no_validator(tmp_path):
    (tmp_path / "model.py").write_text("# %%\nfrom checks import validator\npredictor = len\n")
    assert check.examine(tmp_path, {}, tmp_path, check.NotesLog(io.StringIO())).defines == ["predictor"]


def test_packages_of_a_virtual_environment_in_the_folder_are_none_of_the_repository(tmp_path):
    (tmp_path / "model.py").write_text("# %%\nimport numpy\n# %%\npredictor = numpy.sum\n")
    package = tmp_path / ".venv/lib/python3.11/site-packages/numpy"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (tmp_path / ".venv/pyvenv.cfg").touch()
    result = check.examine(tmp_path, {}, tmp_path, check.NotesLog(io.StringIO()))
    assert [problem.code for problem in result.findings] == ["requirements-missing"]


@pytest.mark.parametrize(("named", "code"), [("nosuch", "source-unknown"), ("", "source-unnamed")])
def test_what_is_not_there_is_a_wrong_call_and_reported_in_json_too(named, code, tmp_path):
    argument = str(tmp_path / named) if named else ""
    for words in (["--json", argument], [argument]):
        completed = subprocess.run(
            [sys.executable, "-m", "nb_builder", "check", *words], capture_output=True, text=True
        )
        assert (completed.returncode, completed.stderr) == (2, "")
        if "--json" in words:
            report = json.loads(completed.stdout)
            assert (report["ok"], [finding["code"] for finding in report["findings"]]) == (False, [code])
        else:
            assert completed.stdout.startswith("ERROR: ") and completed.stdout.endswith(f"(problem {code})\n")


COMPUTED = """\
import helper
requirements = [["numpy", open("ran", "w").name or "1"]]


def predictor(x):
    return x
"""


def test_no_code_of_the_repository_runs_unless_asked_for(tmp_path):
    (tmp_path / "model.py").write_text(COMPUTED)
    (tmp_path / "encodings.py").write_text("open('started', 'w')\n")
    log = check.NotesLog(io.StringIO())
    result = check.examine(tmp_path, {}, tmp_path, log)
    assert (result.findings, result.wanted) == ([], None)
    assert any("--run-requirements" in note for note in log.notes)
    (tmp_path / "model.py").write_text("requirements = ['numpy==1.26.4']\npredictor = len\n")
    assert [str(entry) for entry in check.examine(tmp_path, {}, tmp_path, log).wanted.cell] == ["numpy==1.26.4"]
    assert not (tmp_path / "started").exists()
    assert not (tmp_path / "ran").exists()
    (tmp_path / "encodings.py").unlink()
    (tmp_path / "model.py").write_text(COMPUTED.replace("import helper\n", ""))
    check.examine(tmp_path, {}, tmp_path, log, computes=True)
    assert (tmp_path / "ran").exists()


def test_a_repository_names_no_program_to_start(tmp_path):
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    program.chmod(0o755)
    (tmp_path / ".s2i").mkdir()
    (tmp_path / ".s2i" / "environment").write_text(f"S2I_PYTHON={program}\n")
    (tmp_path / "model.py").write_text("requirements = []\npredictor = len\n")
    log = check.NotesLog(io.StringIO())
    assert [problem.code for problem in check.examine(tmp_path, {}, tmp_path, log).findings] == ["setting-invalid"]
    with pytest.raises(SettingInvalid):
        target.build_environment(tmp_path, None, tmp_path, tmp_path, {})
    assert not (tmp_path / "ran").exists()
    # The user's own environment may, and then it is of no concern what the repository says.
    assert check.examine(tmp_path, {"S2I_PYTHON": sys.executable}, tmp_path, log).findings == []


def test_a_busy_machine_does_not_stop_a_check():
    with check.ended_after(5):
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 6 > signal.getitimer(signal.ITIMER_PROF)[0] > 0
    assert signal.getitimer(signal.ITIMER_REAL)[0] == signal.getitimer(signal.ITIMER_PROF)[0] == 0
