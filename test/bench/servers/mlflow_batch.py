"""Save the notebook's model as two of mlflow's: `rows` asks predictor for each row, `best` the model once.

Usage: mlflow_batch.py NAME FOLDER, where NAME is the model's among the notebook's own.
"""

import logging
import os
import shutil
import sys

import mlflow.pyfunc
from model import batch_predictor, predictor

name, folder = sys.argv[1:]
has_names = hasattr(batch_predictor.__globals__[name], "feature_names_in_")


class Rows(mlflow.pyfunc.PythonModel):
    """Asks predictor, as a server would."""

    def __init__(self, *, as_records):
        """Remember whether a row is a dictionary."""
        self._as_records = as_records

    def predict(self, context, model_input, params=None):
        """Answer each row."""
        rows = model_input.to_dict("records") if self._as_records else model_input.to_numpy().tolist()
        return [predictor(row) for row in rows]


class Best(mlflow.pyfunc.PythonModel):
    """Asks the model, as a careful author would."""

    def __init__(self, name, *, as_frame):
        """Remember the model's name, and what it was fitted on."""
        self._name = name
        self._as_frame = as_frame

    def predict(self, context, model_input, params=None):
        """Answer all rows at once."""
        asked = batch_predictor.__globals__[self._name]
        return asked.predict(model_input if self._as_frame else model_input.to_numpy()).tolist()


logging.disable(logging.WARNING)
shutil.rmtree(folder, ignore_errors=True)
for kind, made in (("rows", Rows(as_records=has_names)), ("best", Best(name, as_frame=has_names))):
    mlflow.pyfunc.save_model(os.path.join(folder, kind), python_model=made, pip_requirements=[])
