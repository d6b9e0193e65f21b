"""Variables that a slim image keeps in a file."""

import json

from nb_service import baked


def test_the_file_fills_in_what_is_not_set_and_nothing_else(tmp_path):
    kept = {"GREETING": "from the build", "PORT": "9000", "S2I_DEBUG": "1"}
    (tmp_path / "environment.json").write_text(json.dumps(kept))
    given = {"APP_ROOT": str(tmp_path), "PORT": "8080", "S2I_DEBUG": ""}
    assert baked.complete(given) == {**given, "GREETING": "from the build"}


def test_without_the_file_the_environment_is_as_it_was(tmp_path):
    assert baked.complete({"APP_ROOT": str(tmp_path)}) == {"APP_ROOT": str(tmp_path)}
