import os
import subprocess
from pathlib import Path

import pytest

PYTHON = os.environ["NB_MODEL_PYTHON"]
FAMILIES = "bayes clusters composition decompositions lightgbm linear neighbours networks preprocessing text_models trees words xgboost"


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("family", FAMILIES.split())
def test_native_forms_answer_as_the_libraries(family):
    program = Path(__file__).with_name("against_libraries.py")
    run = subprocess.run([PYTHON, program, family], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "FAIL" not in run.stdout
    assert run.stdout.count("ok  ") > 3
