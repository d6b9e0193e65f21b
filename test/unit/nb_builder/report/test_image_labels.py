"""What `docker inspect` shows about a model."""

import json

from nb_builder.common.workspace import Workspace
from nb_builder.report import image_labels
from nb_builder.repository import source_tree


def write(tmp_path, src, golden=3, **more):
    fields = {"notebook": "model.ipynb", "python_full": "3.11.2", "pickle_sha256": "ab", "scorer_start": "fork"}
    facts = {**fields, "golden": golden, **more}
    return image_labels.write(Workspace(tmp_path), facts, src, tmp_path / "s2i/metadata.json")


def labels_of(file):
    return {name: value for label in json.loads(file.read_text())["labels"] for name, value in label.items()}


def test_labels_are_left_where_s2i_looks(tmp_path):
    write(tmp_path, source_tree.UPLOADED)
    written = labels_of(tmp_path / "s2i/metadata.json")
    assert written["io.nb-builder.notebook"] == "model.ipynb"
    assert written["io.nb-builder.golden-rows"] == "3"
    assert "io.nb-builder.warning" not in written


def test_a_model_that_nothing_proves_has_a_label_and_facts_that_say_so(tmp_path):
    facts = write(tmp_path, source_tree.UPLOADED, golden=0)
    words = "No sample verifies this service: none in model.ipynb gets a prediction in JSON."
    warning = labels_of(tmp_path / "s2i/metadata.json")["io.nb-builder.warning"]
    assert warning.startswith(words) and "examples = [" in warning
    assert facts["proved"] is False
    assert [(warning["code"], warning["what"]) for warning in facts["warnings"]] == [("proof-missing", words)]


def test_a_build_that_does_not_call_setup_has_a_label_with_that_reason(tmp_path):
    facts = write(tmp_path, source_tree.UPLOADED, golden=0, setup_in_build=False)
    warning = labels_of(tmp_path / "s2i/metadata.json")["io.nb-builder.warning"]
    assert "neither setup nor predictor of model.ipynb" in warning and "S2I_SETUP_IN_BUILD=0" in warning
    assert [warning["code"] for warning in facts["warnings"]] == ["setup-not-in-build"]


def test_other_builds_leave_no_labels_but_facts(tmp_path):
    facts = write(tmp_path, tmp_path)
    model = {"sha256": "ab", "golden": 3, "scorer_start": "fork"}
    assert facts == {"model": model, "proved": True, "warnings": []}
    assert not (tmp_path / "s2i").exists()
