"""The statement on where a model comes from."""

import json

import pytest
from nb_builder.common.settings import PROBLEM_FILE, Settings
from nb_builder.common.workspace import Workspace
from nb_builder.signing import attestation
from nb_scorer.model import manifest

FACTS = {
    "notebooks": {"model.ipynb": "0" * 64}, "python": "3.11.2", "platform": "x86_64", "builder": "0.1.0",
    "lock_sha256": "1" * 64, "packages": ["six==1.17.0"], "read_complete": True, "read": {},
}  # fmt: skip


@pytest.fixture
def workspace(tmp_path):
    made = Workspace(tmp_path)
    made.build.mkdir()
    made.model.mkdir()
    (made.model / "manifest.json").write_text(json.dumps({"format": manifest.FORMAT}))
    return made


def settings_in(statement):
    return statement["predicate"]["buildDefinition"]["externalParameters"].get("settings", {})


def test_it_has_the_settings_that_were_chosen_and_nothing_of_the_machine(workspace):
    of_machine = {"APP_ROOT": "/a", PROBLEM_FILE: "/tmp/nb-problem-x/problem.json", "NB_BUILDER_HOME": "/b"}
    chosen = {"S2I_CELL_TIMEOUT": "77"}
    assert settings_in(attestation.of(workspace, FACTS, Settings({**of_machine, **chosen}))) == {"S2I_CELL_TIMEOUT": 77}
