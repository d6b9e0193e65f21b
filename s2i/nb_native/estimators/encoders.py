"""OneHotEncoder and OrdinalEncoder: categories of columns as numbers."""

import math

from nb_native.estimators import answers
from nb_native.estimators import categories as known
from nb_native.estimators.registry import form
from nb_native.estimators.rows import as_rows, cells_of, elements, reject_other_output
from nb_native.refusal import Refusal
from nb_native.values import Number

_KINDS = {"float64": "float64", "float32": "float32", "int64": "int64", "int32": "int64"}


def _cells(encoder, rows):
    """Return the cells of a row for an encoder, one per feature."""
    reject_other_output(encoder)
    cells, names = cells_of(rows)
    fitted = getattr(encoder, "feature_names_in_", None)
    if names is not None and fitted is not None and list(names) != list(fitted):
        raise Refusal("an encoder gets columns that it was not fitted with, or in another order")
    if len(cells) != len(encoder.categories_):
        raise Refusal(f"an encoder of {len(encoder.categories_)} columns is given {len(cells)}")
    if getattr(encoder, "_infrequent_enabled", False):
        raise Refusal(f"{type(encoder).__name__} that groups rare categories")
    return cells


def _typed(numbers, dtype):
    kind = _KINDS.get(getattr(dtype, "__name__", None) or str(dtype), {float: "float64", int: "int64"}.get(dtype))
    if kind is None:
        raise Refusal(f"an encoder whose dtype is {dtype}")
    casts = {"float64": "{}", "float32": "(float){}", "int64": "(int64_t){}"}
    return as_rows([Number(casts[kind].format(number.code), kind) for number in numbers])


def _reject_unknown(code, place, count):
    with code.block(f"if ({place} == {count})"):
        code.line("return NB_FAILED;")


@form("sklearn", ["OneHotEncoder"], "transform")
def _one_hot(code, encoder, rows):
    cells = _cells(encoder, rows)
    fails = encoder.handle_unknown == "error"
    if not fails and encoder.handle_unknown not in ("ignore", "infrequent_if_exist", "warn"):
        raise Refusal(f"OneHotEncoder with handle_unknown={encoder.handle_unknown!r}")
    drops = encoder.drop_idx_ if encoder.drop_idx_ is not None else [None] * len(cells)
    results, end = code.name("s"), 0
    lines = []
    for cell, categories, drop in zip(cells, map(known.constants, encoder.categories_), drops):
        count = len(categories)
        place = known.write_place(code, cell, categories)
        if fails:
            _reject_unknown(code, place, count)
        if drop is None:
            test, index = f"{place} != {count}", place
            width = count
        else:
            # Categories after the dropped one move up by one.
            test, index = f"{place} != {count} && {place} != {drop}", f"{place} - ({place} > {drop})"
            width = count - 1
        lines.append((test, f"{results}[{end} + {index}] = 1.0;"))
        end += width
    code.line(f"double {results}[{end}] = {{ 0.0 }};")
    for test, line in lines:
        with code.block(f"if ({test})"):
            code.line(line)
    return _typed(elements(results, end, "float64"), encoder.dtype)


@form("sklearn", ["OrdinalEncoder"], "transform")
def _ordinal(code, encoder, rows):
    cells = _cells(encoder, rows)
    numbers = []
    for cell, categories in zip(cells, map(known.constants, encoder.categories_)):
        count = len(categories)
        place = known.write_place(code, cell, categories)
        if encoder.handle_unknown == "use_encoded_value":
            number = f"{place} == {count} ? {answers.literal_of(encoder.unknown_value)} : {place}"
        else:
            _reject_unknown(code, place, count)
            number = place
        at = known.place_of_missing(categories)
        if at is not None:
            missing = getattr(encoder, "encoded_missing_value", math.nan)
            number = f"{place} == {at} ? {answers.literal_of(missing)} : ({number})"
        numbers.append(code.number("float64", number))
    return _typed(numbers, encoder.dtype)
