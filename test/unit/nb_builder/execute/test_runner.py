"""Running cells for real: what is printed, kept and refused. One kernel serves most tests, to be quick."""

import os
import re
import sys
from pathlib import Path

import pytest
from nb_builder.common.cell import Cell
from nb_builder.execute import kernel, runner
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
from nb_builder.problems.imports import ImportUndeclared
from nb_builder.problems.model import DiskFull
from nb_builder.problems.requirements import InstallFailed


class Lines:
    """A log that keeps what it is told."""

    def __init__(self):
        self.lines = []
        self.notes = []

    def line(self, text):
        self.lines.append(text)

    def note(self, text):
        self.notes.append(text)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("repository") / "sub"
    folder.mkdir()
    (folder.parent / "own_helper.py").write_text("x = 1\n")
    return folder


def launch(place, kernel_code):
    return kernel.Launch(Path(sys.executable), place, kernel_code, os.environ, place / "kernel.log")


@pytest.fixture(scope="module")
def started(place, kernel_code):
    with kernel.running(launch(place, kernel_code)) as running:
        yield running


@pytest.fixture
def notebook_runner(started, place):
    made = runner.Runner(started, "sub/model.ipynb", place, Limits(30), place / "complaint.json", [], Lines())
    made.next_number = 0  # unknown: an earlier test ran cells
    return made


def cell(source, *tags, number=3):
    return Cell(source, number=number, position=number * 2, tags=tags, title=source.splitlines()[0])


def refusal(notebook_runner, source, kind):
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
    problem = refusal(notebook_runner, "x = 0\n\n1 / x", CellFailed)
    assert "Cell [3] of sub/model.ipynb (cell 6 of the file), line 3 failed: ZeroDivisionError" in str(problem)
    assert "----> 3 1 / x" in problem.detail
    assert "\x1b" not in problem.detail


def test_the_line_is_the_deepest_in_the_cell_that_ran(notebook_runner):
    problem = refusal(notebook_runner, "def f(x):\n    return 1 / x\n\nf(0)", CellFailed)
    assert "line 2 failed" in str(problem)


def test_the_line_is_that_of_the_call_where_an_earlier_cell_has_the_function(notebook_runner):
    notebook_runner.run(cell("def earlier(x):\n    y = 1\n    return y / x", number=3))
    with pytest.raises(CellFailed) as caught:
        notebook_runner.run(cell("\nearlier(0)", number=4))
    assert "Cell [4] of sub/model.ipynb (cell 8 of the file), line 2 failed" in str(caught.value)


@pytest.mark.parametrize("magic", ["time", "capture"])
def test_an_error_inside_a_cell_magic_fails_the_cell_with_its_line(notebook_runner, magic):
    problem = refusal(notebook_runner, f"get_ipython().run_cell_magic({magic!r}, '', 'x = 1\\n\\n1/0\\n')", CellFailed)
    assert "line 4 failed: ZeroDivisionError" in str(problem)


def test_a_magic_that_does_not_exist_fails_the_cell(notebook_runner):
    problem = refusal(notebook_runner, "get_ipython().run_line_magic('nosuch', '')", CellFailed)
    assert "`%nosuch` not found" in str(problem)


def test_a_syntax_error_is_told_as_one_with_its_line_and_without_pythons_own_file_name(notebook_runner):
    problem = refusal(notebook_runner, "x = 1\ny = = 2", CellSyntax)
    assert "line 2 has a syntax error: SyntaxError: invalid syntax\n" in str(problem)


def test_a_syntax_error_in_what_a_cell_evaluates_is_a_failure_and_not_the_cells_syntax(notebook_runner):
    problem = refusal(notebook_runner, "eval('1 +')", CellFailed)
    assert "line 1 failed: SyntaxError" in str(problem)


def test_an_import_that_is_not_installed_says_which_line_to_add(notebook_runner):
    problem = refusal(notebook_runner, "import os\nimport skimage.filters", ImportUndeclared)
    assert "line 2 imports 'skimage', which is not installed" in str(problem)
    assert '["scikit-image", ""]' in str(problem)


def test_what_pandas_misses_is_an_undeclared_import_too(notebook_runner):
    code = "raise ImportError(\"Missing optional dependency 'openpyxl'.  Use pip or conda to install openpyxl.\")"
    assert '["openpyxl", ""]' in str(refusal(notebook_runner, code, ImportUndeclared))


@pytest.mark.parametrize("module", ["own_helper", "os.nothing", "_sqlite9", "encodings.nothing"])
def test_what_requirements_could_not_provide_is_no_undeclared_import(notebook_runner, module):
    assert f"No module named '{module}'" in str(refusal(notebook_runner, f"import {module}", CellFailed))


@pytest.mark.parametrize("code", ["import sys; sys.exit(3)", "raise SystemExit", "exit", "quit()"])
def test_leaving_the_interpreter_is_refused(place, kernel_code, code):
    with pytest.raises(CellExits, match=re.escape("Cell [1] of model.ipynb")):
        run(place, kernel_code, [cell(code, number=1)])


@pytest.mark.parametrize("code", ["name = input('Who? ')", "import getpass\ngetpass.getpass()"])
def test_asking_for_input_fails_at_once(notebook_runner, code):
    assert "asks for input, and nobody can answer" in str(refusal(notebook_runner, code, CellAsksInput))


def test_a_full_disk_is_no_fault_of_the_cell(notebook_runner, place):
    assert str(place.parent) in str(refusal(notebook_runner, "raise OSError(28, 'No space left on device')", DiskFull))


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


def run(place, kernel_code, cells, limits=None, results=None):
    runner.run(
        cells,
        launch(place, kernel_code),
        notebook="model.ipynb",
        limits=limits or Limits(30),
        complaint_file=place / "complaint.json",
        results=[] if results is None else results,
        log=Lines(),
    )


def test_a_kernel_that_does_not_start_is_told_with_its_own_words(place, tmp_path):
    (tmp_path / "ipykernel").mkdir()
    (tmp_path / "ipykernel" / "__init__.py").write_text("raise ImportError('traitlets is too old')")
    with pytest.raises(InstallFailed, match="ipykernel, which runs the cells, does not start beside them") as caught:
        run(place, tmp_path, [cell("x = 1", number=1)])
    assert caught.value.detail.endswith("ImportError: traitlets is too old")


def test_a_kernel_that_dies_is_told_with_the_cell_and_the_signal(place, kernel_code):
    with pytest.raises(KernelDied) as caught:
        run(place, kernel_code, [cell("x = 1", number=1), cell("import os; os.kill(os.getpid(), 9)", number=2)])
    assert "The kernel died while Cell [2] of model.ipynb (cell 4 of the file) ran" in str(caught.value)
    assert "SIGKILL" in str(caught.value)


def test_an_endless_cell_is_stopped_after_its_time(place, kernel_code):
    with pytest.raises(
        CellTimeout, match=re.escape("Cell [1] of model.ipynb (cell 2 of the file) ran longer than 0.5")
    ):
        run(place, kernel_code, [cell("while True: pass", number=1)], limits=Limits(0.5))


def test_a_cell_that_survives_an_interrupt_is_stopped_all_the_same(place, kernel_code, monkeypatch):
    monkeypatch.setattr(runner, "INTERRUPT_SECONDS", 0.3)
    stubborn = "while True:\n    try:\n        while True: pass\n    except KeyboardInterrupt: pass"
    with pytest.raises(CellTimeout):
        run(place, kernel_code, [cell(stubborn, number=1)], limits=Limits(0.5))


def test_all_cells_together_have_a_limit_too(place, kernel_code):
    cells = [cell("x = 1", number=1), cell("while True: pass", number=2)]
    with pytest.raises(NotebookTimeout, match=r"Cell \[2\] .* was stopped: .* may take 0.7 seconds together"):
        run(place, kernel_code, cells, limits=Limits(30, notebook=0.7))


def test_results_are_kept_when_a_cell_fails_its_own_included(place, kernel_code):
    results = []
    with pytest.raises(CellFailed):
        run(place, kernel_code, [cell("print('one')", number=1), cell("print('two')\n1/0", number=2)], results=results)
    assert [result.execution_count for result in results] == [1, 2]
    assert results[0].outputs[0]["text"] == "one\n"
    assert [output["output_type"] for output in results[1].outputs] == ["stream", "error"]


def test_a_command_that_fails_gets_a_note_with_cell_and_status(notebook_runner):
    notebook_runner.run(
        cell("get_ipython().system('exit 3')\nfound = get_ipython().getoutput('echo out; exit 4')\nprint(found)")
    )
    where = "Cell [3] of sub/model.ipynb (cell 6 of the file)"
    assert notebook_runner.log.notes == [
        f"{where}: '!exit 3' ended with status 3; S2I_STRICT_COMMANDS=1 makes that end the build.",
        f"{where}: '!echo out; exit 4' ended with status 4.",
    ]
    assert notebook_runner.log.lines[-1].strip() == "['out']"


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
    problem = refusal(notebook_runner, source, CellFailed)
    assert "Cell [3] of sub/model.ipynb (cell 6 of the file), line 3 failed: ZeroDivisionError" in str(problem)


def test_a_thread_that_fails_while_a_later_cell_runs_is_the_earlier_ones(notebook_runner):
    waits = "import threading\ngo = threading.Event()\ndef f():\n    go.wait()\n    1 / 0\n"
    notebook_runner.run(cell(waits + "t = threading.Thread(target=f)\nt.start()", number=7))
    with pytest.raises(CellFailed, match=r"Cell \[7\] .*, line 5 failed: ZeroDivisionError"):
        notebook_runner.run(cell("go.set()\nt.join()", number=8))


def test_a_thread_that_exits_is_no_failure(notebook_runner):
    notebook_runner.run(cell("import sys, threading\nt = threading.Thread(target=sys.exit)\nt.start()\nt.join()"))


def test_a_module_written_by_a_cell_can_be_imported_by_the_next(notebook_runner, place):
    for number in (1, 2, 3):
        written = f"get_ipython().run_cell_magic('writefile', 'fresh{number}.py', 'x = {number}\\n')"
        notebook_runner.run(cell(written, number=4))
        notebook_runner.run(cell(f"import fresh{number}; assert fresh{number}.x == {number}", number=5))


def test_a_program_started_by_a_cell_is_not_told_of_jupyters_plots(notebook_runner):
    notebook_runner.run(cell("import os; print('MPLBACKEND' in os.environ)"))
    assert notebook_runner.log.lines[-1].strip() == "False"


def test_jupyters_own_names_are_there(notebook_runner):
    notebook_runner.run(cell("6 * 7", number=11))
    notebook_runner.run(cell("print(_, Out[11], _11)", number=12))
    notebook_runner.run(cell("import asyncio\nawait asyncio.sleep(0)\nawait asyncio.sleep(0, 'awaited')", number=13))
    assert "         42 42 42" in notebook_runner.log.lines


def test_a_long_cell_gives_a_sign_of_life_with_its_last_words(notebook_runner, monkeypatch):
    monkeypatch.setattr(runner, "SIGN_OF_LIFE_SECONDS", 0.2)
    notebook_runner.run(cell("import time\nprint('half way', flush=True)\ntime.sleep(0.9)"))
    assert any(re.fullmatch(r"     \[3\] has run for \d+ s  half way", line) for line in notebook_runner.log.lines)


def test_of_a_display_that_is_updated_every_cell_keeps_the_last_state(notebook_runner):
    notebook_runner.run(cell("bar = display('0 %', display_id='bar'); bar.update('50 %')", number=5))
    notebook_runner.run(cell("display('50 %', display_id='bar')\nprint('between')", number=6))
    notebook_runner.run(cell("bar.update('100 %')", number=7))
    data = [[output.get("data") for output in result.outputs] for result in notebook_runner.results]
    assert data == [[{"text/plain": "'100 %'"}], [{"text/plain": "'100 %'"}, None], []]
