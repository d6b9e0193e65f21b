"""Run by a Python that has the libraries: each estimator's native form alongside the library's own answers.

Prints a line for each method: how many samples, how many are not equal in all bits, the largest relative difference,
the size of code and tables; ends with 1 where one is beyond its bound. Its arguments: families to try, none for all.
"""

import sys
import warnings
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[3] / "s2i"), str(HERE)]

from beside_others import (  # noqa: E402 - found by the lines above
    bayes,
    clusters,
    composition,
    decompositions,
    linear,
    neighbours,
    networks,
    preprocessing,
)
from beside_texts import text_models, words  # noqa: E402
from beside_trees import lightgbm, trees, xgboost  # noqa: E402
from judge import Judge  # noqa: E402

FAMILIES = {
    family.__name__: family
    for family in (
        bayes,
        clusters,
        composition,
        decompositions,
        lightgbm,
        linear,
        neighbours,
        networks,
        preprocessing,
        text_models,
        trees,
        words,
        xgboost,
    )
}

if __name__ == "__main__":
    # Of rows without names of columns, of unknown categories, of few iterations.
    warnings.simplefilter("ignore")
    judge = Judge()
    for family in sys.argv[1:] or FAMILIES:
        FAMILIES[family](judge)
    sys.exit(judge.failed)
