"""Cells in a real kernel: what is printed, kept and refused. Most tests share one kernel, to be quick."""

import json
import os
import re
import sys
from pathlib import Path

import pytest
from nb_builder.common.cell import Cell
from nb_builder.execute import kernel, runner
from nb_builder.execute.outputs import Outputs
from nb_builder.execute.runner import Limits
from nb_builder.problems.cells import (
    CellAsksInput,
    CellExits,
    CellFailed,
    CellSyntax,
    CellTimeout,
    KernelDied,
    NotebookTimeout,
)
from nb_builder.problems.contract import ExampleFails
from nb_builder.problems.model import DiskFull, NotSerializable
from nb_builder.problems.modules import ImportUndeclared, ModuleNotOnPath
from nb_builder.problems.packages import InstallFailed
from nb_builder.problems.surroundings import FileIsPointer, FileMissing, NetworkUnreachable


class Lines:
    """A log that collects its lines."""

    def __init__(self):
        self.lines = []
        self.notes = []

    def line(self, text):
        self.lines.append(text)

    def detail(self, text):
        self.lines.append(f"     {text}")

    def note(self, text):
        self.notes.append(text)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("repository") / "sub"
    folder.mkdir()
    (folder.parent / "own_helper.py").write_text("x = 1\n")
    return folder


def launch(folder, kernel_code):
    return kernel.Launch(Path(sys.executable), folder, kernel_code, os.environ, folder / "kernel.log")


@pytest.fixture(scope="module")
def started(folder, kernel_code):
    with kernel.running(launch(folder, kernel_code)) as running:
        yield running


@pytest.fixture
def notebook_runner(started, folder):
    fresh_runner = runner.Runner(started, "sub/model.ipynb", folder, Limits(30), folder / "complaint.json", [], Lines())
    fresh_runner.next_number = 0  # unknown: an earlier test ran cells
    return fresh_runner


def cell(source, *tags, number=3):
    return Cell(source, number=number, position=number * 2, tags=tags, title=source.splitlines()[0])


def rejection(notebook_runner, source, kind):
    with pytest.raises(kind) as caught:
        notebook_runner.run(cell(source))
    return caught.value


def test_a_cell_is_logged_with_its_number_its_time_and_below_it_what_it_printed(notebook_runner):
    notebook_runner.run(cell("print('one')\nimport sys; print('two', file=sys.stderr)"))
    assert re.fullmatch(r"     \[3\] \d+\.\d s  print\('one'\)", notebook_runner.log.lines[0])
    assert notebook_runner.log.lines[1:] == ["         one", "         two"]


def test_a_result_has_the_outputs_and_the_count_of_an_executed_notebook(notebook_runner):
    result = notebook_runner.run(cell("print('hi')\n6 * 7", number=5))
    assert result.execution_count == 5
    assert result.outputs[0] == {"output_type": "stream", "name": "stdout", "text": "hi\n"}
    assert result.outputs[1]["data"] == {"text/plain": "42"}
    assert result.outputs[1]["execution_count"] == 5


def test_a_failing_cell_is_named_with_number_position_and_line(notebook_runner):
    problem = rejection(notebook_runner, "x = 0\n\n1 / x", CellFailed)
    assert "Cell [3] of sub/model.ipynb (cell 6 of the file), line 3 failed: ZeroDivisionError" in str(problem)
    assert "----> 3 1 / x" in problem.detail
    assert "\x1b" not in problem.detail


def test_the_line_is_the_deepest_in_the_cell_that_ran(notebook_runner):
    problem = rejection(notebook_runner, "def f(x):\n    return 1 / x\n\nf(0)", CellFailed)
    assert "line 2 failed" in str(problem)


def test_the_line_is_that_of_the_call_where_an_earlier_cell_has_the_function(notebook_runner):
    notebook_runner.run(cell("def earlier(x):\n    y = 1\n    return y / x", number=3))
    with pytest.raises(CellFailed) as caught:
        notebook_runner.run(cell("\nearlier(0)", number=4))
    assert "Cell [4] of sub/model.ipynb (cell 8 of the file), line 2 failed" in str(caught.value)


@pytest.mark.parametrize("magic", ["time", "capture"])
def test_an_error_inside_a_cell_magic_fails_the_cell_with_its_line(notebook_runner, magic):
    problem = rejection(
        notebook_runner, f"get_ipython().run_cell_magic({magic!r}, '', 'x = 1\\n\\n1/0\\n')", CellFailed
    )
    assert "line 4 failed: ZeroDivisionError" in str(problem)


def test_a_magic_that_does_not_exist_fails_the_cell(notebook_runner):
    problem = rejection(notebook_runner, "get_ipython().run_line_magic('nosuch', '')", CellFailed)
    assert "`%nosuch` not found" in str(problem)


def test_a_syntax_error_is_reported_as_one_with_its_line_and_without_pythons_own_file_name(notebook_runner):
    problem = rejection(notebook_runner, "x = 1\ny = = 2", CellSyntax)
    assert "line 2 has a syntax error: SyntaxError: invalid syntax\n" in str(problem)


def test_a_syntax_error_in_what_a_cell_evaluates_is_a_failure_and_not_the_cells_syntax(notebook_runner):
    problem = rejection(notebook_runner, "eval('1 +')", CellFailed)
    assert "line 1 failed: SyntaxError" in str(problem)


def test_an_import_that_is_not_installed_says_which_line_to_add(notebook_runner):
    problem = rejection(notebook_runner, "import os\nimport skimage.filters", ImportUndeclared)
    assert "line 2 imports 'skimage', which is not installed" in str(problem)
    assert '["scikit-image", ""]' in str(problem)


def test_what_pandas_misses_is_an_undeclared_import_too(notebook_runner):
    code = "raise ImportError(\"Missing optional dependency 'openpyxl'.  Use pip or conda to install openpyxl.\")"
    assert '["openpyxl", ""]' in str(rejection(notebook_runner, code, ImportUndeclared))


def test_a_module_of_the_repository_in_another_folder_says_which_line_to_add(notebook_runner):
    problem = rejection(notebook_runner, "import own_helper", ModuleNotOnPath)
    assert "'own_helper', which the repository has in its top folder" in str(problem)
    assert "import sys; sys.path.append('..')" in str(problem)


@pytest.mark.parametrize("module", ["os.nothing", "_sqlite9", "encodings.nothing"])
def test_what_requirements_could_not_provide_is_no_undeclared_import(notebook_runner, module):
    assert f"No module named '{module}'" in str(rejection(notebook_runner, f"import {module}", CellFailed))


@pytest.mark.parametrize("code", ["import sys; sys.exit(3)", "raise SystemExit", "exit", "quit()"])
def test_leaving_the_interpreter_is_rejected(folder, kernel_code, code):
    with pytest.raises(CellExits, match=re.escape("Cell [1] of model.ipynb")):
        run(folder, kernel_code, [cell(code, number=1)])


@pytest.mark.parametrize("code", ["name = input('Who? ')", "import getpass\ngetpass.getpass()"])
def test_asking_for_input_fails_at_once(notebook_runner, code):
    assert "asks for input, which is not available" in str(rejection(notebook_runner, code, CellAsksInput))


def test_a_full_disk_is_no_fault_of_the_cell(notebook_runner, folder):
    assert str(folder.parent) in str(
        rejection(notebook_runner, "raise OSError(28, 'No space left on device')", DiskFull)
    )


def test_a_cell_tagged_raises_exception_may_fail_and_its_error_is_kept(notebook_runner):
    result = notebook_runner.run(cell("1 / 0", "raises-exception"))
    assert result.outputs[0]["ename"] == "ZeroDivisionError"


def test_numbers_are_jupyters_although_our_own_cells_run_too(notebook_runner):
    notebook_runner.run(cell("1", number=1))
    notebook_runner.run(Cell("ours = 1", title="nb-builder: ours"))
    result = notebook_runner.run(cell("get_ipython().execution_count", number=2))
    assert result.execution_count == 2
    assert notebook_runner.log.lines[-1].startswith("     [2] ")


def test_an_error_of_our_own_cell_that_has_no_name_is_a_fault_of_ours(notebook_runner):
    with pytest.raises(RuntimeError, match="KeyError"):
        notebook_runner.run(Cell("raise KeyError('ours')"))


def run(folder, kernel_code, cells, limits=None, results=None):
    runner.run(
        cells,
        launch(folder, kernel_code),
        notebook="model.ipynb",
        limits=limits or Limits(30),
        complaint_file=folder / "complaint.json",
        results=[] if results is None else results,
        log=Lines(),
    )


def test_a_kernel_that_does_not_start_is_reported_with_its_own_words(folder, tmp_path):
    (tmp_path / "ipykernel").mkdir()
    (tmp_path / "ipykernel" / "__init__.py").write_text("raise ImportError('traitlets is too old')")
    with pytest.raises(InstallFailed, match="ipykernel, which runs the cells, does not start with them") as caught:
        run(folder, tmp_path, [cell("x = 1", number=1)])
    assert caught.value.detail.endswith("ImportError: traitlets is too old")
    assert caught.value.facts["installer"] == "ipykernel"


def test_a_kernel_that_dies_is_reported_with_the_cell_and_the_signal(folder, kernel_code):
    with pytest.raises(KernelDied) as caught:
        run(folder, kernel_code, [cell("x = 1", number=1), cell("import os; os.kill(os.getpid(), 9)", number=2)])
    assert "The kernel died while Cell [2] of model.ipynb (cell 4 of the file) ran" in str(caught.value)
    assert "SIGKILL" in str(caught.value)


def test_an_endless_cell_is_stopped_after_its_time(folder, kernel_code):
    with pytest.raises(
        CellTimeout, match=re.escape("Cell [1] of model.ipynb (cell 2 of the file) ran longer than 0.5")
    ):
        run(folder, kernel_code, [cell("while True: pass", number=1)], limits=Limits(0.5))


def test_a_cell_that_survives_an_interrupt_is_stopped_all_the_same(folder, kernel_code, monkeypatch):
    monkeypatch.setattr(runner, "INTERRUPT_SECONDS", 0.3)
    stubborn = "while True:\n    try:\n        while True: pass\n    except KeyboardInterrupt: pass"
    with pytest.raises(CellTimeout):
        run(folder, kernel_code, [cell(stubborn, number=1)], limits=Limits(0.5))


def test_all_cells_together_have_a_limit_too(folder, kernel_code):
    cells = [cell("x = 1", number=1), cell("while True: pass", number=2)]
    with pytest.raises(NotebookTimeout, match=r"Cell \[2\] .* was stopped: .* may run for 0.7 seconds in total"):
        run(folder, kernel_code, cells, limits=Limits(30, notebook=0.7))


def test_results_are_kept_when_a_cell_fails_its_own_included(folder, kernel_code):
    results = []
    with pytest.raises(CellFailed):
        run(folder, kernel_code, [cell("print('one')", number=1), cell("print('two')\n1/0", number=2)], results=results)
    assert [result.execution_count for result in results] == [1, 2]
    assert results[0].outputs[0]["text"] == "one\n"
    assert [output["output_type"] for output in results[1].outputs] == ["stream", "error"]


def test_a_command_that_fails_gets_a_note_with_cell_and_status(notebook_runner):
    notebook_runner.run(
        cell("get_ipython().system('exit 3')\nfound = get_ipython().getoutput('echo out; exit 4')\nprint(found)")
    )
    where = "Cell [3] of sub/model.ipynb (cell 6 of the file)"
    assert notebook_runner.log.notes == [
        f"{where}: '!exit 3' exited with status 3; S2I_STRICT_COMMANDS=1 makes that fail the build.",
        f"{where}: '!echo out; exit 4' exited with status 4.",
    ]
    assert notebook_runner.log.lines[-1].strip() == "['out']"


def test_a_file_that_a_failed_command_should_have_made_is_missing_because_of_it(notebook_runner):
    notebook_runner.run(cell("get_ipython().system('false https://example.org/lost.csv')"))
    with pytest.raises(FileMissing) as caught:
        notebook_runner.run(cell("open('lost.csv')"))
    command = "'!false https://example.org/lost.csv' exited with status 1"
    assert caught.value.fix == f"Correct cell [3], where {command}, or commit the file, then build again."


def test_a_download_that_does_not_reach_its_host_is_the_reason_for_a_missing_file(notebook_runner, tmp_path):
    (tmp_path / "wget").write_text("#!/bin/sh\nexit 4\n")
    (tmp_path / "wget").chmod(0o755)
    command = f"PATH={tmp_path}:$PATH; wget -q https://data.example.org/lost.csv"
    notebook_runner.run(cell(f"get_ipython().system({command!r})"))
    with pytest.raises(NetworkUnreachable) as caught:
        notebook_runner.run(cell("open('lost.csv')", number=4))
    assert "Cell [3] of sub/model.ipynb (cell 6 of the file) connects to data.example.org, which" in caught.value.what


def test_what_a_command_gave_is_saved_without_ipython(notebook_runner):
    notebook_runner.run(
        cell("found = get_ipython().getoutput('echo one')\nimport pickle\nsaved = pickle.dumps([found, found.n])")
    )
    notebook_runner.run(cell("print(b'IPython' in saved, [type(one) for one in pickle.loads(saved)])"))
    assert notebook_runner.log.lines[-1].strip() == "False [<class 'list'>, <class 'str'>]"


def test_a_command_that_succeeds_gets_no_note_and_sees_the_variables_of_its_function(notebook_runner):
    notebook_runner.run(cell("def say(word):\n    get_ipython().system('echo {word}')\nsay('hello')"))
    assert notebook_runner.log.notes == []
    assert notebook_runner.log.lines[-1].strip() == "hello"


def test_an_error_in_a_thread_fails_the_cell_with_its_line(notebook_runner):
    source = "import threading\ndef f():\n    1 / 0\nt = threading.Thread(target=f)\nt.start()\nt.join()"
    problem = rejection(notebook_runner, source, CellFailed)
    assert "Cell [3] of sub/model.ipynb (cell 6 of the file), line 3 failed: ZeroDivisionError" in str(problem)


def test_a_thread_that_fails_while_a_later_cell_runs_is_the_earlier_ones(notebook_runner):
    waits = "import threading\ngo = threading.Event()\ndef f():\n    go.wait()\n    1 / 0\n"
    notebook_runner.run(cell(waits + "t = threading.Thread(target=f)\nt.start()", number=7))
    with pytest.raises(CellFailed, match=r"Cell \[7\] .*, line 5 failed: ZeroDivisionError"):
        notebook_runner.run(cell("go.set()\nt.join()", number=8))


def test_a_thread_that_exits_is_no_failure(notebook_runner):
    notebook_runner.run(cell("import sys, threading\nt = threading.Thread(target=sys.exit)\nt.start()\nt.join()"))


def test_a_module_written_by_a_cell_can_be_imported_by_the_next(notebook_runner, folder):
    for number in (1, 2, 3):
        written = f"get_ipython().run_cell_magic('writefile', 'fresh{number}.py', 'x = {number}\\n')"
        notebook_runner.run(cell(written, number=4))
        notebook_runner.run(cell(f"import fresh{number}; assert fresh{number}.x == {number}", number=5))


def test_a_program_started_by_a_cell_is_not_reported_of_jupyters_plots(notebook_runner):
    notebook_runner.run(cell("import os; print('MPLBACKEND' in os.environ)"))
    assert notebook_runner.log.lines[-1].strip() == "False"


def test_jupyters_own_names_are_there(notebook_runner):
    notebook_runner.run(cell("6 * 7", number=11))
    notebook_runner.run(cell("print(_, Out[11], _11)", number=12))
    notebook_runner.run(cell("import asyncio\nawait asyncio.sleep(0)\nawait asyncio.sleep(0, 'awaited')", number=13))
    assert "         42 42 42" in notebook_runner.log.lines


def test_a_long_cell_gives_a_sign_of_life_with_its_last_words(notebook_runner, monkeypatch):
    monkeypatch.setattr(runner, "HEARTBEAT_SECONDS", 0.2)
    notebook_runner.run(cell("import time\nprint('half way', flush=True)\ntime.sleep(0.9)"))
    assert any(re.fullmatch(r"     \[3\] has run for \d+ s  half way", line) for line in notebook_runner.log.lines)


def test_of_a_display_that_is_updated_every_cell_keeps_the_last_state(notebook_runner):
    notebook_runner.run(cell("bar = display('0 %', display_id='bar'); bar.update('50 %')", number=5))
    notebook_runner.run(cell("display('50 %', display_id='bar')\nprint('between')", number=6))
    notebook_runner.run(cell("bar.update('100 %')", number=7))
    data = [[output.get("data") for output in result.outputs] for result in notebook_runner.results]
    assert data == [[{"text/plain": "'100 %'"}], [{"text/plain": "'100 %'"}, None], []]


def test_a_sign_of_life_is_given_when_it_is_due_and_not_sooner():
    outputs, log = Outputs(), Lines()
    sign = runner.Heartbeat(cell("1", number=7), outputs, log)
    sign()
    assert log.lines == [] and 29 < sign.due - sign.start < 31
    sign.start -= 61
    sign.due = sign.start
    outputs.printed.feed("epoch 1\nepoch 2")
    sign()
    sign()
    assert log.lines == ["     [7] has run for 61 s  epoch 2"]
    ours = runner.Heartbeat(Cell("1"), Outputs(), log)
    ours.due = 0
    ours()
    assert log.lines[1:] == ["     [ ] has run for 0 s"]


def test_the_number_of_the_next_cell_is_known_from_the_reply(notebook_runner):
    notebook_runner.run(cell("x = 1", number=5))
    assert notebook_runner.next_number == 6
    notebook_runner.run(Cell("x = 2"))
    assert notebook_runner.next_number == 6


def complained(folder, code, **facts):
    """Return a cell of ours that writes this complaint and fails."""
    words = json.dumps({"code": code, "facts": facts})
    source = f"open({str(folder / 'complaint.json')!r}, 'w').write({words!r})\nraise ValueError({code!r})"
    return Cell(source, title="saving predictor")


def test_a_problem_of_the_model_is_placed_where_its_name_was_last_bound(notebook_runner, folder):
    notebook_runner.run(cell("def predictor(x):\n    return x", number=3))
    notebook_runner.run(cell("y = 1\npredictor = open", number=4))
    ours = complained(folder, "not-serializable", name="predictor", culprit="it is open", error="TypeError: no")
    with pytest.raises(NotSerializable) as caught:
        notebook_runner.run(ours)
    assert (caught.value.cell.number, caught.value.line) == (4, 2)
    assert caught.value.place == "Cell [4] of sub/model.ipynb (cell 8 of the file), line 2"


ASKED = """Traceback (most recent call last):
  File "model.ipynb cell [3]", line 2, in predictor
{}
"""


def test_an_example_that_misses_a_file_is_reported_as_that_with_the_row(notebook_runner, folder):
    source = "def predictor(x):\n    return open(x).read()\nexamples = ['lost.csv']"
    notebook_runner.run(cell(source, number=3))
    reported = ASKED.format("FileNotFoundError: [Errno 2] No such file or directory: 'lost.csv'")
    facts = {"number": 1, "sample": "'lost.csv'", "error": "FileNotFoundError"}
    with pytest.raises(FileMissing) as caught:
        notebook_runner.run(complained(folder, "example-fails", detail=reported, **facts))
    assert caught.value.place == "Cell [3] of sub/model.ipynb (cell 6 of the file), line 2"
    assert caught.value.detail.startswith("Row 1 of 'examples', 'lost.csv', gets no prediction:\nTraceback")
    reported = ASKED.format("ValueError: wrong")
    with pytest.raises(ExampleFails) as caught:
        notebook_runner.run(complained(folder, "example-fails", detail=reported, **facts))
    assert caught.value.line == 3


def test_a_pointer_of_git_lfs_that_a_cell_names_is_the_reason_of_its_error(notebook_runner, folder):
    pointer = folder / "weights.bin"
    pointer.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 3\n")
    try:
        assert "ValueError: of its own" in rejection(notebook_runner, "raise ValueError('of its own')", CellFailed).what
        problem = rejection(notebook_runner, "open('weights.bin').read()\nraise ValueError('bad magic')", FileIsPointer)
        assert "sub/weights.bin" in problem.what
    finally:
        pointer.unlink()


def test_a_kernel_s_last_words_are_reported_with_its_death(folder, kernel_code):
    with pytest.raises(KernelDied) as caught:
        run(folder, kernel_code, [cell("import os\nos.write(2, b'last words')\nos._exit(3)", number=1)])
    assert "last words" in caught.value.detail
