"""The running example's own predictor, as assemble saved it: what every server here serves."""

import os
import pickle

with open(os.environ["BENCH_MODEL"], "rb") as _file:
    _saved = pickle.load(_file)  # noqa: S301 - what the bench has just built


def predictor(x):
    """Answer one sample; the number is numpy's, which most servers can't write."""
    return int(_saved["predictor"](x))


batch_predictor = _saved["batch_predictor"]
