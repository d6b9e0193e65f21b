"""`run` for notebooks without predictor: what is planned, built and asked."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from nb_builder.analysis import needed_cells
from nb_builder.commands import planned
from nb_builder.commands.check import CheckTooLong
from nb_builder.commands.planned import Consent
from nb_builder.common.log import Log
from nb_builder.common.settings import PROBLEM_FILE
from nb_builder.fix import resolver
from nb_builder.fix.resolver import Resolution
from nb_builder.problems.surroundings import FileNotCheckedOut

TRAINS = [
    "import pandas as pd\nfrom sklearn.linear_model import Ridge",
    "df = pd.read_csv('/kaggle/input/flats.csv')",
    "df.head()",
    "X = df[['rooms']]\nmodel = Ridge().fit(X, df['rent'])\npredicted = model.predict(X)",
]


@pytest.fixture
def repo(tmp_path):
    folder = tmp_path / "repo"
    (folder / "data").mkdir(parents=True)
    (folder / "data/flats.csv").write_text("rooms,rent\n1,500\n2,900\n")
    write(folder, TRAINS)
    return folder


def write(folder, sources):
    cells = [
        {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": source}
        for source in sources
    ]
    (folder / "m.ipynb").write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}))


def sources(folder):
    cells = json.loads((folder / "m.ipynb").read_text())["cells"]
    return ["".join(cell["source"]) for cell in cells]


class Builds:
    """Stands for assemble: keeps what it is given, and ends with the statuses in turn."""

    def __init__(self, *statuses, problem=None):
        self.statuses = list(statuses)
        self.problem = problem
        self.cells = []
        self.environs = []

    def __call__(self, folder, environ):
        self.cells.append(sources(folder))
        self.environs.append(environ)
        status = self.statuses.pop(0)
        if status and self.problem:
            Path(environ[PROBLEM_FILE]).write_text(json.dumps(self.problem))
        return status


@pytest.fixture
def resolved(monkeypatch):
    """Have the resolver find versions, or the reasons in the list that is returned, first."""
    reasons = []

    def resolve(wished, candidate, environ, *, builds=False):
        return reasons.pop(0) if reasons else Resolution(candidate, tuple((name, "1.0") for name in wished.names))

    monkeypatch.setattr(resolver, "resolve", resolve)
    return reasons


def run(repo, builds, consent, monkeypatch=None, answer=None):
    stream = io.StringIO()
    environ = {"APP_ROOT": str(repo.parent / "app"), "S2I_SRC": str(repo), "PATH": "/usr/bin:/bin"}
    if answer is not None:
        terminal = io.StringIO(answer)
        terminal.isatty = lambda: True
        monkeypatch.setattr(sys, "stdin", terminal)
    outcome = planned.run("m.ipynb", repo, environ, builds, consent, Log(stream))
    return outcome, stream.getvalue()


def test_a_copy_gets_what_the_notebook_lacks_and_the_notebook_stays(repo, resolved):
    before = (repo / "m.ipynb").read_bytes()
    builds = Builds(0)
    outcome, output = run(repo, builds, Consent(yes=True))
    assert outcome.status is None and outcome.environ["S2I_CELLS"] == "needed"
    assert (repo / "m.ipynb").read_bytes() == before
    cells = builds.cells[0]
    assert cells[1] == "df = pd.read_csv('data/flats.csv')"
    assert cells[4].startswith("requirements = [") and '["scikit-learn", "1.0"]' in cells[4]
    assert "def predictor(x):" in cells[5] and "compare_with_own_model(" in cells[6]
    assert "left out, as predictor does not need what they plot, print or compute: cells [3]" in output
    assert "/kaggle/input/flats.csv is read from data/flats.csv" in output


def test_the_plan_names_a_long_search_before_it_runs(repo, resolved):
    grid = "from sklearn.model_selection import GridSearchCV\ngrid = {'alpha': range(1, 31)}"
    fitted = "X = df[['rooms']]\nsearch = GridSearchCV(Ridge(), grid, cv=4).fit(X, df['rent'])"
    write(repo, [*TRAINS[:2], grid, fitted, "predicted = search.predict(X)"])
    _, output = run(repo, Builds(), Consent(dry_run=True))
    line = "cell [4] may take long: GridSearchCV tries 30 combinations of parameters in 4 folds each"
    assert f"{line} (S2I_CELL_TIMEOUT limits it)" in output


def test_nothing_is_built_without_consent(repo, resolved):
    builds = Builds()
    outcome, output = run(repo, builds, Consent())
    assert outcome.status is None and not outcome.environ
    assert "nb-builder run m.ipynb --yes" in output
    outcome, output = run(repo, builds, Consent(dry_run=True))
    assert outcome.status == 0
    assert "packages: numpy 1.0, pandas 1.0, scikit-learn 1.0, scipy 1.0" in output and "def predictor(x):" in output
    assert builds.cells == []


def test_a_dry_run_without_a_plan_shows_what_check_finds(repo, resolved):
    write(repo, ["print(1)"])
    builds = Builds()
    outcome, output = run(repo, builds, Consent(dry_run=True))
    assert (outcome.status, builds.cells) == (1, []) and "(problem predictor-missing)" in output


def test_a_dry_run_computes_no_requirements(repo, resolved):
    canary = repo.parent / "ran"
    write(repo, [f"import os\nrequirements = [os.popen('touch {canary}').read()]", *TRAINS])
    outcome, output = run(repo, Builds(), Consent(dry_run=True))
    assert not canary.exists()
    assert outcome.status is not None and "Fine" not in output, output


# The alarm may interrupt a callback of the garbage collector, where Python ignores exceptions; it is repeated.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_dry_run_of_an_extremely_long_cell_comes_to_an_end(repo, resolved, monkeypatch):
    monkeypatch.setattr(planned, "DRY_RUN_SECONDS", 0.05)
    write(repo, [*TRAINS, "X = X + 1\n" * 60_000])
    with pytest.raises(CheckTooLong, match="stopped after 0.05 seconds"):
        run(repo, Builds(), Consent(dry_run=True))


@pytest.mark.parametrize(("answer", "status"), [("y\n", None), ("\n", None), ("n\n", 0)])
def test_one_question_is_asked_once_the_build_has_succeeded(repo, resolved, monkeypatch, answer, status):
    model = repo.parent / "app" / "model"
    model.mkdir(parents=True)
    monkeypatch.setattr(planned.golden_rows, "read", lambda folder: [{"sample": {"rooms": 1}, "answer": 500.0}])
    outcome, output = run(repo, Builds(0), Consent(), monkeypatch, answer)
    assert outcome.status == status
    assert 'sample: {"rooms": 1} -> 500.0' in output


def test_the_next_candidate_is_tried_where_versions_are_the_cause(repo, resolved):
    source = "from sklearn.externals import joblib\n" + TRAINS[0]
    write(repo, [source, *TRAINS[1:]])
    problem = {"code": "cell-failed", "what": "Cell [1] failed: AttributeError: no attribute 'x'"}
    builds = Builds(1, 0, problem=problem)
    outcome, output = run(repo, builds, Consent(yes=True))
    assert outcome.status is None and len(builds.environs) == 2
    assert builds.environs[0]["S2I_RESOLVE_AS_OF"] == "2020-05-11"
    assert "failed; trying the next one" in output


def test_a_resolution_that_fails_is_reported_and_the_next_is_tried(repo, resolved):
    write(repo, ["from sklearn.externals import joblib\n" + TRAINS[0], *TRAINS[1:]])
    resolved.append("there is no such version")
    outcome, output = run(repo, Builds(0), Consent(yes=True))
    assert outcome.status is None
    assert "no compatible versions (there is no such version)" in output


def test_versions_of_files_that_do_not_fit_are_left_out_of_the_copy(repo, resolved):
    (repo / "requirements.txt").write_text("pandas==0.1\n")
    (repo / "Pipfile").write_text('[packages]\npandas = "==0.2"\n')
    (repo / "Pipfile.lock").write_text('{"default": {"pandas": {"version": "==0.3"}}}')
    resolved.append("there is no such version")
    outcome, _ = run(repo, Builds(0), Consent(yes=True))
    assert outcome.status is None and (repo / "requirements.txt").is_file()
    copied = repo.parent / "app-planned"
    assert sorted(path.name for path in copied.iterdir()) == ["data", "m.ipynb"]


def test_an_error_of_the_author_s_ends_it(repo, resolved):
    builds = Builds(1, problem={"code": "cell-failed", "what": "Cell [1] failed: FileNotFoundError: x"})
    outcome, _ = run(repo, builds, Consent(yes=True))
    assert outcome.status == 1 and len(builds.environs) == 1


def test_fix_writes_the_plan_but_not_the_comparison(repo, resolved):
    (repo / ".s2i").mkdir()
    (repo / ".s2i/environment").write_text("S2I_CELLS=all")
    run(repo, Builds(0), Consent(yes=True, fix=True))
    cells = sources(repo)
    assert cells[0].startswith("requirements = ") and "def predictor(x):" in cells[-1]
    assert not any("compare_with_own_model" in source for source in cells)
    settings = (repo / ".s2i/environment").read_text().splitlines()
    assert settings[0] == "S2I_CELLS=all" and settings[1].startswith("S2I_PYTHON=3.")


def test_a_notebook_with_a_predictor_is_left_to_the_build(repo):
    assert planned.may_lack_predictor(repo, None) and planned.may_lack_predictor(repo, "m.ipynb")
    write(repo, [*TRAINS, "def predictor(x):\n    return x"])
    assert not planned.may_lack_predictor(repo, None)


def test_a_pipe_with_the_name_of_a_notebook_keeps_no_one_waiting(repo):
    os.mkfifo(repo / "pipe.ipynb")
    assert not planned.may_lack_predictor(repo, "pipe.ipynb")


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("x = 1", "no cell calls a model's fit()"),
        (
            "model = Ridge().fit(df, df)\nmodel = None\nmodel.fit(df)",
            "'model', which cell [5] fits, is made by None, which nb-builder does not recognise as a model",
        ),
        (
            "model = Ridge()\nmodel.fit(unknown(), df)",
            "'model', which cell [5] fits, gets data whose source can't be traced",
        ),
        (
            "def train(rows):\n    model = Ridge()\n    model.fit(unknown(rows), df)\n    return 1\nmodel = train(X)",
            "'model', which train() in cell [5] fits, can't be followed out of that function",
        ),
        (
            "model = Ridge()\nmodel.fit(X, df)\nX = df = None",
            "the data of 'model', which cell [5] fits, have changed since it was fitted, as cell [5] changes 'X'",
        ),
    ],
)
def test_no_plan_is_made_where_no_model_is_recognised(repo, source, reason):
    write(repo, [*([] if source == "x = 1" else TRAINS[:3]), "X = 1" if source == "x = 1" else "X = df[['a']]", source])
    outcome, output = run(repo, Builds(), Consent(yes=True))
    assert outcome == planned.Outcome() and output.strip() == f"note: no predictor can be proposed: {reason}."


@pytest.mark.parametrize(
    ("later", "undoing"),
    [
        ("model = Ridge()\nprint(model)", "'model', which cell [4] fits, is replaced by cell [5]"),
        (
            "X = df = predicted = None",
            "the data of 'model', which cell [4] fits, have changed since it was fitted, as cell [5] changes 'X'",
        ),
    ],
)
def test_cells_that_replace_the_model_or_its_data_are_left_out_of_the_copy(repo, resolved, later, undoing):
    write(repo, [*TRAINS, later, "print(1)"])
    before = (repo / "m.ipynb").read_bytes()
    builds = Builds(0, 0)
    outcome, output = run(repo, builds, Consent(yes=True))
    assert outcome.status is None and "return model.predict" in builds.cells[0][-2]
    assert builds.cells[0][4:6] == [needed_cells.LEFT_OUT] * 2
    assert f"the cells from [5] on are left out, because {undoing}" in output
    _, output = run(repo, builds, Consent(yes=True, fix=True))
    assert "--fix removes no cells. Delete those from [5] on" in output and (repo / "m.ipynb").read_bytes() == before


def test_lines_that_only_some_versions_of_ipython_accept_are_comments_in_the_copy(repo, resolved):
    first = "%load_ext of_nobody.ipython\n%matplotlib inline\nfrom __future__ import print_function, division\n"
    write(repo, [first + TRAINS[0], *TRAINS[1:], "%%R\nplot(df)"])
    builds = Builds(0)
    outcome, output = run(repo, builds, Consent(yes=True))
    assert outcome.status is None and "cells [3, 5]" in output
    lines = builds.cells[0][0].splitlines()
    assert lines[:2] == ["# %load_ext of_nobody.ipython", "%matplotlib inline"]
    assert lines[2] == "# from __future__ import print_function, division"


def test_a_cell_of_python_2_that_predictor_does_not_need_stops_no_plan(repo, resolved):
    write(repo, [*TRAINS[:2], "print df.shape", TRAINS[3]])
    outcome, output = run(repo, Builds(0), Consent(yes=True))
    assert outcome.status is None and "print or compute: cells [3]" in output
    write(repo, [*TRAINS[:2], "print df.shape\ndf['rooms'] = 1", TRAINS[3]])
    assert run(repo, Builds(), Consent(yes=True))[0] == planned.Outcome()


def test_an_import_of_an_unknown_package_that_nothing_needs_is_left_out_of_the_copy(repo, resolved):
    first = (
        "import drawing_of_ours\nfrom helpers_of_ours import (\n    show,\n    tell,\n)  # plots\nimport used_by_ours\n"
    )
    write(repo, [first + TRAINS[0], *TRAINS[1:3], f"{TRAINS[3]}\nused_by_ours.check(model)", "drawing_of_ours.show()"])
    builds = Builds(0)
    _, output = run(repo, builds, Consent(yes=True))
    assert builds.cells[0][0].splitlines()[:6] == [
        "# import drawing_of_ours",
        "# from helpers_of_ours import (",
        "#     show,",
        "#     tell,",
        "# )  # plots",
        "import used_by_ours",
    ]
    line = "'drawing_of_ours' is imported, and no package is known for it"
    assert f"{line}; the import is left out, as predictor does not need it" in output


def test_a_needed_import_of_an_unknown_package_is_not_installed_by_its_name(repo, resolved):
    write(repo, [f"import used_by_ours\n{TRAINS[0]}", *TRAINS[1:3], f"{TRAINS[3]}\nused_by_ours.check(model)"])
    builds = Builds(0)
    _, output = run(repo, builds, Consent(yes=True))
    line = "'used_by_ours' is imported, and no package is known for it"
    assert f"{line}; a package that is only called the same is not installed" in output
    assert builds.cells[0][0].startswith("import used_by_ours\n") and "used-by-ours" not in str(builds.cells)


@pytest.mark.parametrize(
    ("above", "added"),
    [
        ("", "import sys; sys.path.append('lib')\n"),
        ("import sys\nsys.path.append('lib')\n", ""),
        ("import sys, os\nsys.path.insert(0, os.getcwd())\n", ""),
    ],
)
def test_a_folder_with_a_module_of_the_repository_is_searched_in_the_copy(repo, resolved, above, added):
    (repo / "lib" / "shapes").mkdir(parents=True)
    (repo / "lib" / "shapes" / "areas.py").write_text("def area(x):\n    return x\n")
    needed = f"from shapes.areas import area\n{TRAINS[0]}"
    write(repo, [above + needed, *TRAINS[1:3], f"{TRAINS[3]}\narea(model)"])
    builds = Builds(0)
    run(repo, builds, Consent(yes=True))
    assert builds.cells[0][0] == added + above + needed


@pytest.mark.parametrize("deleted", ["heart.csv", "other.csv"])
def test_a_tracked_file_that_the_working_copy_lacks_is_reported_before_anything_is_built(repo, resolved, deleted):
    for name in ("heart.csv", "other.csv"):
        (repo / name).write_text("rooms,rent\n1,500\n2,900\n")
    write(repo, [TRAINS[0], "df = pd.read_csv('heart.csv')", "pd.read_csv('other.csv').head()", TRAINS[3]])
    git = ["git", "-C", repo, "-c", "user.name=n", "-c", "user.email=e@example.org"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "m"]):
        subprocess.run([*git, *words], check=True)
    (repo / deleted).unlink()
    builds = Builds(0)
    if deleted == "other.csv":
        assert run(repo, builds, Consent(yes=True))[0].status is None and len(builds.cells) == 1
        return
    with pytest.raises(FileNotCheckedOut) as raised:
        run(repo, builds, Consent(yes=True))
    assert "Cell [2] of m.ipynb (cell 2 of the file), line 1 reads 'heart.csv', which git tracks" in raised.value.what
    assert raised.value.fix == "Restore it with 'git checkout HEAD -- heart.csv', then build again."
    assert builds.cells == []


def test_another_model_is_tried_where_the_proposed_predictor_differs(repo, resolved):
    write(repo, [*TRAINS, "other = Ridge().fit(X, df['rent'])\nother.predict(X)"])
    problem = {"code": "cell-failed", "cell": 7, "what": "failed: AttributeError: no attribute 'predict'"}
    builds = Builds(1, 0, problem=problem)
    outcome, _ = run(repo, builds, Consent(yes=True))
    assert outcome.status is None
    assert "return other.predict" in builds.cells[0][-2] and "return model.predict" in builds.cells[1][-2]
    outcome, output = run(repo, Builds(1, 1, problem=problem), Consent(yes=True))
    assert outcome.status == 1 and "it can't be compared with the notebook's own model, for the reason" in output


@pytest.mark.parametrize(
    ("problem", "reason"),
    [
        (
            {"code": "cell-failed", "cell": 6, "what": "ValueError: The proposed predictor answers 1 for the sample 2"},
            "its predictions differ from those of the notebook's own model",
        ),
        ({"code": "model-does-not-load"}, "its model does not load in the service"),
        ({"code": "not-serializable"}, "its model can't be saved"),
        ({"code": "example-fails"}, "it gives no prediction for a sample"),
    ],
)
def test_a_proposal_is_rejected_for_what_the_build_reports(repo, resolved, problem, reason):
    outcome, output = run(repo, Builds(1, problem=problem), Consent(yes=True))
    assert outcome == planned.Outcome(1, rejected=reason)
    assert f"The proposed predictor was rejected because {reason}. Correct that, or add your own" in output


@pytest.mark.parametrize(
    ("cells", "line"),
    [
        (
            ["def predict_rent(n):\n    return model.predict([[n]])[0]\npredict_rent(3)"],
            "it is a function of the notebook, with samples that the notebook passes to it",
        ),
        (
            ["import spacy\nnlp = spacy.blank('en')\nnlp('Anna')"],
            "it can't be compared with the notebook's own model, because only models that take rows, and Prophet, are",
        ),
        (
            ["from prophet import Prophet\nm = Prophet()\nm.fit(df)"],
            "it can't be compared with the notebook's own model, because the notebook keeps no forecast of it",
        ),
    ],
)
def test_the_plan_has_the_reason_why_nothing_is_compared(repo, resolved, cells, line):
    write(repo, [*TRAINS, *cells])
    assert f"     {line}" in run(repo, Builds(), Consent(dry_run=True))[1]
