"""When the previous model can be reused."""

import io
import json
from pathlib import Path

import pytest
from nb_builder.assemble import leave_batch_form
from nb_builder.common.build_facts import Inputs, as_report
from nb_builder.common.log import Log
from nb_builder.common.workspace import Workspace
from nb_builder.incremental import model_reuse
from nb_builder.incremental.artifacts import PreviousBuild
from nb_builder.install.interpreters import Python
from nb_scorer.model import manifest


class Build:
    """A build of a repository with a notebook, a module, a file that is read and one that is not."""

    def __init__(self, folder):
        self.workspace = Workspace(folder)
        self.workspace.src.mkdir(parents=True)
        self.workspace.build.mkdir()
        for name, text in (("model.ipynb", "{}"), ("helper.py", "x"), ("data.csv", "1"), ("README.md", "r")):
            self.write(f"src/{name}", text)
        self.write("build/model_script.py", "cells")
        self.write("build/requirements.lock", "six==1")

    def write(self, name, text):
        (self.workspace.root / name).write_text(text)

    def ingredients(self, **extra):
        return model_reuse.Ingredients(self.workspace, [Path("model.ipynb")], **extra)

    def facts(self, *, files=("data.csv",), complete=True, python="3.11.2"):
        made_of = self.ingredients(python=python)
        self.write("build/reads.json", json.dumps({"complete": complete, "files": list(files)}))
        return as_report(made_of.used())


@pytest.fixture
def build(tmp_path):
    return Build(tmp_path / "app")


def same(build, facts, **extra):
    return build.ingredients(**{"python": "3.11.2", **extra}).difference_from(
        PreviousBuild(build.workspace.root, facts)
    )


def test_nothing_changed_means_the_same_model(build):
    facts = build.facts()
    assert sorted(facts["read"]) == ["data.csv", "helper.py"]
    assert same(build, facts) == ""


@pytest.mark.parametrize(
    "name", ["src/data.csv", "src/helper.py", "src/new_module.py", "build/model_script.py", "build/requirements.lock"]
)
def test_whatever_it_is_made_of_must_be_the_same(build, name):
    facts = build.facts()
    build.write(name, "changed")
    assert same(build, facts) == "cells, parameters, packages, modules or files that it reads have changed"


def test_what_it_does_not_read_may_change(build):
    facts = build.facts()
    build.write("src/README.md", "changed")
    build.write("src/model.ipynb", "other outputs")
    assert same(build, facts) == ""


@pytest.mark.parametrize("is_deleted", [False, True])
def test_a_cell_that_changes_a_file_of_the_repository_writes_it(build, is_deleted):
    made_of = build.ingredients(python="3.11.2")
    # predictor alone reads it, so its content does not show among what the cells have read.
    (build.workspace.src / "README.md").unlink() if is_deleted else build.write("src/README.md", "by a cell")
    build.write("build/reads.json", json.dumps({"complete": True, "files": ["data.csv"]}))
    facts = as_report(made_of.used())
    assert facts["written"] == ["README.md"]
    build.write("src/README.md", "r")
    assert same(build, facts) == "the notebook writes files (README.md), which are part of its result"


def test_where_reading_could_not_be_followed_every_file_counts(build):
    facts = build.facts(files=[], complete=False)
    assert same(build, facts) == ""
    build.write("src/README.md", "changed")
    assert same(build, facts) != ""


def test_another_python_makes_another_model(build):
    assert same(build, build.facts(), python="3.11.3") != ""


def test_a_notebook_that_writes_files_is_always_run(build):
    made_of = build.ingredients(python="3.11.2")
    build.write("src/result.csv", "1")
    build.write("build/reads.json", json.dumps({"complete": True, "files": []}))
    facts = as_report(made_of.used())
    assert same(build, facts) == "the notebook writes files (result.csv), which are part of its result"


def test_the_model_moves_with_what_is_known_of_it(build, tmp_path):
    facts = build.facts()
    for name in ("model", "build"):
        (tmp_path / "artifacts" / name).mkdir(parents=True)
    (tmp_path / "artifacts/model/model.pickle").write_text("p")
    (tmp_path / "artifacts/build/executed.ipynb").write_text("e")
    previous = PreviousBuild(tmp_path / "artifacts", facts)
    assert as_report(model_reuse.take_model(previous, build.workspace, Log(io.StringIO()))) == facts
    assert (build.workspace.model / "model.pickle").read_text() == "p"
    assert (build.workspace.build / "executed.ipynb").read_text() == "e"


def test_circumstances_name_python_platform_and_builder():
    facts = model_reuse.circumstances(Python(Path("x"), "3.11", "3.11.2"))
    assert facts.python == "3.11.2"
    assert facts.builder.startswith("0.1.0-")
    assert "glibc" in facts.platform


@pytest.mark.parametrize("form", ["def predictor(x): ...", None])
def test_the_batch_form_of_a_model_that_is_taken_over_is_left_in_build_too(tmp_path, form):
    (tmp_path / "before" / "model").mkdir(parents=True)
    manifest.write(
        tmp_path / "before" / "model", {"format": 2, "batching": {"calls": ["model.predict"], "pays_from": 2}}
    )
    if form:
        (tmp_path / "before" / "model" / "batch_form.py").write_text(form)
    workspace = Workspace(tmp_path / "app")
    workspace.build.mkdir(parents=True)
    known = as_report(Inputs(read={}, read_complete=True, written=[], recipe=""))
    model_reuse.take_model(PreviousBuild(tmp_path / "before", known), workspace, Log(io.StringIO()))
    leave_batch_form(workspace)
    left = workspace.build / "batch_form.py"
    assert (left.read_text() if left.exists() else None) == form
