"""Custom runtimes of MLServer for its `infer`: Rows asks predictor for each row, Best the model once a request.

BENCH_NAME is the model's name among the notebook's own. A request has one tensor of all rows, or one a column.
"""

import os

import numpy as np
import pandas as pd
from mlserver import MLModel
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.types import InferenceResponse
from model import batch_predictor, predictor

ASKED = batch_predictor.__globals__[os.environ["BENCH_NAME"]]


def _table(payload):
    """Return a request's rows: an array where it has one tensor, else a frame."""
    if len(payload.inputs) == 1:
        return NumpyCodec.decode_input(payload.inputs[0])
    columns = {}
    for tensor in payload.inputs:
        codec = StringCodec if tensor.datatype == "BYTES" else NumpyCodec
        columns[tensor.name] = np.ravel(codec.decode_input(tensor))
    return pd.DataFrame(columns)


class _Asked(MLModel):
    async def load(self) -> bool:
        """Have nothing to load: importing did it."""
        return True

    async def predict(self, payload):
        """Answer the rows of a request."""
        answers = np.array(self.answers(_table(payload)))
        return InferenceResponse(model_name=self.name, outputs=[NumpyCodec.encode_output("answer", answers)])


class Rows(_Asked):
    """Asks predictor, as a server would."""

    @staticmethod
    def answers(table):
        """Answer each row."""
        rows = table.to_dict("records") if isinstance(table, pd.DataFrame) else table.tolist()
        return [predictor(row) for row in rows]


class Best(_Asked):
    """Asks the model, as a careful author would."""

    @staticmethod
    def answers(table):
        """Answer all rows at once."""
        return ASKED.predict(table)
