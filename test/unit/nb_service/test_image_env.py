"""Variables that a slim image keeps in a file."""

import json

import pytest
from nb_service import image_env, problems


def test_the_file_fills_in_what_is_not_set_and_nothing_else(tmp_path):
    kept = {"GREETING": "from the build", "PORT": "9000", "S2I_DEBUG": "1"}
    (tmp_path / "environment.json").write_text(json.dumps(kept))
    given = {"APP_ROOT": str(tmp_path), "PORT": "8080", "S2I_DEBUG": ""}
    assert image_env.complete(given) == {**given, "GREETING": "from the build"}


def test_without_the_file_the_environment_is_as_it_was(tmp_path):
    assert image_env.complete({"APP_ROOT": str(tmp_path)}) == {"APP_ROOT": str(tmp_path)}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"5",
        b'{"A": 5}',
        b'{"A": null}',
        b'{"A": "a\\u0000b"}',
        b'{"A\\u0000": "b"}',
        b'{"": "x"}',
        b'{"A=B": "x"}',
        b'{"A": "\\ud800"}',
        b"\xff",
        b"[" * 200_000,
    ],
)
def test_a_file_that_can_t_be_meant_is_rejected(tmp_path, data):
    (tmp_path / "environment.json").write_bytes(data)
    with pytest.raises(problems.ModelDamaged, match=r"environment\.json has changed since the build"):
        image_env.complete({"APP_ROOT": str(tmp_path)})


def test_a_folder_in_its_place_is_rejected(tmp_path):
    (tmp_path / "environment.json").mkdir()
    with pytest.raises(problems.ModelDamaged, match="Is a directory"):
        image_env.complete({"APP_ROOT": str(tmp_path)})


def test_an_app_root_that_is_a_file_has_none(tmp_path):
    (tmp_path / "file").touch()
    environ = {"APP_ROOT": str(tmp_path / "file")}
    assert image_env.complete(environ) == environ
