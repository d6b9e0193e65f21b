"""Compares, at the model call, the result for a row in a batch with the result for the row alone.

Whole numbers, texts and booleans are compared exactly. Floats may differ in their last bits, because the order of
summation depends on the number of rows; the tolerance depends on their precision.
"""

import re
import sys

from nb_scorer.batching.deferred import now
from nb_scorer.batching.shapes import top

_DIFFERENT, _NEAR, _EXACT = 0, 1, 2
# Bytes of a float: (relative tolerance, absolute tolerance). Measured on well-behaved models, with a margin.
_TOLERANCES = {2: (1e-2, 1e-3), 4: (1e-5, 1e-6), 8: (1e-6, 1e-9)}
# Attributes of a spaCy token that its pipes set.
_OF_TOKENS = ("text", "tag_", "pos_", "lemma_", "dep_", "ent_type_")
_INFINITE = float("inf")
# Parts that differ between messages of the same problem: XGBoost's start with the time, others contain an address.
_PASSING = re.compile(r"\b\d\d:\d\d:\d\d\b|\b0x[0-9a-fA-F]+\b")


def same_result(alone, together):
    """Return (whether the results are the same, whether they are identical to the last bit)."""
    # A result may be any object of any library, whose comparison may raise anything.
    try:
        grade = _compare(now(alone), now(together))
    except Exception:
        grade = _DIFFERENT
    return grade != _DIFFERENT, grade == _EXACT


def _compare(one, other):
    kind = type(one)
    if kind is not type(other):
        return _DIFFERENT
    if kind is float:
        return _compare_floats(one, other)
    if kind is dict:
        return _compare_all(one.values(), other.values()) if list(one) == list(other) else _DIFFERENT
    if isinstance(one, (list, tuple)):
        return _compare_all(one, other)
    return _SPECIAL.get(top(kind), _compare_others)(one, other)


def _compare_all(ones, others):
    if len(ones) != len(others):
        return _DIFFERENT
    grade = _EXACT
    for one, other in zip(ones, others):
        grade = min(grade, _compare(one, other))
        if grade == _DIFFERENT:
            break
    return grade


def _compare_floats(one, other):
    if one == other or (one != one and other != other):
        return _EXACT
    relative, absolute = _TOLERANCES[8]
    size = max(abs(one), abs(other))
    return _NEAR if size < _INFINITE and abs(one - other) <= max(relative * size, absolute) else _DIFFERENT


def _compare_others(one, other):
    if one is other:
        return _EXACT
    if isinstance(one, BaseException):
        return _EXACT if _PASSING.sub("", str(one)) == _PASSING.sub("", str(other)) else _DIFFERENT
    same = one == other
    return _EXACT if same is True or (same is False and one != one and other != other) else _DIFFERENT


def _compare_numpy(one, other):
    if not hasattr(one, "dtype"):
        return _compare_others(one, other)
    if one.shape != other.shape or not _same_types(one.dtype, other.dtype):
        return _DIFFERENT
    if one.dtype.names:
        return _compare_all([one[name] for name in one.dtype.names], [other[name] for name in one.dtype.names])
    if hasattr(one, "mask"):
        masks = _compare_arrays(sys.modules["numpy"].ma.getmaskarray(one), sys.modules["numpy"].ma.getmaskarray(other))
        return min(masks, _compare_arrays(one.filled(), other.filled()))
    return _compare_arrays(one, other)


def _same_types(one, other):
    # Texts are padded to the longest in the array, which differs in a batch.
    return one == other or (one.kind == other.kind and one.kind in "US")


def _compare_arrays(one, other):
    numpy = sys.modules["numpy"]
    one, other = numpy.asarray(one), numpy.asarray(other)
    kind = one.dtype.kind
    if kind == "O":
        return _compare_all(one.ravel().tolist(), other.ravel().tolist())
    equal = one == other
    if equal.all():
        return _EXACT
    if kind == "V":
        return _compare_short_floats(one, other)
    if kind in "fcmM":
        equal = equal | ((one != one) & (other != other))
        if equal.all():
            return _EXACT
    if kind not in "fc":
        return _DIFFERENT
    bytes_of_one = one.dtype.itemsize // (2 if kind == "c" else 1)
    return _near(numpy, one[~equal], other[~equal], _TOLERANCES[min(bytes_of_one, 8)])


def _compare_short_floats(one, other):
    """Compare floats of 16 bits or fewer whose type isn't numpy's own."""
    numpy = sys.modules["numpy"]
    one, other = one.astype("float32"), other.astype("float32")
    equal = (one == other) | ((one != one) & (other != other))
    return _EXACT if equal.all() else _near(numpy, one[~equal], other[~equal], _TOLERANCES[2])


def _near(numpy, one, other, tolerance):
    relative, absolute = tolerance
    wide = "complex128" if one.dtype.kind == "c" else "float64"
    one, other = one.astype(wide), other.astype(wide)
    if not (numpy.isfinite(one).all() and numpy.isfinite(other).all()):
        return _DIFFERENT
    # The difference of the largest floats may overflow.
    with numpy.errstate(all="ignore"):
        allowed = numpy.maximum(numpy.maximum(abs(one), abs(other)) * relative, absolute)
        return _NEAR if (abs(one - other) <= allowed).all() else _DIFFERENT


def _compare_scipy(one, other):
    if not hasattr(one, "tocsr"):
        return _compare_others(one, other)
    if one.shape != other.shape or one.format != other.format or one.dtype != other.dtype:
        return _DIFFERENT
    one, other = one.tocsr().copy(), other.tocsr().copy()
    one.sum_duplicates()
    other.sum_duplicates()
    if _compare_arrays(one.indptr, other.indptr) and _compare_arrays(one.indices, other.indices):
        return _compare_arrays(one.data, other.data)
    # Either may store zeros explicitly.
    return _compare_arrays(one.toarray(), other.toarray())


def _compare_pandas(one, other):
    if hasattr(one, "columns"):
        columns = min(_compare_index(one.columns, other.columns), _compare_index(one.index, other.index))
        return columns and min(
            columns,
            _compare_all(
                [one.iloc[:, place] for place in range(one.shape[1])],
                [other.iloc[:, place] for place in range(one.shape[1])],
            ),
        )
    if hasattr(one, "iloc"):
        if one.name != other.name or not _same_column_types(one.dtype, other.dtype):
            return _DIFFERENT
        return _compare_index(one.index, other.index) and _compare_values(one, other)
    if hasattr(one, "nlevels"):
        return _compare_index(one, other)
    if hasattr(one, "dtype") and hasattr(one, "__len__"):
        return _compare_values(one, other) if _same_column_types(one.dtype, other.dtype) else _DIFFERENT
    return _compare_others(one, other)


def _compare_index(one, other):
    # A RangeIndex and an Index of the same numbers are equivalent for all readers.
    same = one.dtype == other.dtype and list(one.names) == list(other.names) and one.equals(other)
    return _EXACT if same else _DIFFERENT


def _same_column_types(one, other):
    if one != other:
        return False
    categories = getattr(one, "categories", None)
    # For pandas, categories in another order are equal, but their codes differ.
    return categories is None or (one.ordered == other.ordered and categories.tolist() == other.categories.tolist())


def _compare_values(one, other):
    if len(one) != len(other):
        return _DIFFERENT
    if hasattr(one.dtype, "itemsize") and top(type(one.dtype)) == "numpy":
        return _compare_arrays(one, other)
    return _compare_all(one.astype(object).tolist(), other.astype(object).tolist())


def _compare_polars(one, other):
    if not hasattr(one, "to_dict"):
        if not hasattr(one, "to_list"):
            return _compare_others(one, other)
        return _compare_all(one.to_list(), other.to_list()) if one.dtype == other.dtype else _DIFFERENT
    if one.schema != other.schema:
        return _DIFFERENT
    return _compare(one.to_dict(as_series=False), other.to_dict(as_series=False))


def _compare_spacy(one, other):
    if not hasattr(one, "cats"):
        return _compare_others(one, other)
    return _compare(_of_document(one), _of_document(other))


def _of_document(document):
    tokens = [[getattr(token, name, None) for name in _OF_TOKENS] for token in document]
    spans = [(span.start_char, span.end_char, span.label_) for span in document.ents]
    return {"text": document.text, "cats": dict(document.cats), "tokens": tokens, "ents": spans}


def _compare_torch(one, other):
    if not hasattr(one, "detach"):
        return _compare_others(one, other)
    if one.dtype != other.dtype or one.shape != other.shape:
        return _DIFFERENT
    return (
        _compare_arrays(*map(_array_of_torch, (one, other)))
        if "bfloat16" not in str(one.dtype)
        else (_compare_short_floats(*[_array_of_torch(tensor.float()) for tensor in (one, other)]))
    )


def _array_of_torch(tensor):
    return tensor.detach().cpu().numpy()


def _compare_tensors(one, other):
    if not hasattr(one, "dtype") or not hasattr(one, "shape"):
        return _compare_others(one, other)
    if one.dtype != other.dtype or tuple(one.shape) != tuple(other.shape):
        return _DIFFERENT
    numpy = sys.modules["numpy"]
    return _compare_arrays(numpy.asarray(one), numpy.asarray(other))


_SPECIAL = {
    "numpy": _compare_numpy,
    "scipy": _compare_scipy,
    "pandas": _compare_pandas,
    "polars": _compare_polars,
    "spacy": _compare_spacy,
    "torch": _compare_torch,
    "jaxlib": _compare_tensors,
    "jax": _compare_tensors,
    "tensorflow": _compare_tensors,
    "keras": _compare_tensors,
}
