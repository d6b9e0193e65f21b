"""Errors of the kernel become problems, without a kernel."""

import pytest
from nb_builder.common.cell import Cell
from nb_builder.execute import cell_errors
from nb_builder.problems.cells import CellAsksInput, CellExits, CellFailed, ElsewhereOnly, SystemPackageNeeded
from nb_builder.problems.model import DiskFull
from nb_builder.problems.modules import ImportUndeclared, ModuleNotOnPath
from nb_builder.problems.surroundings import FileIsPointer, FileMissing, NetworkUnreachable

CELL = Cell("boom()", number=1, position=1)


def diagnose(tmp_path, name, message, traceback=()):
    error = {"ename": name, "evalue": message, "traceback": list(traceback)}
    return cell_errors.of_error(CELL, error, notebook="model.ipynb", repository=tmp_path)


def test_the_words_of_an_error_are_one_bounded_line(tmp_path):
    problem = diagnose(tmp_path, "ValueError", "\n  \nfirst\nsecond")
    assert "failed: ValueError:   \n" not in str(problem)
    assert "ValueError: first\n" in str(problem)
    assert len(diagnose(tmp_path, "ValueError", "x" * 10_000).what) < 500


def test_the_words_of_an_error_begin_below_an_ornament(tmp_path):
    assert "LookupError: Resource punkt not found.\n" in str(
        diagnose(tmp_path, "LookupError", "\n****\nResource punkt not found.\n")
    )
    assert "ValueError: ***\n" in str(diagnose(tmp_path, "ValueError", "***\n---"))


def test_an_error_without_words_is_its_name(tmp_path):
    assert "failed: AssertionError\n" in str(diagnose(tmp_path, "AssertionError", ""))


def test_a_very_long_traceback_keeps_its_start_and_its_end(tmp_path):
    detail = diagnose(tmp_path, "RecursionError", "deep", [f"frame {n}" for n in range(3000)]).detail.splitlines()
    assert len(detail) == cell_errors.TRACEBACK_LINES + 1
    assert detail[0] == "frame 0"
    assert detail[-1] == "frame 2999"
    assert "… 2800 lines left out …" in detail


@pytest.mark.parametrize(
    ("paths", "folder"),
    [
        (["helper.py"], None),
        (["deep/down/helper.py"], "deep/down"),
        (["lib/helper/__init__.py"], "lib"),
        (["lib/helper.py", "old/helper.py"], None),
    ],
)
def test_a_module_that_the_repository_has_is_not_to_be_installed(tmp_path, paths, folder):
    for path in paths:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("")
    problem = diagnose(tmp_path, "ModuleNotFoundError", "No module named 'helper'")
    assert isinstance(problem, ModuleNotOnPath if folder else CellFailed)
    if folder:
        assert f"Add 'import sys; sys.path.append('{folder}')' above the import" in problem.fix


def test_braces_in_an_error_are_only_words(tmp_path):
    assert "KeyError: '{module}'" in str(diagnose(tmp_path, "KeyError", "'{module}'"))


def test_an_import_that_requirements_could_provide_is_undeclared(tmp_path):
    problem = diagnose(tmp_path, "ModuleNotFoundError", "No module named 'cv2'")
    assert isinstance(problem, ImportUndeclared)
    assert '["opencv-python-headless", ""]' in problem.fix


@pytest.mark.parametrize(
    ("message", "module"),
    [
        ("IProgress not found. Please update jupyter and ipywidgets. See https://…", "ipywidgets"),
        ("You must install graphviz and restart your session to plot tree.", "graphviz"),
    ],
)
def test_a_library_that_asks_for_another_one_has_it_named(tmp_path, message, module):
    problem = diagnose(tmp_path, "ImportError", message)
    assert isinstance(problem, ImportUndeclared)
    assert f"needs '{module}', which is not installed" in problem.what
    assert f'["{module}", ""]' in problem.fix


@pytest.mark.parametrize(("name", "suggested"), [("NameError", True), ("ValueError", True), ("PermissionError", False)])
def test_to_run_all_again_is_said_only_where_it_could_help(tmp_path, name, suggested):
    assert ("run all" in diagnose(tmp_path, name, "wrong").fix) == suggested


def test_a_part_of_a_package_that_is_there_is_not_undeclared(tmp_path):
    assert isinstance(diagnose(tmp_path, "ModuleNotFoundError", "No module named 'sklearn.externals'"), CellFailed)
    assert isinstance(
        diagnose(tmp_path, "ModuleNotFoundError", "No module named 'google.cloud.storage'"), ImportUndeclared
    )


TRACE = """Traceback (most recent call last):
  File "model.ipynb cell [{}]", line 1, in predictor
{}
"""


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("FileNotFoundError: [Errno 2] No such file or directory: 'lost.csv'", FileMissing),
        ("FileNotFoundError: [Errno 2] No such file or directory: '/kaggle/input/a.csv'", ElsewhereOnly),
        ("urllib.error.URLError: <urlopen error [Errno -2] Name or service not known>", NetworkUnreachable),
        ("ImportError: libGL.so.1: cannot open shared object file: No such file or directory", SystemPackageNeeded),
        ("ValueError: wrong", None),
    ],
)
def test_a_predictor_that_misses_what_is_outside_is_reported_so_with_its_cell(tmp_path, error, kind):
    known = {"notebook": "model.ipynb", "repository": tmp_path, "headline": "predictor(1) fails:"}
    problem = cell_errors.of_predictor(TRACE.format(1, error), [CELL], **known)
    assert type(problem) is (kind or type(None))
    if kind:
        assert problem.place == "Cell [1] of model.ipynb (cell 1 of the file), line 1"
        assert problem.detail.startswith("predictor(1) fails:\nTraceback")
    # A predictor of a module, and a process that said nothing.
    assert cell_errors.of_predictor(TRACE.format(9, error), [CELL], **known) is None
    assert cell_errors.of_predictor("", [CELL], **known) is None


def test_an_exit_a_question_and_a_full_disk_have_problems_of_their_own(tmp_path):
    assert type(diagnose(tmp_path, "SystemExit", "0")) is CellExits
    assert type(diagnose(tmp_path, "StdinNotImplementedError", "x")) is CellAsksInput
    for message in ("[Errno 28] No space left on device", "[Errno 122] Disk quota exceeded"):
        assert type(diagnose(tmp_path, "OSError", message)) is DiskFull
    assert type(diagnose(tmp_path, "OSError", "[Errno 5] Input/output error")) is CellFailed


def test_a_pointer_that_was_read_is_the_reason(tmp_path):
    error = {"ename": "ValueError", "evalue": "\x1b[31mbad\x1b[0m magic", "traceback": []}
    known = {"notebook": "model.ipynb", "repository": tmp_path}
    problem = cell_errors.of_error(CELL, error, pointers=["a.bin", "b.bin"], **known)
    assert type(problem) is FileIsPointer and "a.bin" in problem.what
    assert "ValueError: bad magic" in str(cell_errors.of_error(CELL, error, **known))


@pytest.mark.parametrize(
    ("message", "module"),
    [
        ("No module named 'six'", "six"),
        ("No module named 'six' here", None),
        ("Missing optional dependency 'openpyxl'. Use pip", "openpyxl"),
        ("No module named 'a.b'", None),
        ("No module named 'json'", None),
        ("No module named '_own'", None),
        ("no words", None),
    ],
)
def test_what_requirements_could_provide_is_known_by_its_words(tmp_path, message, module):
    assert cell_errors.undeclared(message, tmp_path) == module


def test_a_traceback_is_cut_in_its_middle_and_its_lines_at_their_ends():
    lines = [f"{number}" for number in range(201)]
    assert cell_errors.shorten("\n".join(lines[:200])) == "\n".join(lines[:200])
    kept = [*lines[:100], "… 1 lines left out …", *lines[101:]]
    assert cell_errors.shorten("\n".join(lines)) == "\n".join(kept)
    assert cell_errors.shorten("x" * 1001) == "x" * 1000


def test_an_error_s_line_is_cut():
    line = cell_errors.one_line("ValueError", "x" * 400)
    assert line.startswith("ValueError: xxx") and len(line) == 302
    assert cell_errors.one_line("ValueError", "---") == "ValueError: ---"


@pytest.mark.parametrize(
    ("source", "advice"),
    [
        ("model.save('/content/drive/m.h5')", "Write 'm.h5' next to the notebook instead, or remove the line if"),
        ("with open('/content/drive/m.h5', 'wb') as f:\n    f.write(x)", "Write 'm.h5' next to the notebook instead,"),
        ("load_model('/content/drive/m.h5')", "Commit the file, or download it in a cell from a public address"),
    ],
)
def test_a_file_of_a_platform_that_is_only_written_need_not_be_committed(tmp_path, source, advice):
    error = {
        "ename": "FileNotFoundError",
        "evalue": "[Errno 2] No such file or directory: '/content/drive/m.h5'",
        "traceback": [],
    }
    problem = cell_errors.of_error(Cell(source, 1, 1), error, notebook="model.ipynb", repository=tmp_path)
    assert type(problem) is ElsewhereOnly and problem.fix.startswith(advice)


def test_a_module_of_a_platform_is_named_with_its_cell(tmp_path):
    place = {"cell": CELL, "notebook": "model.ipynb", "line": 1, "error": "x", "traceback": "y"}
    problem = cell_errors.not_installed("google.colab", place)
    assert type(problem) is ElsewhereOnly
    assert problem.place == "Cell [1] of model.ipynb (cell 1 of the file), line 1"
