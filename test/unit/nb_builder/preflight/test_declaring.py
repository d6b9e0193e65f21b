"""Where the fix of a missing package says that it belongs."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from nb_builder.common.cell import Cell
from nb_builder.execute import cell_errors
from nb_builder.preflight import declaring
from nb_builder.problems.modules import ImportsUndeclared, ImportUndeclared
from nb_builder.requirements.sources import NOTHING

ENTRIES = '["pyyaml", ""], ["pandas", ""]'


def fix(problem, *sources, file=""):
    cells = tuple(Cell(source, number, number) for number, source in enumerate(sources, start=1))
    checked = SimpleNamespace(notebooks=[SimpleNamespace(cells=cells)])
    counted = SimpleNamespace(file=file) if file else NOTHING.counted
    wanted = SimpleNamespace(choice=SimpleNamespace(counted=counted))
    with pytest.raises(type(problem)) as rejected, declaring.placed(checked, wanted):
        raise problem
    return rejected.value.fix


def one():
    problem = cell_errors.not_installed("yaml", {"cell": Cell("import yaml", 1, 1), "notebook": "m.ipynb", "line": 1})
    assert isinstance(problem, ImportUndeclared)
    return problem


def several(entries=ENTRIES):
    adding = declaring.adding("to 'requirements'", entries)
    return ImportsUndeclared(notebook=Path("m.ipynb"), modules="yaml, pandas", entries=entries, adding=adding)


def test_a_missing_package_belongs_where_the_notebook_lists_its_own():
    rest = ", with the version that you use, then build again."
    assert fix(one(), "requirements = []") == f'Add ["pyyaml", ""] to \'requirements\'{rest}'
    assert fix(one(), "x = 1", file="environment.yml") == f"Add pyyaml to environment.yml{rest}"
    assert fix(one(), "x = 1") == f'Add requirements = [["pyyaml", ""]] as a new cell{rest}'


def test_several_missing_packages_belong_there_together():
    first = "Fix each import that is listed above"
    assert fix(several(), "requirements = []") == f"{first}; add to 'requirements', with your versions: {ENTRIES}."
    assert (
        fix(several(), file="requirements.txt")
        == f"{first}; add to requirements.txt, with your versions: pyyaml, pandas."
    )
    assert fix(several()) == f"{first}; add as a new cell, with your versions: requirements = [{ENTRIES}]."
    assert fix(several("")) == f"{first}."
