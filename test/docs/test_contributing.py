"""What CONTRIBUTING.md names is there: paths, fixtures, targets of make, and names in the code."""

import re

import nb_builder.common.settings
import nb_service.settings
import pytest

from commands import ROOT

TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
CODE = set(re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", TEXT, flags=re.MULTILINE | re.DOTALL)))
TOPS = {path.name for path in ROOT.iterdir()}
# Words of a path below the top, in code on a line of text or in a block.
PATHS = sorted(word for word in set(re.findall(r"[\w./-]+", TEXT)) if word.partition("/")[0] in TOPS and "/" in word)


@pytest.mark.parametrize("path", [path for path in PATHS if not path.startswith(".nb-builder/")])
def test_each_path_is_there(path):
    assert (ROOT / path.rstrip(".")).exists()


def test_each_target_of_make_is_there():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = set(re.findall(r"\bmake ([a-z]+(?:-[a-z]+)*)\b", " ".join(CODE)))
    assert named
    assert [target for target in named if not re.search(rf"^{target}:", makefile, re.MULTILINE)] == []


def test_each_test_that_is_chosen_by_name_is_there():
    chosen = re.findall(r"\bpytest (test/\S+\.py) -k ([\w-]+)", TEXT)
    assert len(chosen) == TEXT.count(" -k ")
    names = {file.name for file in (ROOT / "test" / "fixtures").iterdir()} | {
        page.stem for page in (ROOT / "docs").rglob("*.md")
    }
    words = {name: (ROOT / file).read_text(encoding="utf-8") for file, name in chosen}
    assert [name for name in words if name not in names and name not in words[name]] == []
    assert set(re.findall(r"\bK=([\w-]+)", TEXT)) <= names


def test_each_file_of_a_fixture_is_read_and_all_that_are_read_are_named():
    read = set(re.findall(r'folder / "([\w.]+)"', (ROOT / "test" / "cases.py").read_text(encoding="utf-8")))
    section = TEXT.partition("\n## Add a fixture\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.*?`) \|", section, re.MULTILINE)
    assert {name.rstrip("/") for row in rows for name in re.findall(r"`([^`]+)`", row) if "test/" not in name} == read


def test_each_setting_is_one():
    knobs = {knob.env for knob in (*nb_builder.common.settings.KNOBS, *nb_service.settings.KNOBS)}
    assert {word for word in CODE if re.fullmatch("S2I_[A-Z_]+", word)} <= knobs
