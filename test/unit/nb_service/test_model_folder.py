import json
from pathlib import Path

import pytest
from nb_service import model_folder, problems


@pytest.fixture
def app_root(tmp_path):
    """Return an APP_ROOT with all that is looked at."""
    for folder in ("src/deep", "model", "venv/bin"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "venv/bin/python").touch()
    (tmp_path / "model/model.pickle").touch()
    (tmp_path / "model/manifest.json").write_text(json.dumps({"format": 2, "folder": "deep"}))
    (tmp_path / "model/golden.ndjson").write_text('{"sample": 1, "answer": 2}\n\n{"sample": 3, "answer": 4}\n')
    return tmp_path


def test_the_places_and_rows_of_a_model_are_read(app_root):
    model = model_folder.read(app_root, None)
    assert model.python == app_root / "venv/bin/python"
    assert model.notebook_folder == (app_root / "src/deep").resolve()
    assert [row["answer"] for row in model.golden_rows()] == [2, 4]
    assert len(model.golden_rows(1)) == 1


def test_a_model_without_golden_rows_has_none(app_root):
    (app_root / "model/golden.ndjson").unlink()
    assert model_folder.read(app_root, None).golden_rows() == []


@pytest.mark.parametrize("missing", ["model/manifest.json", "model/model.pickle", "venv/bin/python"])
def test_what_is_missing_is_named(app_root, missing):
    (app_root / missing).unlink()
    with pytest.raises(problems.ModelMissing, match=missing):
        model_folder.read(app_root, None)


def test_a_missing_notebook_folder_is_named(app_root):
    (app_root / "src/deep").rmdir()
    with pytest.raises(problems.ModelMissing, match="src/deep"):
        model_folder.read(app_root, None)


def test_a_model_of_somebody_else_is_reported_from_none(app_root, monkeypatch):
    def closed(self, *args, **kwargs):
        raise PermissionError(13, "Permission denied", str(self))

    # Root, who may run these tests, may read everything.
    monkeypatch.setattr(Path, "read_bytes", closed)
    with pytest.raises(problems.ModelMissing, match=r"no permission for .*manifest\.json"):
        model_folder.read(app_root, None)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 99}'])
def test_a_manifest_of_another_format_is_rejected(app_root, text):
    (app_root / "model/manifest.json").write_text(text)
    with pytest.raises(problems.ModelFormatUnknown, match="this service reads formats 1 and 2"):
        model_folder.read(app_root, None)


def test_golden_rows_that_are_no_json_are_rejected(app_root):
    (app_root / "model/golden.ndjson").write_text("{\n")
    with pytest.raises(problems.ModelDamaged, match=r"golden\.ndjson has changed since the build"):
        model_folder.read(app_root, None).golden_rows()


@pytest.mark.parametrize(
    "line",
    [
        b"[]",
        b"{}",
        b"5",
        b'{"sample": 1}',
        b'{"answer": 1}',
        b"\xff",
        b"[" * 200_000,
        b'{"sample": ' + b"[" * 300 + b"]" * 300 + b', "answer": 1}',
        b'{"sample": 1, "answer": NaN}',
        b'{"sample": 1' + b"1" * 5000 + b', "answer": 1}',
        b'\xef\xbb\xbf{"sample": 1, "answer": 1}',
    ],
)
def test_a_golden_row_that_is_none_is_rejected(app_root, line):
    (app_root / "model/golden.ndjson").write_bytes(line + b"\n")
    with pytest.raises(problems.ModelDamaged, match=r"golden\.ndjson has changed since the build"):
        model_folder.read(app_root, None).golden_rows()


def test_characters_that_end_a_line_elsewhere_may_be_in_a_golden_row(app_root):
    (app_root / "model/golden.ndjson").write_text('{"sample": "a\u2028\x85b", "answer": 1}\n', "utf-8")
    assert model_folder.read(app_root, None).golden_rows() == [{"sample": "a\u2028\x85b", "answer": 1}]


@pytest.mark.parametrize("name", ["manifest.json", "model.pickle"])
def test_a_folder_in_the_place_of_a_file_is_no_model(app_root, name):
    (app_root / "model" / name).unlink()
    (app_root / "model" / name).mkdir()
    with pytest.raises(problems.ModelMissing, match=name):
        model_folder.read(app_root, None)


def test_golden_rows_that_can_t_be_read_are_rejected(app_root):
    (app_root / "model/golden.ndjson").unlink()
    (app_root / "model/golden.ndjson").mkdir()
    with pytest.raises(problems.ModelDamaged, match="it can't be read"):
        model_folder.read(app_root, None).golden_rows()


def test_a_path_that_no_system_has_is_a_problem_too():
    with pytest.raises(problems.ModelDamaged, match="File name too long"):
        model_folder.read(Path("/" + "x" * 5000), None)
