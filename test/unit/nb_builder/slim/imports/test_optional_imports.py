"""Distributions that no sample led to, and that code may still import."""

from dataclasses import replace

import pytest
from nb_builder.common.installed import installed
from nb_builder.slim.imports import optional_imports

from unit.nb_builder.slim import venvs

DISTRIBUTIONS = {
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
def distributions(tmp_path_factory):
    """Return the distributions by name."""
    venv = venvs.make(tmp_path_factory.mktemp("venv"))
    for name, (files, requires) in DISTRIBUTIONS.items():
        venvs.install(venv, name, files, requires=requires)
    return {distribution.name: distribution for distribution in installed(venv)}


def test_what_is_required_and_imported_in_a_branch_is_needed_and_what_that_needs_too(distributions):
    dropped = [distribution for name, distribution in distributions.items() if name not in ("plots", "reader")]
    needed = optional_imports.needs([distributions["plots"], distributions["reader"]], dropped, "3.11.2")
    assert needed == {"contour": "plots", "lines": "contour"}


def test_what_is_big_is_left_to_the_user(distributions):
    big = replace(distributions["contour"], bytes=optional_imports.MAX_BYTES + 1)
    assert optional_imports.needs([distributions["plots"]], [big], "3.11.2") == {}
    assert optional_imports.possible_imports([distributions["plots"]], [big], set(), "3.11.2") == {"contour": "plots"}


def test_what_was_asked_for_and_loaded_code_may_import_is_reported(distributions):
    kept = [distributions["plots"], distributions["reader"]]
    dropped = [distribution for distribution in distributions.values() if distribution not in kept]
    loaded = {file for distribution in kept for file in distribution.files}
    assert optional_imports.possible_imports(kept, dropped, loaded, "3.11.2") == {"asked": "reader", "contour": "plots"}
    assert optional_imports.possible_imports(kept, dropped, set(), "3.11.2") == {"contour": "plots"}
