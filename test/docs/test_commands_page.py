"""docs/reference/commands.md has every command, with every option that it has, and `make help` every word."""

import re
import subprocess

import pytest
from nb_builder.cli import __main__ as door

from commands import ROOT

PAGE = (ROOT / "docs" / "reference" / "commands.md").read_text(encoding="utf-8")
ROWS = {re.match(r"\| `nb-builder ([a-z-]+)", line)[1]: line for line in PAGE.splitlines() if "| `nb-builder" in line}
# Of every command, described below the tables.
EVERY = {"--help", "--json"}


def test_the_page_has_the_commands_that_there_are():
    assert set(ROWS) == set(door.COMMANDS)


@pytest.mark.parametrize("command", door.COMMANDS)
def test_a_row_names_each_option(command):
    options = set(door.parsers()[2][command]) - EVERY
    assert {
        option for option in options if f"{option}`" not in ROWS[command] and f"{option} " not in ROWS[command]
    } == set()


def test_make_help_has_each_word_in_columns():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    words = set(re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[1].split()) - {
        "help",
        "environments",
        "developer",
        "test-bytecode",
    }
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r"^  make ([a-z-]+) ", shown, re.MULTILINE)) == words
    assert {len(head) for head in re.findall(r"^  make [a-z-]+ +|^ {20,}(?=\S)", shown, re.MULTILINE)} == {24}
    assert max(map(len, shown.splitlines())) <= 120
