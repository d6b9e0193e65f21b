"""`requirements` made of literals is read without running the notebook's code."""

import subprocess
import sys

import pytest
from nb_builder.common.cell import Cell
from nb_builder.rewrite import literal_requirements
from nb_builder.rewrite.emit_requirements import EMIT


@pytest.mark.parametrize(
    ("source", "emitted"),
    [
        ('requirements = [["numpy", "1.26.4"], "joblib"]', "numpy==1.26.4\njoblib\n"),
        ('requirements: list = ["a"]\nrequirements += [["b", ">=2"]]', "a\nb>=2\n"),
        ('requirements = ["a"]\nrequirements = ("b",)', "b\n"),
        ("", ""),
        ('requirements = [["a", __import__("os").name]]', None),
        ('requirements = ["a"]\nrequirements.append("b")', None),
        ("if True:\n    requirements = []", None),
        ("requirements = other = []", None),
        ('requirements = "a"\nrequirements += ["b"]', None),
        ("requirements = [", None),
    ],
)
def test_only_literals_are_read(source, emitted):
    script = literal_requirements.script([Cell(source), Cell(EMIT)])
    if emitted is None:
        assert script is None
    else:
        command = [sys.executable, "-I", "-S", "-c", script]
        assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == emitted
