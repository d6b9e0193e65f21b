"""The statement on where a model comes from."""

import json

import pytest
from nb_builder.common.build_facts import Circumstances, Inputs, Installed, MadeOf, Origin, Resolution
from nb_builder.common.settings import PROBLEM_FILE, Settings
from nb_builder.common.workspace import Workspace
from nb_builder.signing import attestation
from nb_scorer.model import manifest
from nb_scorer.signature.statement import Malformed

MADE_OF = MadeOf(
    Circumstances(python="3.11.2", platform="x86_64", builder="0.1.0"),
    Origin(notebooks={"model.ipynb": "0" * 64}),
    Installed(["six==1.17.0"], as_locked=True, lock_sha256="1" * 64, asked="", resolved=Resolution()),
    Inputs(read={}, read_complete=True, written=[], recipe=""),
)


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
    statement = attestation.build_statement(workspace, MADE_OF, Settings({**of_machine, **chosen}))
    assert settings_in(statement) == {"S2I_CELL_TIMEOUT": 77}


class Signer:
    """Signs nothing."""

    def signed(self, payload, kind):
        return "{}"


def test_each_subject_is_compared_with_one_file(workspace, monkeypatch):
    files = {f"{number}": "0" * 64 for number in range(100)}
    statement = attestation.build_statement(workspace, MADE_OF, Settings({}))
    statement["subject"] = [
        {"name": name, "digest": {"sha256": digest}} for name, digest in attestation._subjects(files).items()
    ]
    (workspace.build / "provenance.json").write_text(json.dumps(statement))
    compared = []
    resource = attestation._resource
    monkeypatch.setattr(attestation, "_resource", lambda *subject: compared.append(subject) or resource(*subject))
    attestation.sign(workspace.build, Signer(), files)
    assert len(compared) == 101


@pytest.mark.parametrize(
    "subject",
    [
        {"name": "model/other", "digest": {"sha256": "0" * 64}},
        {"name": "model/0", "digest": {"sha256": "1" * 64}},
        {"name": "model/0", "digest": {"sha256": "0" * 64}, "uri": "a"},
        {"name": ["model/0"], "digest": {"sha256": "0" * 64}},
    ],
)
def test_no_statement_with_another_subject_is_signed(subject, workspace):
    files = {"0": "0" * 64}
    statement = attestation.build_statement(workspace, MADE_OF, Settings({}))
    model = {"name": "model", "digest": {"sha256": attestation._subjects(files)["model"]}}
    (workspace.build / "provenance.json").write_text(json.dumps({**statement, "subject": [model, subject]}))
    with pytest.raises(Malformed, match="something other than the model"):
        attestation.sign(workspace.build, Signer(), files)
