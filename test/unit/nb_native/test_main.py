"""What a program is made of: the model in a folder, by the Python that serves it."""

import json
import subprocess
import sys

from nb_native import __main__ as native
from nb_scorer.protocol import launch

from contract.services import make_app_root

NOTEBOOK = """
    def setup():
        global factor
        factor = 2
    def predictor(x):
        return x * factor
    examples = [1]
"""


def test_a_notebook_with_a_setup_has_no_program(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    (root / "build").mkdir()
    (root / "build" / "cells.json").write_text("[]")
    make_app_root(root, NOTEBOOK, {})
    code = f"import sys; sys.path[:0] = {[launch.HOME, *sys.path]!r}; "
    code += "from nb_native.__main__ import main; main(sys.argv[1:])"
    subprocess.run([sys.executable, "-c", code, "translate", root, tmp_path, ""], check=True)
    facts = json.loads((tmp_path / native.SAID).read_text())
    assert facts["refused"] == "the notebook defines setup, which a native program can't call"
