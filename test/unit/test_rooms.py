"""`make test ROOM=…`: and the core that `make test` runs: every row names tests that exist."""

import subprocess
import sys
from pathlib import Path

import pytest

import cases
import core
import rooms

CODE = ("s2i/nb_builder", "s2i/nb_native", "app-skeleton/nb_scorer", "app-skeleton/nb_service", "app-skeleton/nb_spark")


def folders(package):
    """Return the paths of a package and of the packages in it."""
    found = [init.parent for init in (rooms.ROOT / package).glob("*/__init__.py")]
    return [package, *(str(folder.relative_to(rooms.ROOT)) for folder in found)]


def test_each_room_of_the_code_has_a_row():
    assert set(rooms.EXERCISED_BY) == {room for package in CODE for room in folders(package)}


@pytest.mark.parametrize("room", rooms.EXERCISED_BY)
def test_a_row_names_tests_that_exist(room):
    for name in rooms.find_tests(room):
        path, _, test = name.partition("::")
        text = (rooms.ROOT / path).read_text(encoding="utf-8") if test else ""
        assert (rooms.ROOT / path).exists(), name
        assert f"def {test.partition('[')[0]}(" in text or not test, name


@pytest.mark.parametrize("room", rooms.EXERCISED_BY)
def test_each_pattern_of_a_row_matches_a_fixture(room):
    names = [Path(name).name for name in rooms.find_tests(room)]
    for pattern in (words[1:] for words in rooms.EXERCISED_BY[room] if words.startswith(":")):
        assert any(rooms.fnmatch(name.partition("[")[2].rstrip("]"), pattern) for name in names), pattern


def test_an_unknown_room_is_an_error_with_the_rooms_that_exist():
    command = [sys.executable, rooms.ROOT / "test/rooms.py", "s2i/nb_builder/kitchen"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert "s2i/nb_builder/kitchen is not a room" in done.stderr and "s2i/nb_builder/requirements" in done.stderr


@pytest.mark.parametrize("folder", core.CORE)
def test_each_row_of_the_core_names_tests_that_exist(folder):
    for row in core.CORE[folder]:
        files = [
            file
            for file in (rooms.ROOT / "test" / folder).glob("test_*.py")
            if file.name.startswith(row[:40].partition("::")[0])
        ]
        test = row.partition("::")[2].partition("[")[0]
        assert any(f"def {test}" in file.read_text(encoding="utf-8") for file in files), row


def test_each_fixture_of_the_core_exists():
    names = {case.name for case in cases.all_of()}
    assert names >= core.BUILT | core.IN_IMAGES
