"""The manifest as the front may rely on it."""

import json

import pytest
from nb_service import manifest, problems

GOOD = {
    "format": 2,
    "notebook": "a.ipynb",
    "folder": "deep",
    "built": "2026-01-01T00:00:00Z",
    "predictor_doc": None,
    "deterministic": None,
    "tolerance": 1e-6,
    "golden": 3,
    "scorer_start": "fork",
    "path_first": ["lib"],
    "sample_schema": {"type": ["null", "array"], "items": {"type": "number"}, "minItems": 2},
    "sample_hint": {"type": "object", "properties": {"a": {}}, "required": ["a"], "additionalProperties": {}},
    "from_a_later_build": {"any": "thing"},
}


@pytest.fixture
def path(tmp_path):
    """Return where the manifest of a test is."""
    return tmp_path / "manifest.json"


def read(path, **fields):
    """Return the manifest with these fields, as it is read."""
    path.write_text(json.dumps({**GOOD, **fields}))
    return manifest.read(path)


def test_what_assemble_writes_is_read_as_it_is(path):
    assert read(path) == GOOD


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"{}", b"null", b"5", b"\xff\xfe", b"\0", b"[" * 200_000, b'{"a":' * 1_000_000, b'{"format": "1"}'],
)
def test_what_is_no_manifest_of_this_format_is_rejected(path, data):
    path.write_bytes(data)
    with pytest.raises(problems.ModelFormatUnknown, match="this service reads formats 1 and 2"):
        manifest.read(path)


ODD = (5, -1, 1.5, "x", "a\0b", [], [1], {}, {"a": 1}, True, [[]], 1e400)
RIGHT = {
    **dict.fromkeys(("notebook", "folder", "built", "predictor_doc", "python_full", "cwd"), ("x",)),
    **dict.fromkeys(("path_first", "path_last"), ([],)),
    **dict.fromkeys(("deterministic", "batch_predictor"), (True,)),
    **dict.fromkeys(("golden", "scorer_threads"), (5,)),
    **dict.fromkeys(("sample_schema", "answer_schema", "sample_hint", "answer_hint"), ({},)),
    "tolerance": (),
    "scorer_start": (),
}


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_a_field_of_another_kind_is_rejected_by_name(path, name, odd):
    if any(odd == right and type(odd) is type(right) for right in RIGHT[name]):
        assert read(path, **{name: odd})[name] == odd
        return
    with pytest.raises(problems.ModelDamaged, match=f"since the build: {name} is .*, but must be ") as raised:
        read(path, **{name: odd})
    assert raised.value.fix


@pytest.mark.parametrize(
    "schema",
    [
        {"type": 5},
        {"type": []},
        {"type": "figure"},
        {"items": {}},
        {"type": "array", "items": 5},
        {"type": "array", "minItems": "two"},
        {"type": "object", "properties": ["a"]},
        {"type": "object", "properties": {"a": 5}},
        {"type": "object", "required": "a"},
        {"type": "string", "enum": 5},
    ],
)
def test_a_schema_that_is_none_is_rejected(path, schema):
    with pytest.raises(problems.ModelDamaged, match="must be a JSON schema"):
        read(path, sample_schema=schema)


@pytest.mark.parametrize("name", ["notebook", "folder", "built"])
def test_a_null_where_assemble_writes_none_is_rejected(path, name):
    with pytest.raises(problems.ModelDamaged, match=f"{name} is null"):
        read(path, **{name: None})


def test_a_lone_surrogate_becomes_its_escape_where_pages_show_it_and_stays_in_names_of_folders(path):
    reported = read(path, predictor_doc="a \ud800", notebook="\udcff.ipynb", folder="\udcff")
    assert (reported["predictor_doc"], reported["notebook"], reported["folder"]) == (
        "a \\ud800",
        "\\udcff.ipynb",
        "\udcff",
    )
