"""Effects of cells on their surroundings, and the files that a build leaves to be read."""

import json
import signal
import subprocess
import time
from dataclasses import replace

from cases import named
from flow import stage

PREDICTOR = "def predictor(x):\n    return x"


def executed(build):
    """Return the code cells of the executed notebook that a build has left."""
    return json.loads((build.app_root / "build" / "executed.ipynb").read_text(encoding="utf-8"))["cells"]


def test_the_executed_notebook_of_a_failed_build_shows_the_run_up_to_the_error(tmp_path):
    build, _ = stage.build_of(tmp_path, "print('before')", "print('here')\n1 / 0", PREDICTOR)
    assert build.status == 1
    first, failed, last = executed(build)
    assert first["outputs"][0]["text"] == ["before\n"]
    assert [output["output_type"] for output in failed["outputs"]] == ["stream", "error"]
    assert failed["outputs"][1]["ename"] == "ZeroDivisionError"
    assert (failed["execution_count"], last["execution_count"], last["outputs"]) == (2, None, [])


def test_the_executed_notebook_shows_the_last_state_of_a_display_that_is_updated(tmp_path):
    build, _ = stage.build_of(
        tmp_path, "h = display('0 %', display_id=True); h.update('50 %')", "h.update('100 %')", PREDICTOR
    )
    assert build.status == 0, build.output
    shown = [[output["data"]["text/plain"] for output in cell["outputs"]] for cell in executed(build)]
    assert shown == [[["'100 %'"]], [], []]


def test_what_pip_installed_is_in_the_report_and_not_in_the_lock(tmp_path):
    build, _ = stage.assemble(named("ok-pip-in-a-cell"), tmp_path)
    report = json.loads((build.app_root / "build" / "report.json").read_text(encoding="utf-8"))
    assert [line.partition(" @ ")[0] for line in report["brought_by_pip"]] == ["alpha"]
    assert any(line.startswith("alpha @ ") for line in report["packages"])
    assert "alpha" not in (build.app_root / "build" / "requirements.lock").read_text(encoding="utf-8")
    assert not (build.app_root / "venv" / "bin" / "pip").exists()


def test_a_build_that_is_terminated_ends_what_its_cells_have_started(tmp_path):
    case = named("ok-background-process")
    notebook = json.loads((case.repo / "model.ipynb").read_text(encoding="utf-8"))
    notebook["cells"][-1]["source"] = "import time\n\n\n" + PREDICTOR + "\n\n\ntime.sleep(100)"
    (tmp_path / "repo").mkdir()
    (tmp_path / "repo" / "model.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    _, env = stage.place(replace(case, repo=tmp_path / "repo"), tmp_path)
    with subprocess.Popen([str(stage.BIN / "assemble")], env=env, stdout=subprocess.DEVNULL) as build:
        until = time.monotonic() + 60
        while sum("sleep 60" in line for line in stage.processes_of(env, 0)) < 2:
            assert time.monotonic() < until
            time.sleep(0.1)
        build.send_signal(signal.SIGTERM)
        assert build.wait(timeout=20) == 128 + signal.SIGTERM
    assert stage.processes_of(env) == []
