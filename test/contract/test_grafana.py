"""The board is one by Grafana's own types, compiled with them; that Grafana draws it is not tested: none runs here."""

import json
import re
import subprocess

import pytest
import yaml
from nb_service.observability import files

from commands import ROOT
from contract import clients

STRICT = ["--noEmit", "--strict", "--skipLibCheck", "--module", "esnext", "--moduleResolution", "bundler"]
# What a person might write for what is meant, all over the board, and a word of what the compiler says.
BROKEN = {
    "a kind of panel": ('"type": "stat"', '"type": "state"', '"state"'),
    "an option": ('"showLegend": true', '"showLegned": true', "showLegned"),
    "the value of an option": ('"textMode": "name"', '"textMode": "names"', '"names"'),
    "a field": ('"lineWidth": 1', '"lineWdith": 1', "lineWdith"),
    "the value of a field": ('"drawStyle": "line"', '"drawStyle": "lines"', '"lines"'),
    "a colour": ('"mode": "palette-classic"', '"mode": "palette"', '"palette"'),
    "a part of a query": ('"legendFormat"', '"legend"', "legend"),
    "what is missing in a row": ('"collapsed": true,', "", "collapsed"),
    "how often it is asked": ('"refresh": "30s"', '"refresh": 30', "number"),
    "a number that is none": ('"schemaVersion": 39', '"schemaVersion": "39"', "string"),
    "a number of no meaning": ('"graphTooltip": 1', '"graphTooltip": 7', "7"),
    "a variable": ('"includeAll": true', '"includeEverything": true', "includeEverything"),
    "the data source": ('"uid": "${datasource}"', '"id": "${datasource}"', "'\"id\"' does not exist"),
}


@pytest.fixture(scope="module")
def complaints(tmp_path_factory):
    """Return {name: what the compiler has against it} of the board, "", and of each that is broken."""
    packages, folder = clients.modules_of("grafana"), tmp_path_factory.mktemp("grafana")
    (folder / "node_modules").symlink_to(packages / "node_modules")
    (folder / "board_types.ts").write_text((clients.HERE / "board_types.ts").read_text())
    ours = files.text_of("board.json", "nb")
    texts = {"": ours, **{name: ours.replace(old, new) for name, (old, new, _) in BROKEN.items()}}
    assert len(set(texts.values())) == len(texts)
    for number, text in enumerate(texts.values()):
        words = f'import type {{ Board }} from "./board_types";\nexport const board: Board = {text};\n'
        (folder / f"{number}.ts").write_text(words)
    ran = subprocess.run(
        [folder / "node_modules/.bin/tsc", *STRICT, *(f"{number}.ts" for number in range(len(texts)))],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    said = re.split(r"^(?=\S+\()", ran.stdout, flags=re.MULTILINE)
    elsewhere = [words for words in said if words and not re.match(r"\d+\.ts\(", words)]
    assert elsewhere == []
    return {
        name: "".join(words for words in said if words.startswith(f"{number}.ts(")) for number, name in enumerate(texts)
    }


def test_the_board_is_one_by_grafana_s_types(complaints):
    assert complaints[""] == ""


def test_the_compiler_has_something_against_each_board_that_is_none(complaints):
    # One test for all: another worker would have to compile them once more.
    assert {name: complaints[name] for name, (_, _, word) in BROKEN.items() if word not in complaints[name]} == {}


def test_the_types_are_those_of_the_grafana_that_compose_starts():
    wanted = json.loads((clients.HERE / "grafana.json").read_text())["dependencies"]
    services = yaml.safe_load((ROOT / "docs/deploy/compose/compose.yaml").read_text())["services"]
    assert services["grafana"]["image"] == f"grafana/grafana:{wanted['@grafana/schema']}"
