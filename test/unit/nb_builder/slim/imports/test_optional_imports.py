"""Distributions that no sample came to, and code may still import."""

from dataclasses import replace

import pytest
from nb_builder.common.installed import installed
from nb_builder.slim.imports import optional_imports

from unit.nb_builder.slim import venvs

HELD = {
    "plots": (
        {"plots/__init__.py": "", "plots/contour.py": "def f():\n    import contour\n"},
        ["contour", "gui", "needless"],
    ),
    "contour": ({"contour.py": "from lines.draw import line\nimport asked"}, ["lines"]),
    "lines": ({"lines/draw.py": ""}, []),
    "gui": ({"gui.py": ""}, []),
    "needless": ({"needless.py": "import asked\n"}, []),
    "asked": ({"asked.py": ""}, []),
    "reader": (
        {"reader/__init__.py": "def f():\n    optional_import('asked')\n", "reader/tests/a.py": "import gui"},
        [],
    ),
}


@pytest.fixture(scope="module")
def held(tmp_path_factory):
    """Return the distributions in HELD by name."""
    venv = venvs.make(tmp_path_factory.mktemp("venv"))
    for name, (files, requires) in HELD.items():
        venvs.install(venv, name, files, requires=requires)
    return {each.name: each for each in installed(venv)}


def test_what_is_required_and_imported_in_a_branch_is_needed_and_what_that_needs_too(held):
    dropped = [each for name, each in held.items() if name not in ("plots", "reader")]
    found = optional_imports.needs([held["plots"], held["reader"]], dropped, "3.11.2")
    assert found == {"contour": "plots", "lines": "contour"}


def test_what_is_big_is_left_to_the_user(held):
    big = replace(held["contour"], bytes=optional_imports.MOST_BYTES + 1)
    assert optional_imports.needs([held["plots"]], [big], "3.11.2") == {}
    assert optional_imports.unasked([held["plots"]], [big], set(), "3.11.2") == {"contour": "plots"}


def test_what_was_asked_for_and_loaded_code_may_import_is_told(held):
    kept = [held["plots"], held["reader"]]
    dropped = [each for each in held.values() if each not in kept]
    loaded = {file for each in kept for file in each.files}
    assert optional_imports.unasked(kept, dropped, loaded, "3.11.2") == {"asked": "reader", "contour": "plots"}
    assert optional_imports.unasked(kept, dropped, set(), "3.11.2") == {"contour": "plots"}
