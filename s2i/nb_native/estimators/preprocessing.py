"""Transformers of single columns and rows, with the formulas of scikit-learn's `transform`."""

import numpy as np

from nb_native.code import literal
from nb_native.estimators.registry import form
from nb_native.estimators.rows import (
    as_rows,
    check_finite,
    declare,
    elements,
    reject_other_output,
    row_for,
)
from nb_native.refusal import Refusal


def _row(code, estimator, rows, missing, kinds=("float64", "int64", "bool")):
    """Return (name of the C array of the row, its length), after scikit-learn's checks.

    Numbers of a type not in `kinds` would keep their type, and be computed differently.
    """
    reject_other_output(estimator)
    row = row_for(code, estimator, rows)
    if row.dtype not in kinds:
        raise Refusal(f"{type(estimator).__name__} given {row.dtype}")
    array = declare(code, row)
    check_finite(code, row, array, missing)
    return array, len(row.numbers)


def _each(code, array, count, *steps):
    """Write a loop that applies statements to `x`, each number of the array; return the row of results."""
    results = code.name("s")
    code.line(f"double {results}[{count}];")
    with code.block(f"for (int i = 0; i < {count}; i++)"):
        code.line(f"double x = {array}[i];")
        for step in steps:
            code.line(step)
        code.line(f"{results}[i] = x;")
    return as_rows(elements(results, count, "float64"))


def _by_column(code, operator, values):
    """Return the statement that applies an operator with each column's own value."""
    return f"x {operator} {code.table('double', values)}[i];"


def _clipped(least, most):
    # NaN stays: it is neither below nor above.
    return f"x = x < {literal('double', least)} ? {literal('double', least)} : x;", (
        f"x = x > {literal('double', most)} ? {literal('double', most)} : x;"
    )


@form("sklearn", ["StandardScaler"], "transform")
def _standard(code, estimator, rows):
    array, count = _row(code, estimator, rows, missing=True)
    steps = []
    if estimator.with_mean:
        steps.append(_by_column(code, "-=", estimator.mean_))
    if estimator.with_std:
        steps.append(_by_column(code, "/=", estimator.scale_))
    return _each(code, array, count, *steps)


@form("sklearn", ["RobustScaler"], "transform")
def _robust(code, estimator, rows):
    array, count = _row(code, estimator, rows, missing=True)
    steps = []
    if estimator.with_centering:
        steps.append(_by_column(code, "-=", estimator.center_))
    if estimator.with_scaling:
        steps.append(_by_column(code, "/=", estimator.scale_))
    return _each(code, array, count, *steps)


@form("sklearn", ["MinMaxScaler"], "transform")
def _between(code, estimator, rows):
    array, count = _row(code, estimator, rows, missing=True)
    steps = [_by_column(code, "*=", estimator.scale_), _by_column(code, "+=", estimator.min_)]
    if getattr(estimator, "clip", False):
        steps += _clipped(*estimator.feature_range)
    return _each(code, array, count, *steps)


@form("sklearn", ["MaxAbsScaler"], "transform")
def _by_largest(code, estimator, rows):
    array, count = _row(code, estimator, rows, missing=True)
    steps = [_by_column(code, "/=", estimator.scale_)]
    if getattr(estimator, "clip", False):
        steps += _clipped(-1.0, 1.0)
    return _each(code, array, count, *steps)


@form("sklearn", ["Binarizer"], "transform")
def _binary(code, estimator, rows):
    array, count = _row(code, estimator, rows, missing=False, kinds=("float64",))
    return _each(code, array, count, f"x = x > {literal('double', estimator.threshold)} ? 1.0 : 0.0;")


@form("sklearn", ["Normalizer"], "transform")
def _normal(code, estimator, rows):
    array, count = _row(code, estimator, rows, missing=False)
    norm = code.name("v")
    step = {
        "l1": f"{norm} += nb_fabs({array}[i]);",
        "l2": f"{norm} += {array}[i] * {array}[i];",
        "max": f"{norm} = nb_fabs({array}[i]) > {norm} ? nb_fabs({array}[i]) : {norm};",
    }.get(estimator.norm)
    if step is None:
        raise Refusal(f"Normalizer with norm={estimator.norm!r}")
    code.line(f"double {norm} = 0.0;")
    with code.block(f"for (int i = 0; i < {count}; i++)"):
        code.line(step)
    if estimator.norm == "l2":
        code.line(f"{norm} = nb_sqrt({norm});")
    # Almost zero counts as 1: below 10 times the machine epsilon.
    code.line(f"{norm} = {norm} < 0x1.4p-49 ? 1.0 : {norm};")
    return _each(code, array, count, f"x /= {norm};")


@form("sklearn", ["PolynomialFeatures"], "transform")
def _polynomial(code, estimator, rows):
    array, _ = _row(code, estimator, rows, missing=False)
    powers = np.asarray(estimator.powers_)
    results = code.name("s")
    code.line(f"double {results}[{len(powers)}];")
    places = {}
    for place, row in enumerate(powers):
        # x0 x0 x1 is (x1 x0) x0: scikit-learn multiplies a product of one degree less by an earlier column.
        factors = [column for column, power in enumerate(row) for _ in range(power)]
        places[tuple(factors)] = place
    products = [_product(places, factors, array, results) for factors in places]
    for place, product in enumerate(products):
        code.line(f"{results}[{place}] = {product};")
    return as_rows(elements(results, len(powers), "float64"))


def _product(places, factors, array, results):
    """Return the C expression of a product of columns, reusing an existing smaller product if possible."""
    if not factors:
        return "1.0"
    if len(factors) == 1:
        return f"{array}[{factors[0]}]"
    if factors[1:] in places:
        return f"{results}[{places[factors[1:]]}] * {array}[{factors[0]}]"
    # Degrees below `min_degree` are left out of the results.
    return f"({_product(places, factors[1:], array, results)}) * {array}[{factors[0]}]"


@form("sklearn", ["SimpleImputer"], "transform")
def _imputed(code, estimator, rows):
    statistics = np.asarray(estimator.statistics_)
    if getattr(estimator, "add_indicator", False):
        raise Refusal("SimpleImputer with add_indicator=True")
    if str(statistics.dtype) != "float64" or np.isnan(statistics).any():
        raise Refusal("SimpleImputer of strings, or of columns without any value")
    if not (isinstance(estimator.missing_values, float) and np.isnan(estimator.missing_values)):
        raise Refusal(f"SimpleImputer of {estimator.missing_values!r}")
    # Only means and medians convert integers to floats.
    kinds = ("float64", "int64", "bool") if estimator.strategy in ("mean", "median") else ("float64",)
    array, count = _row(code, estimator, rows, missing=True, kinds=kinds)
    return _each(code, array, count, f"x = x != x ? {code.table('double', statistics)}[i] : x;")
