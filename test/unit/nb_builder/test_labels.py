"""What `docker inspect` tells of a model."""

import json

from nb_builder import labels, source
from nb_builder.workspace import Workspace
from nb_scorer import manifest


def place(tmp_path):
    found = Workspace(tmp_path)
    found.model.mkdir()
    fields = {
        "notebook": "model.ipynb",
        "python_full": "3.11.2",
        "pickle_sha256": "ab",
        "golden": 3,
        "scorer_start": "fork",
    }
    manifest.write(str(found.model), {"format": manifest.FORMAT, **fields})
    return found


def test_labels_are_left_where_s2i_looks(tmp_path):
    labels.write(place(tmp_path), source.UPLOADED, tmp_path / "s2i/metadata.json")
    written = {
        name: value
        for label in json.loads((tmp_path / "s2i/metadata.json").read_text())["labels"]
        for name, value in label.items()
    }
    assert written["io.nb-builder.notebook"] == "model.ipynb"
    assert written["io.nb-builder.golden-rows"] == "3"


def test_other_builds_leave_no_labels_but_facts(tmp_path):
    facts = labels.write(place(tmp_path), tmp_path, tmp_path / "s2i/metadata.json")
    assert facts == {"model": {"sha256": "ab", "golden": 3, "scorer_start": "fork"}}
    assert not (tmp_path / "s2i").exists()
