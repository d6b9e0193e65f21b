"""The files of the page on CI are valid YAML, and check, build and compare in each system, as the page describes."""

import contextlib
import re

import pytest
import yaml
from nb_builder.commands import diff

from commands import ROOT

PAGE = (ROOT / "docs/how-to/ci.md").read_text(encoding="utf-8")
FILE = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HOOKS, ACTIONS, GITLAB = map(yaml.safe_load, FILE.findall(PAGE))
# YAML 1.1 takes the key `on` for true.
ON = True
STEPS = [step for job in ACTIONS["jobs"].values() for step in job["steps"]]
JOBS = {name: job for name, job in GITLAB.items() if name not in ("stages", "variables", "workflow")}


def commands(lines):
    """Return the arguments of each nb-builder command in lines of shell."""
    text = "\n".join(lines).replace("\\\n", " ")
    return [line.split() for line in text.splitlines() if line.startswith("nb-builder ")]


OF_ACTIONS = commands(step.get("run", "") for step in STEPS)
OF_GITLAB = commands(line for job in JOBS.values() for line in job["script"])


@pytest.mark.parametrize("found", [OF_ACTIONS, OF_GITLAB], ids=["actions", "gitlab"])
def test_a_pipeline_checks_builds_and_compares_in_this_order(found):
    assert [words[1] for words in found] == ["check", "build", "diff"]


@pytest.mark.parametrize("words", [OF_ACTIONS[2], OF_GITLAB[2]], ids=["actions", "gitlab"])
def test_the_options_of_a_comparison_are_its_own(words, capsys):
    with contextlib.suppress(SystemExit):
        diff.main(["--help"])
    reported = capsys.readouterr().out
    options = [word for word in words if word.startswith("--")]
    assert options and [option for option in options if option not in reported] == []


def test_the_workflow_is_one():
    assert set(ACTIONS) == {"name", ON, "env", "jobs"}
    for job in ACTIONS["jobs"].values():
        assert job["runs-on"] and job["permissions"] and job.get("needs", "check") in ACTIONS["jobs"]
    assert all(len({"run", "uses"} & set(step)) == 1 for step in STEPS)
    names = [step.get("name") for step in STEPS]
    # Cells must not meet the token.
    assert names.index("Build") < names.index("Log in") < names.index("Compare with the main branch")


def test_the_pipeline_is_one():
    assert [job["stage"] for job in JOBS.values()] == GITLAB["stages"]
    assert all(isinstance(line, str) for job in JOBS.values() for line in job["script"])


def test_the_hook_checks_the_repository():
    (hook,) = HOOKS["repos"][0]["hooks"]
    assert HOOKS["repos"][0]["repo"] == "local"
    assert (hook["entry"], hook["pass_filenames"]) == ("nb-builder check", False)
    assert re.search(hook["files"], "models/model.ipynb")
