"""Principal components: products of a row with the component vectors."""

import numpy as np

from nb_native.estimators.linear import write_products
from nb_native.estimators.registry import form
from nb_native.estimators.rows import as_rows, elements, float64_array, reject_other_output, row_for
from nb_native.refusal import Refusal


@form("sklearn", ["PCA"], "transform")
def _components(code, estimator, rows):
    reject_other_output(estimator)
    components, mean = estimator.components_, estimator.mean_
    if {str(components.dtype), str(mean.dtype)} != {"float64"}:
        raise Refusal(f"PCA of {components.dtype}")
    row = row_for(code, estimator, rows)
    if row.dtype == "float32":
        raise Refusal("PCA given float32")
    array = float64_array(code, row)
    count = len(components)
    if hasattr(type(estimator), "_transform"):
        # Since 1.5, the products are computed first, and those of the mean are subtracted.
        starts = -(mean.reshape(1, -1) @ components.T)[0]
    else:
        starts = np.zeros(count)
        centred = code.name("x")
        code.line(f"double {centred}[{len(mean)}];")
        with code.block(f"for (int i = 0; i < {len(mean)}; i++)"):
            code.line(f"{centred}[i] = {array}[i] - {code.table('double', mean)}[i];")
        array = centred
    scores = write_products(code, array, components, starts)
    if estimator.whiten:
        scale = np.sqrt(estimator.explained_variance_)
        scale = np.maximum(scale, np.finfo(scale.dtype).eps)
        with code.block(f"for (int k = 0; k < {count}; k++)"):
            code.line(f"{scores}[k] /= {code.table('double', scale)}[k];")
    return as_rows(elements(scores, count, "float64"))
