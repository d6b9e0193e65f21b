"""When a notebook last changed, and the date that requirements are resolved to."""

import os
import subprocess
from datetime import datetime, timezone
from pathlib import Path

import pytest
from nb_builder.common import resolve_date
from nb_builder.common.resolve_date import AsOf
from nb_builder.problems.packages import DateUnknown
from nb_builder.repository import last_change
from nbformat.v4 import new_code_cell, new_notebook

NAME = Path("model.ipynb")
PLAIN = new_notebook(cells=[new_code_cell("1")])


def commit(repository, day, name=NAME):
    (repository / name).write_text(day)
    environ = {**os.environ, "GIT_COMMITTER_DATE": f"{day}T12:00:00+02:00", "GIT_CONFIG_GLOBAL": os.devnull}
    git = ["git", "-C", repository, "-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run([*git, "init", "-q", "."], env=environ, check=True)
    subprocess.run([*git, "add", "."], env=environ, check=True)
    subprocess.run([*git, "commit", "-q", "-m", "x"], env=environ, check=True)


def test_a_day_counts_to_its_end():
    chosen = last_change.choose(resolve_date.read("2024-02-29"), None, NAME)
    assert (chosen.stamp, chosen.day, chosen.source) == ("2024-03-01T00:00:00Z", "2024-02-29", "S2I_RESOLVE_AS_OF")


def test_without_the_setting_there_is_no_date():
    assert last_change.choose(None, AsOf(datetime(2020, 1, 1, tzinfo=timezone.utc), "x"), NAME) is None


def test_auto_is_the_last_commit_of_the_notebook_and_of_no_other_file(tmp_path):
    commit(tmp_path, "2021-03-04")
    commit(tmp_path, "2022-03-04", "data.csv")
    changed = last_change.find(tmp_path, NAME, PLAIN)
    assert changed == last_change.choose(resolve_date.AUTO, changed, NAME)
    assert (changed.stamp, changed.source) == ("2021-03-04T10:00:00Z", "the last commit of model.ipynb")


def test_in_a_shallow_clone_the_metadata_are_asked_first(tmp_path):
    (tmp_path / "origin").mkdir()
    commit(tmp_path / "origin", "2021-03-04")
    commit(tmp_path / "origin", "2022-03-04", "data.csv")
    subprocess.run(["git", "clone", "-q", "--depth", "1", f"file://{tmp_path}/origin", tmp_path / "clone"], check=True)
    dated = new_notebook(metadata={"papermill": {"end_time": "2021-03-03T09:08:07.123456"}})
    assert last_change.find(tmp_path / "clone", NAME, dated).day == "2021-03-03"
    assert last_change.find(tmp_path / "clone", NAME, PLAIN).day == "2022-03-04"


@pytest.mark.parametrize(
    "metadata",
    [
        {
            "execution": {
                "iopub.execute_input": "2021-01-01T00:00:01.5Z",
                "shell.execute_reply": "2021-05-06T07:08:09.1Z",
            }
        },
        {"ExecuteTime": {"start_time": "2021-05-06T07:08:08", "end_time": "2021-05-06T07:08:09.000Z"}},
        {"executionInfo": {"timestamp": 1620284889123, "user": {}}},
        {"papermill": {"end_time": "2021-05-06T09:08:09+02:00"}},
    ],
)
def test_the_metadata_of_cells_have_times(tmp_path, metadata):
    notebook = new_notebook(cells=[new_code_cell("1"), new_code_cell("2", metadata=metadata)])
    changed = last_change.find(tmp_path, NAME, notebook)
    assert (changed.stamp, changed.source) == ("2021-05-06T07:08:09Z", "the metadata of model.ipynb")


@pytest.mark.parametrize("value", [{"end_time": "soon"}, {"end_time": None}, "2021", {"end_time": True}])
def test_what_is_no_time_is_none_and_auto_then_asks_for_the_date(tmp_path, value):
    notebook = new_notebook(metadata={"papermill": value})
    changed = last_change.find(tmp_path, NAME, notebook)
    with pytest.raises(DateUnknown, match="the last change of model.ipynb is unknown"):
        last_change.choose(resolve_date.AUTO, changed, NAME)
