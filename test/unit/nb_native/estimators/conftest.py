"""Lets tests import compiled.py and its neighbours, which programs without this pytest import too."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

# Beside the libraries themselves, where NB_MODEL_PYTHON names a Python that has them.
collect_ignore = [] if os.environ.get("NB_MODEL_PYTHON") else ["test_against_libraries.py"]
