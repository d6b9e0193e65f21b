"""What is known of a repository before anything is installed."""

import io
import json

import pytest
from nb_builder.analysis import needed_cells
from nb_builder.common.log import Log
from nb_builder.common.settings import Settings
from nb_builder.preflight import checks
from nb_builder.problems.cells import CellSyntax
from nb_builder.problems.notebooks import NotebookNotJson
from nb_builder.problems.packages import RequirementsMissing

GOOD = "def predictor(x):\n    return x"


def repository(folder, **notebooks):
    for name, cells in notebooks.items():
        nodes = [
            {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": cell}
            for cell in cells
        ]
        text = json.dumps({"cells": nodes, "metadata": {}, "nbformat": 4, "nbformat_minor": 4})
        (folder / f"{name}.ipynb").write_text(text)
    return folder


@pytest.fixture
def scratch(tmp_path):
    folder = tmp_path / ".scratch"
    folder.mkdir()
    return folder


def look(folder, handle=checks.raise_problem, **settings):
    values = {"S2I_SRC": str(folder), "APP_ROOT": str(folder / "app"), **settings}
    return checks.look(Settings(values), folder, Log(io.StringIO()), handle)


def test_several_notebooks_keep_their_order_and_only_the_last_has_plain_names(tmp_path):
    repo = repository(tmp_path, a=["x = 1"], b=["y = 1"], c=[GOOD])
    checked = look(repo, S2I_SOURCE_NOTEBOOK_LIST="b.ipynb, a.ipynb, c.ipynb")
    assert [(str(notebook.name), notebook.prefix) for notebook in checked.notebooks] == [
        ("b.ipynb", "1-b-"),
        ("a.ipynb", "2-a-"),
        ("c.ipynb", ""),
    ]
    assert checked.name == checked.last.name


def test_a_long_name_leaves_room_for_the_names_of_files(tmp_path):
    repo = repository(tmp_path, **{"ü" * 100: ["x = 1"], "last": [GOOD]})
    checked = look(repo, S2I_SOURCE_NOTEBOOK_LIST="ü" * 100 + ".ipynb,last.ipynb")
    assert checked.notebooks[0].prefix == "1-" + "ü" * 40 + "-"


def test_a_build_stops_at_the_first_finding(tmp_path):
    repo = repository(tmp_path, a=["x = = 1", "y = = 2"])
    with pytest.raises(CellSyntax, match=r"Cell \[1\] of a.ipynb"):
        look(repo)


def test_all_findings_of_all_notebooks_are_collected(tmp_path):
    repo = repository(tmp_path, a=["x = = 1"], c=["y = = 2", "z = 1"])
    (repo / "b.ipynb").write_text("{")
    problems = []
    look(repo, problems.append, S2I_SOURCE_NOTEBOOK_LIST="a.ipynb,b.ipynb,c.ipynb", S2I_PARAMETERS='{"x": 1}')
    places = [(problem.code, str(problem.notebook)) for problem in problems]
    assert places == [
        ("notebook-not-json", "b.ipynb"),
        ("cell-syntax", "a.ipynb"),
        ("cell-syntax", "c.ipynb"),
        ("predictor-missing", "c.ipynb"),
    ]


def test_a_last_notebook_that_can_not_be_read_makes_no_other_one_the_last(tmp_path):
    repo = repository(tmp_path, a=["x = 1"])
    (repo / "b.ipynb").write_text("{")
    problems = []
    look(repo, problems.append, S2I_SOURCE_NOTEBOOK_LIST="a.ipynb,b.ipynb")
    assert [type(problem) for problem in problems] == [NotebookNotJson]


def test_requirements_at_fault_are_reported_with_the_cell_that_binds_them(tmp_path, scratch):
    repo = repository(tmp_path, a=["x = 1", "y = 2\nrequirements = [1]", GOOD])
    problems = []
    checks.read_requirements(look(repo), repo, scratch, Log(io.StringIO()), problems.append)
    assert [(problem.code, problem.cell.number, problem.line) for problem in problems] == [
        ("requirements-malformed", 2, 2)
    ]


def test_what_one_notebook_declares_counts_for_the_others(tmp_path, scratch):
    repo = repository(tmp_path, a=['requirements = ["six"]'], b=["import six", GOOD])
    wanted = checks.read_requirements(
        look(repo, S2I_SOURCE_NOTEBOOK_LIST="a.ipynb,b.ipynb"), repo, scratch, Log(io.StringIO())
    )
    assert [str(entry) for entry in wanted.cell] == ["six"]


def test_where_none_declares_anything_each_is_reported_what_it_imports(tmp_path, scratch):
    repo = repository(tmp_path, a=["import six"], b=["x = 1", "import os\nfrom idna import core", GOOD])
    problems = []
    checks.read_requirements(
        look(repo, S2I_SOURCE_NOTEBOOK_LIST="a.ipynb,b.ipynb"), repo, scratch, Log(io.StringIO()), problems.append
    )
    assert [(type(problem), str(problem.notebook), problem.cell.number, problem.line) for problem in problems] == [
        (RequirementsMissing, "a.ipynb", 1, 1),
        (RequirementsMissing, "b.ipynb", 2, 2),
    ]


def test_cells_that_predictor_does_not_need_are_left_out_or_may_fail(tmp_path):
    repo = repository(
        tmp_path, a=["x = 1", "print(x)", "import os\nos.system('true')", "def predictor(y):\n    return x"]
    )
    assert [cell.source for cell in look(repo).last.cells][1] == "print(x)"
    cells = look(repo, S2I_CELLS="needed").last.cells
    assert [cell.source == needed_cells.LEFT_OUT for cell in cells] == [False, True, False, False]
    assert [cell.tags for cell in cells] == [(), (), ("raises-exception",), ()]
