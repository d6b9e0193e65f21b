"""Forms are derived and scored by each Python that a model may have, with its own syntax trees."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import pythons
from unit.nb_scorer.batching.test_rewrite import ROWS, WRITTEN

PROGRAM = Path(__file__).with_name("on_another_python.py")
SCORER = Path(__file__).parents[4] / "app-skeleton"
OURS = f"{sys.version_info.major}.{sys.version_info.minor}"
OTHERS = {minor: python for minor, python in pythons.installed().items() if minor != OURS}


@pytest.mark.skipif(not OTHERS, reason="needs another CPython on this machine (pyenv install 3.6.15)")
@pytest.mark.parametrize("minor", sorted(OTHERS, key=lambda minor: int(minor[2:])))
def test_each_python_derives_forms_that_give_predictor_s_answers(minor, tmp_path):
    (tmp_path / "notebooks.json").write_text(json.dumps(WRITTEN))
    said = subprocess.run(
        [str(OTHERS[minor].path), str(PROGRAM), str(tmp_path / "notebooks.json"), json.dumps(ROWS)],
        env={"PYTHONPATH": str(SCORER), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert said.returncode == 0, said.stderr
    assert int(said.stdout.split()[0]) > 30
