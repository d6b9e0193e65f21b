"""Methods of fitted estimators as C: `emit` writes one, and raises Refusal for unsupported ones.

Estimators are recognised by their attributes: no library is imported here.
"""

from nb_native.estimators import (  # noqa: F401 - each notes its forms
    bayes,
    clusters,
    composition,
    decompositions,
    encoders,
    lightgbm_trees,
    linear,
    neighbours,
    networks,
    preprocessing,
    trees,
    words,
    xgboost_trees,
)
from nb_native.estimators.registry import emit, supported
from nb_native.estimators.words import TEXT_READERS

__all__ = ["TEXT_READERS", "emit", "supported"]
