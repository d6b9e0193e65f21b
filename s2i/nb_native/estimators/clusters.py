"""K-means: the nearest cluster centre."""

import numpy as np

from nb_native.estimators import answers
from nb_native.estimators.registry import form
from nb_native.estimators.rows import as_rows, elements, float64_array, row_for
from nb_native.refusal import Refusal
from nb_native.values import Vector

_KINDS = ("KMeans", "MiniBatchKMeans", "BisectingKMeans")
# scikit-learn computes |c|^2 - 2 x c with BLAS, whose kernels add products in order with fused instructions: this
# rounding determines the label of a sample halfway between two centres.
PRODUCT = """\
/* Return the product of two vectors as BLAS adds it up. */
static double $name(const double *x, const double *y, int count)
{
    double sum = 0.0;
    for (int i = 0; i < count; i++) {
        sum = nb_fma(x[i], y[i], sum);
    }
    return sum;
}"""


def _centers(estimator):
    centers = estimator.cluster_centers_
    if str(centers.dtype) != "float64":
        raise Refusal(f"{type(estimator).__name__} with centers of {centers.dtype}")
    return centers


def _row(code, estimator, rows):
    row = row_for(code, estimator, rows)
    # scikit-learn keeps float32, whose products BLAS rounds differently.
    if row.dtype == "float32":
        raise Refusal(f"{type(estimator).__name__} given float32")
    return row, float64_array(code, row)


@form("sklearn", ["KMeans", "MiniBatchKMeans"], "predict")
def _predict(code, estimator, rows):
    centers = _centers(estimator)
    count, features = centers.shape
    _, array = _row(code, estimator, rows)
    scores = code.name("s")
    # Like scikit-learn's row_norms, but negative, so that the nearest is the largest.
    norms = code.table("double", np.einsum("ij,ij->i", centers, centers))
    table = code.table("double", centers.ravel())
    product = code.function(PRODUCT)
    code.line(f"double {scores}[{count}];")
    with code.block(f"for (int k = 0; k < {count}; k++)"):
        code.line(f"{scores}[k] = 2.0 * {product}({array}, {table} + {features} * k, {features}) - {norms}[k];")
    return Vector((code.number("int64", answers.argmax(code, scores, count)),), "array")


@form("sklearn", ["KMeans", "MiniBatchKMeans"], "transform")
def _transform(code, estimator, rows):
    centers = _centers(estimator)
    count, features = centers.shape
    _, array = _row(code, estimator, rows)
    norms = code.table("double", np.einsum("ij,ij->i", centers, centers))
    table = code.table("double", centers.ravel())
    product = code.function(PRODUCT)
    distances, square = code.name("s"), code.name("v")
    code.line(f"double {distances}[{count}], {square} = {product}({array}, {array}, {features});")
    with code.block(f"for (int k = 0; k < {count}; k++)"):
        # The order of euclidean_distances: (-2 x c + |x|^2) + |c|^2, clipped at zero.
        code.line(
            f"double d = -2.0 * {product}({array}, {table} + {features} * k, {features}) + {square} + {norms}[k];"
        )
        code.line(f"{distances}[k] = d > 0.0 ? nb_sqrt(d) : 0.0;")
    return as_rows(elements(distances, count, "float64"))
