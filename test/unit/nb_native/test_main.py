"""What a program is made of: the model in a folder, by the Python that serves it."""

import json
import subprocess
import sys

import pytest
from nb_native import __main__ as native
from nb_scorer.protocol import launch

from contract.services import make_app_root

SETUP = """
    def setup():
        global factor
        factor = 2
    def predictor(x):
        return x * factor
    examples = [1]
"""
PREDICTORS = """
    def price(x):
        return x * 2
    predictors = {"price": price}
    examples = {"price": [1]}
"""
EXPLAINER = """
    def predictor(x):
        return x * 2
    def explainer(x):
        return {"x": x}
    examples = [1]
"""
FILE = """
    def predictor(sound: bytes):
        return 2
    examples = [b"abc"]
"""
FILE_WITHOUT_A_HINT = """
    def predictor(sound):
        return 2
    examples = [b"abc"]
"""
PARAMETER = """
    def predictor(x, *, factor=2):
        return x * factor
    examples = [1]
"""
HEADERS = """
    def predictor(x, headers: dict):
        return x * 2
    examples = [1]
"""


@pytest.mark.parametrize(
    ("notebook", "reason"),
    [
        (SETUP, "the notebook defines setup, which a native program can't call"),
        (PREDICTORS, "the notebook has predictors, and a program has one predictor alone"),
        (EXPLAINER, "the notebook defines explainer, which a native program can't call"),
        (FILE, "predictor reads its sample by a type hint, which has no native form"),
        (FILE_WITHOUT_A_HINT, "predictor reads its sample by a type hint, which has no native form"),
        (PARAMETER, "predictor has arguments that a request sets, which have no native form: factor"),
        (HEADERS, "predictor has arguments that a request sets, which have no native form: headers"),
    ],
)
def test_what_a_program_can_not_do_is_rejected_with_a_line(tmp_path, notebook, reason):
    root = tmp_path / "root"
    root.mkdir()
    (root / "build").mkdir()
    (root / "build" / "cells.json").write_text("[]")
    make_app_root(root, notebook, {})
    code = f"import sys; sys.path[:0] = {[launch.HOME, *sys.path]!r}; "
    code += "from nb_native.__main__ import main; main(sys.argv[1:])"
    subprocess.run([sys.executable, "-c", code, "translate", root, tmp_path, ""], check=True)
    facts = json.loads((tmp_path / native.SAID).read_text())
    assert facts.get("refused") == reason
