"""The manifest: written whole, read with care."""

import pytest
from nb_scorer.common import paths
from nb_scorer.model import manifest
from nb_scorer.model.problems import ModelFormatUnknown, ModelMissing, ModelPythonDiffers


def test_what_was_written_is_read(tmp_path):
    manifest.write(tmp_path, {"format": 2, "folder": "süd"})
    assert manifest.read(tmp_path) == {"format": 2, "folder": "süd"}
    assert [path.name for path in tmp_path.iterdir()] == [paths.MANIFEST]


def test_an_update_keeps_the_other_fields(tmp_path):
    manifest.write(tmp_path, {"format": 2, "golden": 3})
    manifest.update(tmp_path, scorer_start="spawn")
    assert manifest.read(tmp_path) == {"format": 2, "golden": 3, "scorer_start": "spawn"}


def test_a_folder_without_one_is_reported_by_path(tmp_path):
    with pytest.raises(ModelMissing, match=paths.MANIFEST):
        manifest.read(tmp_path / "nowhere")


def test_one_of_the_future_is_rejected_with_both_formats(tmp_path):
    manifest.write(tmp_path, {"format": 7})
    with pytest.raises(ModelFormatUnknown, match="has format 7, but this service reads formats 1 and 2"):
        manifest.read(tmp_path)


def test_this_process_may_load_what_it_wrote_itself():
    manifest.check_versions(manifest.versions())


def test_another_python_may_not():
    with pytest.raises(ModelPythonDiffers, match="saved with Python 3.1, but this is Python"):
        manifest.check_versions(dict(manifest.versions(), python="3.1"))
