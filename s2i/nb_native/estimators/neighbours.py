"""k nearest neighbours: the nearest rows of the training data, by Euclidean distance.

Which of several equally distant rows counts depends on the search order, so the search is scikit-learn's own: the same
heap, and its tree walked in the same order, or all rows one after another ("brute").
"""

import numpy as np

from nb_native.estimators import answers
from nb_native.estimators.clusters import PRODUCT
from nb_native.estimators.registry import form
from nb_native.estimators.rows import float64_array, row_for
from nb_native.estimators.tables import indexed_table
from nb_native.refusal import Refusal

# 2 MB of tables; a search then takes half a millisecond.
MAX_VALUES = 5_000 * 50
_STACK = 64

_PUSH = """\
/* Put a row into a heap of the nearest, largest distance first; nothing where it is not nearer than that one. */
static void $name(double *distances, int *rows, int size, double distance, int row)
{
    if (distance >= distances[0]) {
        return;
    }
    int place = 0;
    for (;;) {
        int child = 2 * place + 1;
        if (child >= size) {
            break;
        }
        if (child + 1 < size && distances[child] < distances[child + 1]) {
            child++;
        }
        if (distances[child] <= distance) {
            break;
        }
        distances[place] = distances[child];
        rows[place] = rows[child];
        place = child;
    }
    distances[place] = distance;
    rows[place] = row;
}"""
_SORT = """\
/* Sort a heap: the nearest row first. */
static void $name(double *distances, int *rows, int size)
{
    for (int i = 1; i < size; i++) {
        double distance = distances[i];
        int row = rows[i], j = i;
        for (; j > 0 && distances[j - 1] > distance; j--) {
            distances[j] = distances[j - 1];
            rows[j] = rows[j - 1];
        }
        distances[j] = distance;
        rows[j] = row;
    }
}"""
_WEIGH = """\
/* Turn squared distances into weights, 1 / distance; where one is zero, it weighs 1 and what is not weighs 0. */
static void $name(double *distances, int size)
{
    int exact = 0;
    for (int i = 0; i < size; i++) {
        distances[i] = 1.0 / nb_sqrt(distances[i]);
        exact |= nb_is_infinite(distances[i]);
    }
    for (int i = 0; exact && i < size; i++) {
        distances[i] = nb_is_infinite(distances[i]);
    }
}"""
_OUTSIDE = """\
/* Return the least squared distance of a point to a box, given by its corners. */
static double $name(const double *point, const double *least, const double *most, int count)
{
    double sum = 0.0;
    for (int i = 0; i < count; i++) {
        double under = least[i] - point[i], over = point[i] - most[i];
        double d = 0.5 * ((under + nb_fabs(under)) + (over + nb_fabs(over)));
        sum += d * d;
    }
    return sum;
}"""


def _nearest(code, estimator, rows):
    """Write the search; return (C arrays of squared distances and of rows, the row order that these refer to)."""
    if estimator.effective_metric_ != "euclidean":
        raise Refusal(f"{type(estimator).__name__} with the metric {estimator.effective_metric_}")
    if estimator.weights not in ("uniform", "distance"):
        raise Refusal(f"{type(estimator).__name__} with custom weights")
    if estimator.weights == "distance" and estimator._fit_method == "brute":
        # Computed with BLAS, a training row's distance to itself may be 1e-8, depending on the kernel's rounding.
        raise Refusal(f"{type(estimator).__name__} with algorithm='brute' and weights='distance'")
    data = estimator._fit_X
    if str(data.dtype) != "float64" or data.ndim != 2:
        raise Refusal(f"{type(estimator).__name__} fitted with {data.dtype}")
    if data.size > MAX_VALUES:
        raise Refusal(f"{type(estimator).__name__} of more than {MAX_VALUES} values")
    row = row_for(code, estimator, rows)
    if row.dtype != "float64":
        raise Refusal(f"{type(estimator).__name__} given {row.dtype}")
    point = float64_array(code, row)
    size = int(estimator.n_neighbors)
    distances, found = code.name("d"), code.name("r")
    code.line(f"double {distances}[{size}];")
    code.line(f"int {found}[{size}];")
    with code.block(f"for (int i = 0; i < {size}; i++)"):
        code.line(f"{distances}[i] = NB_INFINITY;")
        code.line(f"{found}[i] = 0;")
    search = {"kd_tree": _by_tree, "brute": _one_by_one}.get(estimator._fit_method)
    if search is None:
        raise Refusal(f"{type(estimator).__name__} with algorithm={estimator._fit_method!r}")
    order = search(code, estimator, point, (distances, found, size))
    code.line(f"{code.function(_SORT)}({distances}, {found}, {size});")
    if estimator.weights == "distance":
        code.line(f"{code.function(_WEIGH)}({distances}, {size});")
    return distances, found, order


def _by_tree(code, estimator, point, heap):
    """Write the search in a k-d tree, nearer halves first; return the order of rows in its leaves."""
    distances, found, size = heap
    data, order, nodes, bounds = (np.asarray(part) for part in estimator._tree.get_arrays())
    features = data.shape[1]
    cell = indexed_table(code, "double", data[order].ravel().tolist())
    boxes = code.table("double", np.stack([bounds[0], bounds[1]], axis=1).ravel())
    leaves = nodes["is_leaf"].tolist()
    starts = code.table("index", nodes["idx_start"])
    ends = code.table("index", [end if is_leaf else 0 for is_leaf, end in zip(leaves, nodes["idx_end"].tolist())])
    outside = code.function(_OUTSIDE)
    stack, bounds_name, top = code.name("n"), code.name("d"), code.name("m")
    code.line(f"int {stack}[{_STACK}] = {{ 0 }}, {top} = 1;")
    code.line(f"double {bounds_name}[{_STACK}] = {{ 0.0 }};")
    with code.block(f"while ({top} > 0)"):
        code.line(f"int node = {stack}[--{top}];")
        with code.block(f"if ({bounds_name}[{top}] > {distances}[0])"):
            code.line("continue;")
        # Only leaves have an end.
        with code.block(f"for (int row = {starts}[node]; row < {ends}[node]; row++)"):
            code.line("double sum = 0.0;")
            with code.block(f"for (int i = 0; i < {features}; i++)"):
                code.line(f"double d = {point}[i] - {cell(f'{features} * row + i')};")
                code.line("sum += d * d;")
            code.line(f"{code.function(_PUSH)}({distances}, {found}, {size}, sum, row);")
        with code.block(f"if ({ends}[node] == 0)"):
            code.line(f"const double *box = {boxes} + {2 * features} * (2 * node + 1);")
            code.line(f"double left = {outside}({point}, box, box + {features}, {features});")
            code.line(f"double right = {outside}({point}, box + {2 * features}, box + {3 * features}, {features});")
            code.line("int first = left <= right ? 0 : 1;")
            # The one on top is the next.
            code.line(f"{stack}[{top}] = 2 * node + 2 - first;")
            code.line(f"{bounds_name}[{top}++] = first ? left : right;")
            code.line(f"{stack}[{top}] = 2 * node + 1 + first;")
            code.line(f"{bounds_name}[{top}++] = first ? right : left;")
    return order


def _one_by_one(code, estimator, point, heap):
    """Write the comparison with all rows, |x|^2 - 2 x y + |y|^2 as with BLAS; return their order."""
    distances, found, size = heap
    data = estimator._fit_X
    count, features = data.shape
    table = code.table("double", data.ravel())
    norms = code.table("double", [np.dot(row, row) for row in data])
    product = code.function(PRODUCT)
    norm = code.name("v")
    code.line(f"double {norm} = {product}({point}, {point}, {features});")
    with code.block(f"for (int row = 0; row < {count}; row++)"):
        code.line(f"double middle = -2.0 * {product}({point}, {table} + {features} * row, {features});")
        code.line(f"double sum = {norm} + middle + {norms}[row];")
        code.line(f"{code.function(_PUSH)}({distances}, {found}, {size}, sum > 0.0 ? sum : 0.0, row);")
    return np.arange(count)


def _votes(code, estimator, rows):
    """Write the sums of weights per class; return (name of the C array, the number of classes)."""
    if estimator.outputs_2d_:
        raise Refusal(f"a {type(estimator).__name__} with several outputs")
    weights, found, order = _nearest(code, estimator, rows)
    count = answers.count_of_classes(estimator)
    classes = code.table("index", np.asarray(estimator._y)[order])
    votes = code.name("s")
    code.line(f"double {votes}[{count}] = {{ 0.0 }};")
    weight = f"{weights}[i]" if estimator.weights == "distance" else "1.0"
    with code.block(f"for (int i = 0; i < {int(estimator.n_neighbors)}; i++)"):
        code.line(f"{votes}[{classes}[{found}[i]]] += {weight};")
    return votes, count


def _total(code, estimator, votes, count):
    """Write the sum of all votes, and that predictor fails if distances make it zero; return its name."""
    total = code.name("v")
    code.line(f"double {total} = 0.0;")
    with code.block(f"for (int k = 0; k < {count}; k++)"):
        code.line(f"{total} += {votes}[k];")
    if estimator.weights == "distance":
        # scikit-learn raises if all neighbours are so distant that their weights are zero.
        with code.block(f"if ({total} == 0.0)"):
            code.line("return NB_FAILED;")
    return total


@form("sklearn", ["KNeighborsClassifier"], "predict")
def _predict_class(code, estimator, rows):
    votes, count = _votes(code, estimator, rows)
    if estimator.weights == "distance":
        _total(code, estimator, votes, count)
    return answers.label(code, estimator, answers.argmax(code, votes, count))


@form("sklearn", ["KNeighborsClassifier"], "predict_proba")
def _predict_shares(code, estimator, rows):
    votes, count = _votes(code, estimator, rows)
    total = _total(code, estimator, votes, count)
    with code.block(f"for (int k = 0; k < {count}; k++)"):
        code.line(f"{votes}[k] /= {total};")
    return answers.probabilities(votes, count)


@form("sklearn", ["KNeighborsRegressor"], "predict")
def _predict_number(code, estimator, rows):
    targets = np.asarray(estimator._y)
    if targets.ndim != 1:
        raise Refusal("a KNeighborsRegressor with several outputs")
    weights, found, order = _nearest(code, estimator, rows)
    table = code.table("double", targets[order].astype(float))
    sums, total = code.name("v"), code.name("v")
    size = int(estimator.n_neighbors)
    code.line(f"double {sums} = 0.0, {total} = 0.0;")
    with code.block(f"for (int i = 0; i < {size}; i++)"):
        if estimator.weights == "distance":
            code.line(f"{sums} += {table}[{found}[i]] * {weights}[i];")
            code.line(f"{total} += {weights}[i];")
        else:
            code.line(f"{sums} += {table}[{found}[i]];")
            code.line(f"{total} += 1.0;")
    return answers.number(code, "float64", f"{sums} / {total}")
