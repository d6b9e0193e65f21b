import json

import pytest
from nb_service import identity, manifest
from nb_service.model_folder import ModelFolder


@pytest.fixture
def model(tmp_path):
    """Return a model folder with a build's report next to it."""
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "report.json").write_text(json.dumps({"commit": "abc", "source": "https://example.com/r"}))
    manifest = {"notebook": "notes/My first model!.ipynb", "built": "2026-11-20T08:00:00Z"}
    return ModelFolder(tmp_path / "model", None, None, manifest)


def test_a_model_is_named_by_its_notebook_its_time_and_its_commit(model):
    found = identity.read_identity(model)
    assert found == identity.Identity("My-first-model", 1795161600, "abc", "https://example.com/r")
    assert found.headers == (
        ("X-Model-Name", "My-first-model"),
        ("X-Model-Version", "1795161600"),
        ("X-Model-Commit", "abc"),
    )
    assert found.header_bytes.count(b"\r\n") == 3


def test_a_name_that_was_set_wins(model):
    assert identity.read_identity(model, "half").name == "half"


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 200_000, '{"commit": "a\\r\\nSet-Cookie: x"}', '{"commit": 5}'])
def test_without_a_report_the_commit_is_left_out(model, text):
    (model.folder.parent / "build" / "report.json").write_text(text)
    assert "X-Model-Commit" not in dict(identity.read_identity(model).headers)


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("model", "model"),
        ("a b/c", "a-b-c"),
        ("größe", "gro-e"),
        ("Prévision n° 1", "Prevision-n-1"),
        ("模型", "model"),
        ("", "model"),
        ("___", "model"),
        ("x" * 200, "x" * 128),
    ],
)
def test_a_name_is_cleaned_for_paths_and_headers(stem, name):
    assert identity.cleaned(stem) == name
    assert manifest.NAME.fullmatch(name)


@pytest.mark.parametrize("source", [5, [1], {"a": 1}, None, True])
def test_a_source_that_is_no_text_is_left_out(model, source):
    (model.folder.parent / "build" / "report.json").write_text(json.dumps({"source": source}))
    assert identity.read_identity(model).source is None


def test_a_time_that_is_none_is_version_1():
    assert identity.version_of("") == 1
