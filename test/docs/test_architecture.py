"""The page of the architecture names the folders that there are, and the floors that `make lint` holds."""

import re
import sys

import pytest

from commands import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PAGE = ROOT / "docs" / "explanation" / "architecture.md"
PACKAGES = {
    **dict.fromkeys(("nb_builder", "nb_native"), "s2i"),
    **dict.fromkeys(("nb_service", "nb_scorer", "nb_spark"), "app-skeleton"),
}
HOMES = {package: ROOT / home / package for package, home in PACKAGES.items()}
ROOMS = {
    f"{package}/{file.parent.relative_to(home)}": file.parent
    for package, home in HOMES.items()
    for file in sorted(home.rglob("__init__.py"))
    if file.parent != home
}
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
FLOORS = {contract["containers"][0]: contract["layers"] for contract in CONTRACTS if contract["type"] == "layers"}


def text():
    """Return the page."""
    return PAGE.read_text(encoding="utf-8")


def links():
    """Return (words, target) of each link to a file or folder."""
    found = re.findall(r"\[([^\]]*)\]\(([^)#\s]+)\)", text())
    return [(words, (PAGE.parent / path).resolve()) for words, path in found]


def drawn():
    """Return {package: its floors} of the page's lists, whose first lines are names of packages."""
    lists = re.findall(r"^```\n(nb_[\w.]+)\n(.*?)^```$", text(), re.MULTILINE | re.DOTALL)
    return {package: [line.strip() for line in floors.splitlines()] for package, floors in lists}


@pytest.mark.parametrize("room", ROOMS)
def test_each_room_is_named_and_linked(room):
    named = {words for words, target in links() if target == ROOMS[room]}
    assert {room, room.partition("/")[2]} & named, f"{PAGE.name} has no link to {room}"


def test_each_link_leads_to_a_file_or_folder_that_its_words_name():
    assert [target for _, target in links() if not target.exists()] == []
    # A page of docs has a title in the place of a path.
    code = [(words, target) for words, target in links() if target.suffix != ".md"]
    assert [words for words, target in code if not f"/{target}".endswith(f"/{words}")] == []


def test_each_folder_that_is_linked_is_one_of_the_packages_or_their_rooms():
    folders = {target for _, target in links() if target.is_dir()}
    assert folders == {*HOMES.values(), *ROOMS.values()}


def test_each_name_in_the_drawing_is_a_room():
    drawing = re.search(r"^```\n(?: .*\n)+```$", text(), re.MULTILINE)[0]
    # A box has a package's name in its first line, and below it, in the same columns, the rooms that it runs.
    boxes, seen = {}, set()
    for line in drawing.splitlines():
        for cell in re.finditer(r"│ ([^│→←]*[^│→← ]) *│", line):
            words = cell[1].split(", ")
            if words[0] in PACKAGES:
                boxes[cell.start()] = words[0]
                seen.add(words[0])
            else:
                assert {f"{boxes[cell.start()]}/{word}" for word in words} <= set(ROOMS)
    assert seen == set(PACKAGES)


def test_the_floors_are_those_that_are_held():
    assert drawn() == FLOORS
