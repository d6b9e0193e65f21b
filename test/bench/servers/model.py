"""The running example's own predictor, as assemble saved it: what every server here serves."""

import os
import pickle
import sys

import numpy as np

if np.__version__ < "2":
    # Triton needs it so; the model was pickled under numpy 2, where this module has another name.
    sys.modules["numpy._core.numeric"] = np.core.numeric

with open(os.environ["BENCH_MODEL"], "rb") as _file:
    saved = pickle.load(_file)  # noqa: S301 - what the bench has just built


def predictor(x):
    """Answer one sample; a number of numpy's is made Python's, because most servers can't write it."""
    answer = saved["predictor"](x)
    return answer.item() if hasattr(answer, "item") else answer


batch_predictor = saved["batch_predictor"]
