"""Pipelines and column transformers: combine the native forms of their steps."""

import numbers as number_types

from nb_native.estimators import linear, trees, words
from nb_native.estimators.registry import emit, form
from nb_native.estimators.rows import (
    as_rows,
    cells_of,
    check_finite,
    declare,
    promoted,
    reject_other_output,
    row_of,
)
from nb_native.refusal import Refusal
from nb_native.values import Frame, Number, Sample, Sparse, Text, Vector

_PASSES = ("passthrough", None)
# Transformers that treat sparse rows in the same way, except that their numbers must be finite.
_SPARSE_READY = frozenset(
    (
        *linear.REGRESSORS,
        *linear.CLASSIFIERS,
        *trees.FORESTS,
        "BernoulliNB",
        "ComplementNB",
        "GradientBoostingClassifier",
        "GradientBoostingRegressor",
        "LGBMClassifier",
        "LGBMRegressor",
        "MLPClassifier",
        "MLPRegressor",
        "MultinomialNB",
    )
)
# Transformers that treat sparse rows in the same way, and return sparse rows.
_KEEPS_SPARSE = frozenset(["MaxAbsScaler", "Normalizer", "FunctionTransformer", "TfidfTransformer"])


def _is_sparse(transformer):
    """Return whether a fitted transformer always returns sparse rows."""
    kind = type(transformer).__name__
    if kind in words.VECTORIZERS:
        return True
    if kind == "OneHotEncoder":
        return bool(getattr(transformer, "sparse_output", getattr(transformer, "sparse", False)))
    if kind == "ColumnTransformer":
        return bool(transformer.sparse_output_)
    if kind == "Pipeline":
        return _ends_sparse(transformer.steps)
    if kind == "FeatureUnion":
        return any(_is_sparse(part) for _, part in transformer.transformer_list)
    return False


def _ends_sparse(steps):
    """Return whether transformer steps return sparse rows; raise Refusal for a step that doesn't support them."""
    sparse = False
    for _, step in steps:
        if step in _PASSES:
            continue
        kind = type(step).__name__
        if sparse and kind not in _KEEPS_SPARSE:
            if kind == "StandardScaler" and not step.with_mean:
                continue
            raise Refusal(f"{kind}.transform of a sparse row")
        sparse = sparse or _is_sparse(step)
    return sparse


def _transformed(code, steps, rows):
    for _, step in steps:
        if step not in _PASSES:
            rows = emit(code, step, "transform", rows)
    return rows


def _at_last(method):
    def write(code, pipeline, rows):
        *steps, (_, last) = pipeline.steps
        rows = _transformed(code, steps, rows)
        if _ends_sparse(steps):
            kind = type(last).__name__
            if kind not in _SPARSE_READY:
                raise Refusal(f"{kind}.{method} of a sparse row")
            if not isinstance(rows, Sparse) and not kind.startswith("LGBM"):
                row = row_of(code, rows)
                check_finite(code, row, declare(code, row))
        return emit(code, last, method, rows)

    return write


for _method in ("predict", "predict_proba", "decision_function", "score_samples"):
    form("sklearn", ["Pipeline"], _method)(_at_last(_method))


@form("sklearn", ["Pipeline"], "transform")
def _pipeline_transform(code, pipeline, rows):
    return _transformed(code, pipeline.steps, rows)


@form("sklearn", ["FunctionTransformer"], "transform")
def _identity(code, transformer, rows):
    if transformer.func is not None or getattr(transformer, "validate", False):
        raise Refusal("FunctionTransformer with a custom function")
    return as_rows(row_of(code, rows).numbers)


@form("sklearn", ["ColumnTransformer"], "transform")
def _columns_transform(code, transformer, rows):
    reject_other_output(transformer)
    if transformer.transformer_weights:
        raise Refusal("ColumnTransformer with weights")
    parts = []
    for name, part, columns in transformer.transformers_:
        if isinstance(part, str) and part == "drop":
            continue
        chosen = _chosen(transformer, name, columns, rows)
        if chosen is None:
            continue
        whole = part in _PASSES if isinstance(part, str) else part is None
        parts += _numbers(as_rows(row_of(code, chosen).numbers) if whole else emit(code, part, "transform", chosen))
    return _side_by_side(parts)


@form("sklearn", ["FeatureUnion"], "transform")
def _union_transform(code, union, rows):
    reject_other_output(union)
    if union.transformer_weights:
        raise Refusal("FeatureUnion with weights")
    parts = []
    for _, part in union.transformer_list:
        if part == "drop":
            continue
        parts += _numbers(rows if part in _PASSES else emit(code, part, "transform", rows))
    return _side_by_side(parts)


def _numbers(rows):
    cells, _ = cells_of(rows)
    return cells


def _side_by_side(parts):
    """Concatenate Numbers to one row with one type, like numpy.hstack."""
    kind = promoted([part.kind for part in parts])
    cast = {"float64": "(double)({})", "float32": "(float)({})"}.get(kind, "{}")
    return as_rows(part if part.kind == kind else Number(cast.format(part.code), kind) for part in parts)


def _chosen(transformer, name, columns, rows):
    """Return the columns of `rows` that a part of a ColumnTransformer gets, or None."""
    if isinstance(columns, (str, number_types.Integral)):
        raise Refusal("ColumnTransformer that passes one column to a transformer as a series")
    fitted = getattr(transformer, "feature_names_in_", None)
    places = _places(transformer, name, columns, fitted)
    if not places:
        return None
    cells, names = cells_of(rows)
    if names is not None and fitted is not None:
        # Selected by name, in any position; other columns are ignored.
        wanted = [fitted[place] for place in places]
        absent = [column for column in wanted if column not in rows.columns]
        if absent:
            raise Refusal(f"a table without the column {absent[0]!r}")
        return Frame({str(column): rows.columns[column] for column in wanted})
    if len(cells) != transformer.n_features_in_:
        raise Refusal(f"a model of {transformer.n_features_in_} features that gets {len(cells)}")
    if fitted is not None and not all(isinstance(column, number_types.Integral) for column in columns):
        raise Refusal("a model that needs a table with named columns gets a list")
    if names is not None:
        return Frame({names[place]: cells[place] for place in places})
    _reject_mixed_array(rows.items[0])
    return Vector((Vector(tuple(cells[place] for place in places), rows.items[0].kind),), rows.kind)


def _reject_mixed_array(row):
    """Raise Refusal for an array with both strings and numbers, which numpy has converted to text."""
    texts = [isinstance(cell, (Text, Sample)) for cell in row.items]
    if row.kind == "array" and any(texts) and not all(texts):
        raise Refusal("an array with both strings and numbers")


def _places(transformer, name, columns, fitted):
    """Return the indexes of a part's columns among those that the transformer was fitted with."""
    known = getattr(transformer, "_transformer_to_input_indices", None)
    if known is not None:
        return list(known[name])
    if isinstance(columns, slice) or callable(columns):
        raise Refusal("ColumnTransformer of scikit-learn before 1.1 with a slice or function of columns")
    places = []
    for column in columns:
        if isinstance(column, bool) or type(column).__name__ == "bool_":
            raise Refusal("ColumnTransformer of scikit-learn before 1.1 with a mask of columns")
        places.append(list(fitted).index(column) if isinstance(column, str) else int(column))
    return places
