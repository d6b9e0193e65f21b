"""Each example of the page about the notebook contract works as the page describes."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from nb_builder.rewrite import scripts
from nb_scorer.model import functions, signatures, streams
from nb_scorer.protocol import frames
from nb_scorer.worker.scorer import Scorer
from nbformat.v4 import new_code_cell, new_notebook

from commands import ROOT

PAGE = (ROOT / "docs" / "reference" / "notebook-contract.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
PAIR = re.compile(r"^# (.+) -> (.+)$", re.MULTILINE)
ROWS = re.findall(r"^\| `(requirements = .*?)` \| (.*) \|$", PAGE, re.MULTILINE)
COMPUTED = [(example, re.search(r"^# requirements.txt: (.*)$", example, re.MULTILINE)) for example in EXAMPLES]
NAMES = ("predictor", "validator", "batch_predictor")
STATUS = {frames.REFUSED: 422, frames.FAILED: 500}


class Model:
    """What the code of an example defines, as a service holds it."""

    def __init__(self, source):
        names = {}
        exec(source, names)
        self.names = names
        called = signatures.adapt_functions({**names, "predictor": functions.as_predictor(names["predictor"])})
        self.predictor, self.validator, self.batch_predictor = (called[name] for name in NAMES)
        # As a build records it.
        self.batch_form, self.manifest = None, {"streams": streams.is_streaming(self.predictor)}
        self.setup, self.teardown = names.get("setup"), names.get("teardown")


def emitted(cell):
    script = scripts.requirements_script(new_notebook(cells=[new_code_cell(cell)]), Path("model.ipynb")).text
    ran = subprocess.run([sys.executable, "-S", "-c", script], capture_output=True, text=True, check=True)
    return ran.stdout.split("\n")[:-1]


@pytest.mark.parametrize(("cell", "words"), ROWS, ids=[cell for cell, _ in ROWS])
def test_each_form_of_requirements_gives_what_its_row_says(cell, words):
    assert emitted(cell) == re.findall(r"`([^`]+)`", words)


@pytest.mark.parametrize(("example", "told"), [pair for pair in COMPUTED if pair[1]])
def test_computed_requirements_give_what_the_page_says(example, told):
    assert emitted(example) == told[1].split()


@pytest.mark.parametrize("example", [example for example in EXAMPLES if PAIR.search(example)])
def test_each_example_answers_as_the_page_says(example, capsys):
    model = Model(example)
    scorer = Scorer(model)
    scorer.set_up()
    for sample, answer in PAIR.findall(example):
        status, payload = scorer.answer(sample.encode())
        told = json.loads(answer)
        assert (STATUS.get(status) or json.loads(payload)) == told, sample
        if model.batch_predictor and status == frames.OK:
            assert model.batch_predictor([json.loads(sample)]) == [told]


def test_each_example_says_what_comes_of_it():
    assert [
        example for example in EXAMPLES if not re.search(r"^# .* -> |^# requirements.txt: ", example, re.MULTILINE)
    ] == []
    assert len(EXAMPLES) > 10 and len(ROWS) > 8
